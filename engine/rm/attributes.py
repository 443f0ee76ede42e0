"""Attributes: declared once and typed, which yields the check when set, the type for type checkers, and the help.

class Queue(ResourceManager, rtype="lab::Queue"):
    rate: int = attr(ge=1, help="Rate in bits per second.")
    colour: str | None = attr(default=None, choices=("green", "red"), help="Marking.")
"""

from __future__ import annotations

import inspect
import operator
import os
import types
from numbers import Real
from typing import TYPE_CHECKING, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from msgspec import Struct

from engine.core.errors import BadAttribute, UsageError, nearest
from engine.core.values import check_plain, copied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

When = Literal["design", "live", "never"]
WHEN: Final = get_args(When)
"""Until when an attribute can be set."""

REQUIRED: Final = object()
"""The default of an attribute that has none: a value must be given before the resource is deployed."""


def attr(
    *,
    default: Any = REQUIRED,
    help: str = "",  # noqa: A002 - fixed by the public contract
    ge: float | None = None,
    le: float | None = None,
    choices: Sequence[Any] | None = None,
    when: When = "design",
    secret: bool = False,
    check: Callable[[Any], object] | None = None,
) -> Any:
    """Declare an attribute of a resource type.

    Args:
        default: its value where none is set. Without a default a value must be set before the resource is deployed.
        help: one sentence for people, with the unit.
        ge: the least value, inclusive.
        le: the greatest value, inclusive.
        choices: the only values that it takes.
        when: until when it can be set: "design" while the resource is NEW, "live" until it has ended, "never".
        secret: its value is never logged, only where it comes from: ``env:NAME`` or ``file:PATH``.
        check: called with the converted value, unless that is None; what it raises as a ValueError is the reason for a
            refusal.

    Returns:
        A declaration, typed as anything so that it fits every annotation.

    Raises:
        BadAttribute: the default of a secret is a value, and not where one comes from; or the choices are a text.
    """
    if isinstance(choices, str):
        raise BadAttribute(f"choices lists the values, as in choices=({choices!r},); {choices!r} alone is letters")
    if secret and default is not REQUIRED:
        _check_source(default, "the default of an attribute")
    return Attribute(default, help, ge, le, None if choices is None else tuple(choices), when, secret, check)


class Attribute(Struct):
    """A declared attribute: `attr` makes it, and the class that it stands in gives it a name and a type."""

    default: Any
    help: str
    ge: float | None
    le: float | None
    choices: tuple[Any, ...] | None
    when: When
    secret: bool
    check: Callable[[Any], object] | None
    name: str = ""
    type: Any = str

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        return instance.value_of(self)

    def __set__(self, instance: Any, value: Any) -> None:
        raise AttributeError(f"{instance.rtype}.{self.name} is set by ec.set(), which logs it, not by assignment")

    @property
    def required(self) -> bool:
        """Whether a value must be set."""
        return self.default is REQUIRED

    def convert(self, value: Any, rtype: str) -> Any:
        """The value as the declared type has it.

        Raises:
            BadAttribute: it is not one that the attribute takes; the message says what would be.
        """
        where = f"{rtype}.{self.name}"
        converted = self._typed(value, where)
        if self.secret:
            _check_source(converted, where)
        if converted is not None:
            self._check_range(converted, where)
            self._check_meaning(converted, where)
        try:
            check_plain(converted, where)
        except UsageError as error:
            raise BadAttribute(str(error)) from None
        return copied(converted)

    def check_limits(self, where: str) -> None:
        """See that what is declared of its values fits its type.

        Raises:
            BadAttribute: it does not, so that no value would be taken, or some would break the check.
        """
        if (self.ge, self.le) != (None, None) and not {*_alternatives(self.type)} <= {int, float, Any, type(None)}:
            raise BadAttribute(f"{where}: ge and le are for int and float, and it is {describe_type(self.type)}")
        if self.ge is not None and self.le is not None and self.ge > self.le:
            raise BadAttribute(f"{where}: no value is at least {self.ge} and at most {self.le}")
        if self.choices == ():
            raise BadAttribute(f"{where}: choices names no value; leave it out where any may be given")
        for choice in self.choices or ():
            if not self._is_typed(choice):
                raise BadAttribute(f"{where} is {describe_type(self.type)}, so {choice!r} cannot be one of its choices")

    def _is_typed(self, value: Any) -> bool:
        """Whether a value is one of the declared type as it stands."""
        try:
            return bool(self._typed(value, "") == value)
        except BadAttribute:
            return False

    def take_default(self, rtype: str) -> None:
        """Have the default checked and converted like any other value.

        Raises:
            BadAttribute: it is none that the attribute takes.
        """
        if not self.required:
            try:
                self.default = self.convert(self.default, rtype)
            except BadAttribute as error:
                raise BadAttribute(f"the declared default is no value that the attribute takes: {error}") from error

    def initial(self) -> Any:
        """What it is where no value was set: its default, None if it has none."""
        return None if self.required else copied(self.default)

    def _told(self, value: Any) -> str:
        """A value for a message, unless it may be a secret."""
        return "what was given, which is not repeated here" if self.secret else repr(value)

    def _typed(self, value: Any, where: str) -> Any:
        for kind in _alternatives(self.type):
            try:
                return _convert(value, kind)
            except (TypeError, ValueError):
                continue
        raise BadAttribute(f"{where} takes {describe_type(self.type)}, not {self._told(value)}")

    def _check_range(self, value: Any, where: str) -> None:
        if self.choices is not None and value not in self.choices:
            raise BadAttribute(f"{where} is one of {', '.join(map(repr, self.choices))}, not {self._told(value)}")
        if self.ge is not None and not value >= self.ge:
            raise BadAttribute(f"{where} is at least {self.ge}, not {self._told(value)}")
        if self.le is not None and not value <= self.le:
            raise BadAttribute(f"{where} is at most {self.le}, not {self._told(value)}")

    def _check_meaning(self, value: Any, where: str) -> None:
        if self.check is not None:
            try:
                self.check(value)
            except ValueError as error:
                raise BadAttribute(f"{where}: {error}") from None
            except Exception as error:
                raise BadAttribute(
                    f"{where}: its check broke off with {type(error).__name__}: {error}; to refuse a value it raises "
                    f"a ValueError"
                ) from error


