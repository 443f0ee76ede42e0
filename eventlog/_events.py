"""The event, and how a batch of them becomes bytes and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgpack
import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MAX_EVENT: Final = 1 << 20
"""Bytes of one encoded event. What is larger belongs in a file that the event names."""

MAX_PAYLOAD: Final = 64 << 20
"""Bytes of one encoded batch."""

MAX_DEPTH: Final = 500
"""How many lists and dicts may stand in each other: what msgpack reads in any version."""

_SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})


_REFUSALS: Final = (TypeError, ValueError, OverflowError, RecursionError)


class Event(msgspec.Struct, frozen=True, gc=False):
    """One thing that happened, as it stands in the log.

    Attributes:
        seq: Its place in the log: 1, 2, 3, ...
        time: Nanoseconds since 1970, UTC.
        kind: What happened, as a word such as `resource.registered`.
        guid: Which resource it is about; 0 for the whole.
        data: Its particulars: None, bool, int (64 bits), float, str, bytes, and lists and dicts (with str keys)
            of these, of exactly these types, so that what is read equals what was written.
        cause: The seq of the event that led to it; 0 for none.
        epoch: Which writer wrote it; each opening for writing has a higher one.
        version: The version of the kind's data.
    """

    seq: int
    time: int
    kind: str
    guid: int
    data: dict[str, Any]
    cause: int
    epoch: int
    version: int = 1


class Encoder:
    """Turns batches of events into payloads. For one thread at a time."""

    def __init__(self) -> None:
        self._packer = msgspec.msgpack.Encoder()

    def encode(self, events: Sequence[Event], *, first: int, epoch: int) -> bytes:
        """One msgpack array of event arrays `[kind, version, time, guid, cause, data]`.

        Args:
            events: At least one; seq counts up from `first`, each of `epoch`.
            first: The seq that the first event must have.
            epoch: The epoch that every event must have.

        Raises:
            TypeError: A value is of a type that would not come back as it was.
            ValueError: Wrong seq, epoch or cause, a number out of range, or too large.
        """
        arrays = [_array(event, seq, epoch) for seq, event in enumerate(events, first)]
        payload = self._pack(events, arrays)
        for event in events:
            _check_values(event)
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(
                f"events {first} to {first + len(events) - 1} take {len(payload)} bytes together; "
                f"one append may have {MAX_PAYLOAD}: append them in several batches"
            )
        return payload

    def _pack(self, events: Sequence[Event], arrays: list[list[Any]]) -> bytes:
        """All events at once; one after the other only if that fails, or if one of them may be too large."""
        try:
            payload = self._packer.encode(arrays)
        except _REFUSALS:
            payload = b""
        if not payload or len(payload) > MAX_EVENT:
            for event, array in zip(events, arrays, strict=True):
                self._check_alone(event, array)
        return payload

    def _check_alone(self, event: Event, array: list[Any]) -> None:
        try:
            record = self._packer.encode(array)
        except _REFUSALS as error:
            kind = TypeError if isinstance(error, TypeError) else ValueError
            raise kind(
                f"event {event.seq} ({event.kind}) cannot be written: {error}; see Event for the types"
            ) from error
        if len(record) > MAX_EVENT:
            raise ValueError(
                f"event {event.seq} ({event.kind}) takes {len(record)} bytes; an event may have {MAX_EVENT}: "
                "put large data in a file and its name in the event"
            )


def _array(event: Event, seq: int, epoch: int) -> list[Any]:
    """What is written of an event, if it is what is to come next."""
    if event.seq != seq or event.epoch != epoch or not 0 <= event.cause < seq:
        raise ValueError(_misplaced(event, seq, epoch))
    kind, version, time, guid, cause, data = event.kind, event.version, event.time, event.guid, event.cause, event.data
    if not (
        type(kind) is str and type(version) is type(time) is type(guid) is type(cause) is int and type(data) is dict
    ):
        types = ", ".join(f"{name}: {type(getattr(event, name)).__name__}" for name in event.__struct_fields__)
        raise TypeError(f"event {event.seq} has fields of wrong types ({types}); see Event for the right ones")
    return [kind, version, time, guid, cause, data]


def _misplaced(event: Event, seq: int, epoch: int) -> str:
    if event.seq != seq:
        return f"an event ({event.kind}) has seq {event.seq}; the next seq is {seq}"
    if event.epoch != epoch:
        return f"event {seq} ({event.kind}) has epoch {event.epoch}; this writer has epoch {epoch}"
    return f"event {seq} ({event.kind}) has cause {event.cause}; a cause is an earlier event, or 0"


def _check_values(event: Event) -> None:
    """Refuse what would be written and come back as something else (a tuple, an enum, a key that is a number)."""
    for key, value in event.data.items():
        kind = type(value)
        is_flat = kind in _SCALARS or (kind is list and _SCALARS.issuperset(map(type, value)))
        if not is_flat or type(key) is not str:
            _check_nested(event)
            return


def _check_nested(event: Event) -> None:
    level: list[Any] = [event.data]
    for _ in range(MAX_DEPTH):
        level = [part for container in level for part in _parts(event, container) if type(part) not in _SCALARS]
        if not level:
            return
    raise ValueError(f"event {event.seq} ({event.kind}) is nested more than {MAX_DEPTH} deep")


def _parts(event: Event, container: Any) -> Iterable[Any]:
    if type(container) is list:
        return container
    if type(container) is not dict:
        name = type(container).__name__  # the value itself may be a secret
        raise TypeError(f"event {event.seq} ({event.kind}) holds a {name}; see Event for the types that are kept")
    for key in container:
        if type(key) is not str:
            raise TypeError(f"event {event.seq} ({event.kind}) has the key {key!r}; keys are of type str")
    return container.values()


def decode(payload: bytes | memoryview, *, first: int, count: int, epoch: int) -> list[Event]:
    """The events of one batch.

    Raises:
        ValueError: The payload is not what `Encoder.encode` makes of `count` events.
    """
    try:
        events = [
            Event(seq, time, kind, guid, data, cause, epoch, version)
            for seq, (kind, version, time, guid, cause, data) in enumerate(
                msgpack.unpackb(payload, strict_map_key=True), first
            )
        ]
    except (TypeError, ValueError, msgpack.exceptions.UnpackException) as error:
        raise ValueError(f"the payload is not an array of events: {error}") from error
    if len(events) != count:
        raise ValueError(f"the payload has {len(events)} events, its header says {count}")
    return events
