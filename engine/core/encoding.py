"""Events as plain values, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple, get_type_hints

from msgspec.structs import asdict

from engine.core.events import KINDS, UPCASTERS, Event
from engine.core.states import ResourceState, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

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
    """How the fields of one kind become data and come back: those that are not plain need a function.

    Fields are in the order of the class, without its first, `guid`.
    """

    names: tuple[str, ...]
    encoders: tuple[tuple[str, Callable[[Any], Any]], ...]
    decoders: tuple[tuple[int, Callable[[Any], Any]], ...]  # by the place of the field


def _codec(cls: type[Event]) -> _Codec:
    types = get_type_hints(cls)
    names = cls.__struct_fields__[1:]
    return _Codec(
        names,
        tuple((name, _ENCODERS[types[name]]) for name in names if types[name] in _ENCODERS),
        tuple((place, _DECODERS[types[name]]) for place, name in enumerate(names) if types[name] in _DECODERS),
    )


_CODECS: Final = {cls: _codec(cls) for cls in KINDS.values()}


def to_data(event: Event) -> dict[str, Any]:
    """The plain values of an event, without its guid."""
    data = asdict(event)
    del data["guid"]
    for name, encode in _CODECS[type(event)].encoders:
        data[name] = encode(data[name])
    return data


def from_data(kind: str, version: int, guid: int, data: Mapping[str, Any]) -> Event:
    """The event of these plain values, brought up to today's version first.

    Raises:
        KeyError: the kind is not known here.
    """
    cls = KINDS[kind]
    for old in range(version, cls.version):
        data = UPCASTERS[kind, old](dict(data))
    names, _, decoders = _CODECS[cls]
    values = [data[name] for name in names]
    for place, decode in decoders:
        values[place] = decode(values[place])
    return cls(guid, *values)