class AttributeValue(Struct, frozen=True):
    """An attribute of a resource, with its value, as it stood when it was asked for.

    Attributes:
        name: as it is declared.
        value: the one that was set, else the default. Of a secret, where it comes from.
        default: None where a value must be set.
        help: one sentence for people.
        type: the declared type, such as ``int`` or ``str | None``.
        choices: the only values that it takes; None if there are others.
    """

    name: str
    value: Any
    default: Any
    help: str
    type: Any
    choices: tuple[Any, ...] | None


def view(attribute: Attribute, value: Any) -> AttributeValue:
    """An attribute with this value, for people and scripts to look at."""
    default = attribute.initial()
    return AttributeValue(attribute.name, value, default, attribute.help, attribute.type, attribute.choices)


def _check_source(value: Any, where: str) -> None:
    if value and not str(value).startswith(("env:", "file:")):
        # The value itself must not show, so the message does not repeat it.
        raise BadAttribute(f"{where} is secret: give env:NAME or file:PATH, where its value is read from")


def _alternatives(declared: Any) -> tuple[Any, ...]:
    if get_origin(declared) in (Union, types.UnionType):
        return get_args(declared)
    return (declared,)


def describe_type(declared: Any) -> str:
    """The declared type for a message or a page."""
    return " or ".join(_shown(kind) for kind in _alternatives(declared))


def _shown(kind: Any) -> str:
    if kind is type(None):
        return "None"
    return kind.__name__ if isinstance(kind, type) and not get_args(kind) else str(kind)


_TRUE: Final = frozenset({"true", "yes", "on", "1"})
_FALSE: Final = frozenset({"false", "no", "off", "0"})


def _convert(value: Any, kind: Any) -> Any:
    """A value as one plain type; strings are read, since files hold nothing else."""
    origin = get_origin(kind)
    if kind is Any:
        return value
    if kind is type(None):
        return _none(value)
    if origin is list:
        return [_convert(item, get_args(kind)[0]) for item in _items(value)]
    if origin is dict:
        return {_convert(key, str): _convert(item, get_args(kind)[1]) for key, item in dict(value).items()}
    if kind not in _SCALARS:
        raise TypeError  # the annotation is none of ours: no value fits
    return _SCALARS[kind](value)


def _none(value: Any) -> None:
    if value is not None:
        raise ValueError


def _items(value: Any) -> list[Any]:
    if isinstance(value, str | bytes) or not hasattr(value, "__iter__"):
        raise TypeError
    return list(value)


def to_bool(value: Any, where: str) -> bool:
    """A yes or no that is given in a call, which may come from a file.

    Raises:
        UsageError: it is neither.
    """
    try:
        return _bool(value)
    except ValueError:
        raise UsageError(f"{where} is True or False, not {value!r}") from None


