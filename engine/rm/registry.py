"""Resource types by name. They come from entry points and are loaded one by one, when first asked for."""

from __future__ import annotations

from contextlib import suppress
from functools import cache
from importlib.metadata import entry_points
from inspect import isgeneratorfunction
from typing import TYPE_CHECKING, Final

from engine.core.errors import BadConnection, UnknownResourceType, nearest
from engine.core.events import TypeDeclared
from engine.core.world import EXPERIMENT
from engine.rm.base import ANY, ResourceManager

if TYPE_CHECKING:
    from collections.abc import Iterable
    from importlib.metadata import EntryPoint

GROUP: Final = "netreel.resources"
"""The group of entry points in which packages announce their types."""


class ResourceFactory:
    """All resource types that can be used. There is one set of them in a process."""

    _types: Final[dict[str, type[ResourceManager]]] = {}

    @classmethod
    def register_type(cls, resource_type: type[ResourceManager]) -> None:
        """Make a type known under the name that it declares.

        Raises:
            UnknownResourceType: it declares none, or it is no resource type.
        """
        if not (isinstance(resource_type, type) and issubclass(resource_type, ResourceManager)):
            raise UnknownResourceType(f"{resource_type!r} is no resource type: it must extend ResourceManager")
        if not resource_type.rtype:
            name = resource_type.__name__
            raise UnknownResourceType(f'{name} has no type name: write class {name}(ResourceManager, rtype="…")')
        cls._types[resource_type.rtype] = resource_type

    @classmethod
    def get_resource_type(cls, rtype: str) -> type[ResourceManager]:
        """The type of that name, loaded if this is its first use.

        Raises:
            UnknownResourceType: there is none, or its package cannot be loaded; the message says which and why.
        """
        if not isinstance(rtype, str):
            raise UnknownResourceType(f"the name of a resource type is a string, not {rtype!r}")
        if rtype not in cls._types:
            cls._types[rtype] = _load(rtype)
        return cls._types[rtype]

    @classmethod
    def make_known(cls, resource_type: type[ResourceManager]) -> None:
        """Register a type unless that has been done, or its package announces it.

        Raises:
            UnknownResourceType: it has no name, or another type has it.
        """
        if cls._types.get(resource_type.rtype) is resource_type:
            return  # to look at what packages announce takes milliseconds
        if resource_type.rtype not in cls.resource_types():
            cls.register_type(resource_type)
        elif cls.get_resource_type(resource_type.rtype) is not resource_type:
            other = cls.get_resource_type(resource_type.rtype)
            raise UnknownResourceType(
                f"{resource_type.__module__}.{resource_type.__qualname__} is called {resource_type.rtype}, and so is "
                f"{other.__module__}.{other.__qualname__}: a name is that of one type"
            )

    @classmethod
    def resource_types(cls) -> list[str]:
        """The names of all types that can be used. Loads none of them."""
        return sorted({*cls._types, *(entry.name for entry in _announced())})


def declare(cls: type[ResourceManager]) -> TypeDeclared:
    """What the log is to say of a type. Asked for with every resource, so it is made once for each class.

    Raises:
        BadAttribute: the default of an attribute is no value that it takes.
    """
    if cls not in _DECLARED:
        _DECLARED[cls] = _declaration(cls)
    return _DECLARED[cls]


_DECLARED: Final[dict[type[ResourceManager], TypeDeclared]] = {}


def _declaration(cls: type[ResourceManager]) -> TypeDeclared:
    declared = cls.declared()
    return TypeDeclared(
        guid=EXPERIMENT,
        rtype=cls.rtype,
        lineage=cls.lineage(),
        hooks=[str(step) for step in cls.hooks()],
        links=[link.to_data() for link in cls.links.values()],
        attributes={name: attribute.default for name, attribute in declared.items() if not attribute.required},
        required=[name for name, attribute in declared.items() if attribute.required],
        traces={trace.name: trace.enabled for trace in cls.traces},
        waiting=[str(step) for step in cls.hooks() if isgeneratorfunction(getattr(cls, step))],
    )


def told_in_full(refused: BadConnection, rtypes: Iterable[str]) -> BadConnection:
    """The refusal of a resource that lacks a connection, with what could be connected where that has no type itself.

    Args:
        refused: what the engine said.
        rtypes: the types among which the resource's is.

    Raises:
        UnknownResourceType: nobody announces or extends such a type, so it can never be connected. When a class is
            made, those that it is linked to may still be unknown.
    """
    known = ResourceFactory.resource_types()
    hints = dict[str, str]()
    for rtype in rtypes:
        for link in ResourceFactory.get_resource_type(rtype).links.values():
            if not link.min or link.rtype in (ANY, *known):
                continue
            kinds = _kinds(link.rtype)
            if not kinds:
                raise UnknownResourceType(
                    f"{rtype} needs {link.min} {link.rtype} as its {link.name!r}, and there is no such resource type; "
                    f"{nearest(link.rtype, known)}"
                )
            if link.rtype in str(refused):
                hints[link.rtype] = f"; as a {link.rtype} goes {' or '.join(kinds)}"
    return BadConnection(f"{refused}{''.join(hints.values())}")


def _kinds(rtype: str) -> list[str]:
    """The types that extend one. Loads all that are announced."""
    found = []
    for name in ResourceFactory.resource_types():
        with suppress(UnknownResourceType):  # its package is broken, which is told to those who use it
            if rtype in ResourceFactory.get_resource_type(name).lineage():
                found.append(name)
    return found


@cache
def _announced() -> tuple[EntryPoint, ...]:
    # Once: to go through all packages that are installed takes as long as to log in to a host.
    return tuple(entry_points(group=GROUP))


def _load(rtype: str) -> type[ResourceManager]:
    found = [entry for entry in _announced() if entry.name == rtype]
    if not found:
        known = ResourceFactory.resource_types()
        raise UnknownResourceType(f"there is no resource type {rtype!r}; {nearest(rtype, known)}")
    try:
        loaded = found[0].load()
    except Exception as error:
        raise UnknownResourceType(
            f"{rtype} is announced as {found[0].value}, which cannot be loaded: {error}"
        ) from error
    if not (isinstance(loaded, type) and issubclass(loaded, ResourceManager)):
        raise UnknownResourceType(f"{rtype} is announced as {found[0].value}, which is no resource type")
    return loaded
