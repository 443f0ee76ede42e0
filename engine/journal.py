"""Core events to log records and back. The only module that knows both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import eventlog
from engine.core import events
from engine.core.apply import apply
from engine.core.encoding import from_data, to_data
from engine.core.errors import BadState
from engine.core.world import World

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

_AT: Final = "at"
"""Under this name the data of a record have where in his script the user asked for it. No event has such a field."""

_CALL: Final = "call"
"""The same of which call it was; see `events.Entry`."""


def to_record(entry: events.Entry) -> eventlog.Event:
    """What is written of an entry."""
    event = entry.event
    data = to_data(event)
    if entry.at:
        data[_AT] = entry.at
    if entry.call is not None:
        data[_CALL] = entry.call
    return eventlog.Event(entry.seq, entry.time, event.kind, event.guid, data, entry.cause, entry.epoch, event.version)


def to_entry(record: eventlog.Event) -> events.Entry:
    """The entry that was written.

    Raises:
        WrongVersion: the kind, or its version, is of a later netreel than this one.
    """
    known = events.KINDS.get(record.kind)
    if known is None or record.version > known.version:
        raise eventlog.WrongVersion(
            f"event {record.seq} is a {record.kind!r} of version {record.version}, which this netreel does not know; "
            f"it was written by a later one"
        )
    event = from_data(record.kind, record.version, record.guid, record.data)
    at, call = record.data.get(_AT, ""), record.data.get(_CALL)
    return events.Entry(record.seq, record.time, record.cause, record.epoch, event, at, call)


def place(record: eventlog.Event) -> str:
    """Where in his script the user asked for what was written; see `events.Entry`."""
    at: str = record.data.get(_AT, "")
    return at


def rebuild(records: Iterable[eventlog.Event], world: World | None = None) -> World:
    """The world that these events come to, from the beginning or from an earlier world, which is changed.

    Raises:
        WrongVersion: an event is of a later netreel than this one.
    """
    world = World() if world is None else world
    for record in records:
        apply(world, to_entry(record))
    world.take_touched()
    return world


def nothing_in(run_dir: str | os.PathLike[str]) -> BadState:
    """What to raise for a run without an event, of which there is nothing to see and nothing to go on with."""
    return BadState(f"{run_dir} holds no event: its controller ended before it wrote one; run the script anew")
