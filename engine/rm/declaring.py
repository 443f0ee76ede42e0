"""What is checked of a resource type when its class is made, so that a mistake is told where it stands."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Final

from engine.core.errors import BadAttribute, UsageError
from engine.core.states import Step
from engine.rm.attributes import WHEN, Attribute
from engine.rm.links import LinkDeclaration
from engine.rm.traces import Trace

if TYPE_CHECKING:
    from collections.abc import Callable

_CALLED: Final = (
    *Step,
    *("setup", "probe", "exited", "on_set", "on_connect", "on_disconnect", "trace_path", "trace_size", "read_trace"),
)
"""What the engine calls."""


def check_class(cls: type, root: type) -> None:
    """See that a class can be a resource type.

    Args:
        cls: the class.
        root: the base class of all types, which says how the engine calls them.

    Raises:
        BadAttribute: an attribute is declared wrongly, or under a name that is taken.
        UsageError: something else is wrong with the class.
    """
    _check_rtype(cls, cls.__dict__["rtype"])
    if inspect.getattr_static(cls, "__init__") is not inspect.getattr_static(root, "__init__"):
        raise UsageError(f"{cls.__name__} has an __init__ of its own; define setup(self), which comes before any hook")
    _check_names(cls, root)
    _check_attributes(cls)
    _check_traces(cls, getattr(cls, "traces", ()))
    for name in _CALLED:
        if getattr(cls, name) is not getattr(root, name):
            where, hook = f"{cls.__name__}.{name}", inspect.getattr_static(cls, name)
            _check_called(where, hook, getattr(root, name), may_yield=name in Step.__members__.values())


def _check_rtype(cls: type, rtype: Any) -> None:
    if not isinstance(rtype, str) or not rtype.isprintable() or " " in rtype:
        raise UsageError(
            f"{cls.__name__} is called {rtype!r}: the name of a type is a text without spaces and control characters, "
            f"such as lab::{cls.__name__}"
        )


def _check_names(cls: type, root: type) -> None:
    """An attribute that hides a hook or a method would break the engine far from here; so would what hides one."""
    for name, value in vars(cls).items():
        where = f"{cls.__name__}.{name}"
        is_needed = not isinstance(getattr(root, name, None), Attribute | None)
        if is_needed and isinstance(value, Attribute | LinkDeclaration):
            raise BadAttribute(f"{where}: {root.__name__} needs this name itself; take another one")
        inherited = getattr(super(cls, cls), name, None)
        if isinstance(inherited, Attribute) and not isinstance(value, Attribute):
            raise BadAttribute(
                f"{where} = {value!r} hides an attribute: write {name}: … = attr(default=…), with its type"
            )


def _check_attributes(cls: type) -> None:
    for base in cls.__mro__:
        annotated = inspect.get_annotations(base)
        for name, value in vars(base).items():
            if isinstance(value, Attribute):
                _check_attribute(value, f"{base.__name__}.{name}", has_type=name in annotated)


def _check_attribute(attribute: Attribute, where: str, *, has_type: bool) -> None:
    if not has_type:
        raise BadAttribute(f"{where} has no type: write {attribute.name}: int = attr(…), or whichever type it has")
    if attribute.when not in WHEN:
        raise BadAttribute(f"{where}: when={attribute.when!r} is none of {', '.join(WHEN)}")
    if attribute.check is not None and not callable(attribute.check):
        raise BadAttribute(f"{where}: check is a function of the value, not {attribute.check!r}")


def _check_traces(cls: type, traces: Any) -> None:
    if not isinstance(traces, tuple) or not all(isinstance(trace, Trace) for trace in traces):
        raise UsageError(f'{cls.__name__}.traces is a tuple such as (Trace("log", "What it says."),), not {traces!r}')
    names = [trace.name for trace in traces]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"{cls.__name__}.traces has {name!r} more than once; give each trace a name of its own")


def _check_called(where: str, hook: Any, declared: Callable[..., Any], *, may_yield: bool) -> None:
    """See that what a class has can be called as the engine calls it."""
    expected = inspect.signature(declared)
    right = f"write def {where.rpartition('.')[2]}{_plain(expected)}"
    function = hook.__func__ if isinstance(hook, staticmethod | classmethod) else hook
    if not callable(function):
        raise UsageError(f"{where} is called by the engine, and {hook!r} is no function; {right}")
    if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function):
        raise UsageError(f"{where} is async, and nobody would await it: hooks run on workers and may block; {right}")
    if inspect.isgeneratorfunction(function) and not may_yield:
        raise UsageError(f"{where} has a yield in it, so nothing of it would run; {right}")
    if not _takes(hook, function, expected):
        raise UsageError(f"{where}{_plain(inspect.signature(function))} cannot be called as the engine does; {right}")


def _takes(hook: Any, function: Any, expected: inspect.Signature) -> bool:
    """Whether it takes the arguments that the base class takes."""
    parameters = list(expected.parameters.values())
    if isinstance(hook, staticmethod) or not hasattr(hook, "__get__"):
        parameters = parameters[1:]  # it is called without the manager
    by_name = {it.name: None for it in parameters if it.kind is it.KEYWORD_ONLY}
    try:
        inspect.signature(function).bind(*[None] * (len(parameters) - len(by_name)), **by_name)
    except TypeError:
        return False
    return True


def _plain(signature: inspect.Signature) -> inspect.Signature:
    """The names of the parameters and their defaults, without the rest."""
    empty = inspect.Parameter.empty
    parameters = [
        it.replace(annotation=empty, kind=it.POSITIONAL_OR_KEYWORD if it.kind is it.POSITIONAL_ONLY else it.kind)
        for it in signature.parameters.values()
    ]
    return signature.replace(parameters=parameters, return_annotation=inspect.Signature.empty)
