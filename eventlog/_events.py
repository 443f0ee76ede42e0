"""The event, and how a batch of them becomes bytes and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgpack
from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_EVENT: Final = 1 << 20
"""Bytes of one encoded event. What is larger belongs in a file that the event names."""

MAX_PAYLOAD: Final = 64 << 20
"""Bytes of one encoded batch."""

_SCALARS: Final = frozenset({type(None), bool, int, float, str, bytes})


class Event(Struct, frozen=True, gc=False):
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
        self._packer = msgpack.Packer()

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
        records = [self._record(event, seq, epoch) for seq, event in enumerate(events, first)]
        payload = b"".join((self._packer.pack_array_header(len(records)), *records))
        if len(payload) > MAX_PAYLOAD:
            raise ValueError(
                f"events {first} to {first + len(records) - 1} take {len(payload)} bytes together; "
                f"one append may have {MAX_PAYLOAD}: append them in several batches"
            )
        return payload

    def _record(self, event: Event, seq: int, epoch: int) -> bytes:
        if event.seq != seq or event.epoch != epoch or not 0 <= event.cause < seq:
            raise ValueError(_misplaced(event, seq, epoch))
        array = [event.kind, event.version, event.time, event.guid, event.cause, event.data]
        try:
            record = self._packer.pack(array)
        except (TypeError, ValueError, OverflowError) as error:
            raise _refusal(event, error) from error
        _check_types(event)
        if len(record) > MAX_EVENT:
            raise ValueError(
                f"event {seq} ({event.kind}) takes {len(record)} bytes; an event may have {MAX_EVENT}: "
                "put large data in a file and its name in the event"
            )
        return record


def _misplaced(event: Event, seq: int, epoch: int) -> str:
    if event.seq != seq:
        return f"an event ({event.kind}) has seq {event.seq}; the next seq is {seq}"
    if event.epoch != epoch:
        return f"event {seq} ({event.kind}) has epoch {event.epoch}; this writer has epoch {epoch}"
    return f"event {seq} ({event.kind}) has cause {event.cause}; a cause is an earlier event, or 0"


def _refusal(event: Event, error: Exception) -> Exception:
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return kind(f"event {event.seq} ({event.kind}) cannot be written: {error}; see Event for the types")


def _check_types(event: Event) -> None:
    """Refuse what msgpack would take and give back as something else (a tuple, an enum, a key that is a number)."""
    if not (
        type(event.kind) is str
        and type(event.version) is type(event.time) is type(event.guid) is type(event.cause) is int
        and type(event.data) is dict
    ):
        types = ", ".join(f"{name}: {type(getattr(event, name)).__name__}" for name in event.__struct_fields__)
        raise TypeError(f"event {event.seq} has fields of wrong types ({types}); see Event for the right ones")
    _check_values(event)


def _check_values(event: Event) -> None:
    containers: list[Any] = [event.data]
    for value in containers:
        if type(value) is dict:
            for key, part in value.items():
                if type(key) is not str:
                    raise TypeError(f"event {event.seq} ({event.kind}) has the key {key!r}; keys are of type str")
                if type(part) not in _SCALARS:
                    containers.append(part)
        elif type(value) is list:
            containers += [part for part in value if type(part) not in _SCALARS]
        else:
            name = type(value).__name__  # the value itself may be a secret
            raise TypeError(f"event {event.seq} ({event.kind}) holds a {name}; see Event for the types that are kept")


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