def _bool(value: Any) -> bool:
    word = str(value).lower()
    if isinstance(value, bool) or (isinstance(value, str) and word in _TRUE | _FALSE):
        return word in _TRUE
    raise ValueError


def _int(value: Any) -> int:
    if isinstance(value, str):
        return int(value)
    if isinstance(value, bool):
        raise TypeError
    return int(operator.index(value))  # also those of numpy


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, Real | str):
        raise TypeError
    return float(value)


def _str(value: Any) -> str:
    text = os.fspath(value)
    if not isinstance(text, str):
        raise TypeError
    return str(text)


def _bytes(value: Any) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError
    return bytes(value)


_SCALARS: Final[Mapping[Any, Callable[[Any], Any]]] = {
    bool: _bool,
    int: _int,
    float: _float,
    str: _str,
    bytes: _bytes,
}


def collect(cls: type) -> dict[str, Attribute]:
    """The attributes that a class declares or inherits, by name, each with its declared type.

    Raises:
        BadAttribute: an attribute has a type that none can have, or a default that it does not take.
    """
    found: dict[str, Attribute] = {}
    for base in reversed(cls.__mro__):
        declared = {name: value for name, value in vars(base).items() if isinstance(value, Attribute)}
        for name, annotation in _annotations(base, declared).items():
            _check_type(annotation, f"{base.__name__}.{name}", found.get(name) if name in _OURS else None)
            declared[name].type = annotation
        for attribute in declared.values():
            attribute.check_limits(f"{base.__name__}.{attribute.name}")
            attribute.take_default(getattr(cls, "rtype", "") or cls.__name__)
        found.update(declared)
    return found


_OURS: Final = frozenset({"critical", "hard_release"})
"""What the engine itself reads of every resource, so it stays what it is."""


def _check_type(declared: Any, where: str, ours: Attribute | None) -> None:
    if ours is not None and declared != ours.type:
        raise BadAttribute(
            f"{where} is {describe_type(declared)}, and the engine reads it as {describe_type(ours.type)}; keep that "
            f"type, or take another name"
        )
    for kind in _alternatives(declared):
        if not _is_possible(kind):
            raise BadAttribute(
                f"{where}: {_shown(kind)} is no type of an attribute; take bool, int, float, str, bytes, list[…], "
                f"dict[str, …], or one of these or None"
            )


def _is_possible(kind: Any) -> bool:
    """Whether `_convert` knows it."""
    if get_origin(kind) is list:
        return _is_possible(get_args(kind)[0])
    if get_origin(kind) is dict:
        return get_args(kind)[0] is str and _is_possible(get_args(kind)[1])
    return kind is Any or kind is type(None) or (isinstance(kind, type) and kind in _SCALARS)


def _annotations(base: type, names: Iterable[str]) -> dict[str, Any]:
    """The types of these names. Those of others may name what only type checkers import, so they are left alone.

    Raises:
        BadAttribute: one cannot be read.
    """
    annotations = inspect.get_annotations(base)
    written = {name: annotations[name] for name in names if name in annotations}
    stand_in = type(base.__name__, (), {"__annotations__": written, "__module__": base.__module__})
    try:
        return get_type_hints(stand_in)
    except (NameError, TypeError, SyntaxError) as error:
        raise BadAttribute(
            f"{base.__name__}: the types of its attributes cannot be read: {error}; what they name has to be imported "
            f"at run time, at the top of its module"
        ) from error


def convert(attributes: Mapping[str, Attribute], given: Mapping[str, Any], rtype: str) -> dict[str, Any]:
    """These values, each as its attribute has it, under the names that are declared.

    Raises:
        BadAttribute: there is no such attribute, or the value is none that it takes.
    """
    values: dict[str, Any] = {}
    for name, value in given.items():
        attribute = resolve(attributes, name, rtype)
        values[attribute.name] = attribute.convert(value, rtype)
    return values


def resolve(attributes: Mapping[str, Attribute], name: str, rtype: str) -> Attribute:
    """The attribute of that name; ``hardRelease`` finds ``hard_release``.

    Raises:
        BadAttribute: there is none; the message names the nearest ones.
    """
    if not isinstance(name, str):
        raise BadAttribute(f"the name of an attribute is a string, not {name!r}")
    found = attributes.get(name)
    if found is None:
        plain = name.replace("_", "").lower()
        found = next((attribute for key, attribute in attributes.items() if key.replace("_", "") == plain), None)
    if found is None:
        raise BadAttribute(f"{rtype} has no attribute {name!r}; {nearest(name, attributes)}")
    return found
