"""Events as plain values, and back."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_type_hints

from engine.core.events import KINDS, UPCASTERS, Event
from engine.core.states import ResourceState, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

# A dictionary finds the member of an enumeration, or its name, several times faster than the enumeration does.
_STEPS: Final = {step.value: step for step in Step}
_STATES: Final = {state.name: state for state in ResourceState}
_STEP_NAMES: Final = {step: step.value for step in Step}
_STATE_NAMES: Final = {state: state.name for state in ResourceState}
_ENCODERS: Final[Mapping[Any, Callable[[Any], Any]]] = {
    Step: _STEP_NAMES.__getitem__,
    list[Step]: lambda steps: [_STEP_NAMES[step] for step in steps],
    ResourceState: _STATE_NAMES.__getitem__,
}
_DECODERS: Final[Mapping[Any, Callable[[Any], Any]]] = {
    Step: _STEPS.__getitem__,
    list[Step]: lambda names: [_STEPS[name] for name in names],
    ResourceState: _STATES.__getitem__,
}


class _Codec(NamedTuple):
    """How the fields of one kind become data and come back: only those that are not plain need a function.

    Fields are in the order of the class, without its first, `guid`; functions stand with the place of their field.
    """

    names: tuple[str, ...]
    values: Callable[[Event], Iterable[Any]]
    encoders: tuple[tuple[int, Callable[[Any], Any]], ...]
    decoders: tuple[tuple[int, Callable[[Any], Any]], ...]


def _codec(cls: type[Event]) -> _Codec:
    types = get_type_hints(cls)
    names = cls.__struct_fields__[1:]
    return _Codec(
        names,
        _getter(names),
        tuple((place, _ENCODERS[types[name]]) for place, name in enumerate(names) if types[name] in _ENCODERS),
        tuple((place, _DECODERS[types[name]]) for place, name in enumerate(names) if types[name] in _DECODERS),
    )


def _getter(names: tuple[str, ...]) -> Callable[[Event], Iterable[Any]]:
    """What reads these fields of an event, in order."""
    match names:
        case ():
            return lambda _: ()
        case (name,):
            get = attrgetter(name)
            return lambda event: (get(event),)
        case _:
            return attrgetter(*names)


_CODECS: Final = {cls: _codec(cls) for cls in KINDS.values()}


def to_data(event: Event) -> dict[str, Any]:
    """The plain values of an event, without its guid."""
    names, get, encoders, _ = _CODECS[type(event)]
    values = list(get(event))
    for place, encode in encoders:
        values[place] = encode(values[place])
    return dict(zip(names, values, strict=True))


def from_data(kind: str, version: int, guid: int, data: Mapping[str, Any]) -> Event:
    """The event of these plain values, brought up to today's version first.

    Raises:
        KeyError: the kind is not known here.
    """
    cls = KINDS[kind]
    for old in range(version, cls.version):
        data = UPCASTERS[kind, old](dict(data))
    names, _, _, decoders = _CODECS[cls]
    values = [data[name] for name in names]
    for place, decode in decoders:
        values[place] = decode(values[place])
    return cls(guid, *values)
