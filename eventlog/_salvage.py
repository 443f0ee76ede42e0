"""Reading what is intact behind damage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from eventlog import _durable, _frame, _segments
from eventlog._events import decode
from eventlog.errors import Corrupt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from eventlog._disk import Directory
    from eventlog._events import Event
    from eventlog._frame import Commit
    from eventlog._segments import Key


class Salvaged(Struct, frozen=True):
    """An event that stands behind damage: intact, but what led to it may be missing.

    Attributes:
        event: The event.
        path: The file that it was found in.
        byte: Where in that file its frame begins.
    """

    event: Event
    path: Path
    byte: int


def salvage(directory: Directory, reached: int | None) -> Iterator[Salvaged]:
    """Yield every intact event behind `reached`, in order; nothing if that is None."""
    if reached is None:
        return
    keys = _segments.keys(directory.names())
    salts = _salts(directory, keys)
    for key in keys:
        for found in _salvage_segment(directory, key, salts.get(key), reached):
            reached = found.event.seq
            yield found


def _salvage_segment(directory: Directory, key: Key, salt: int | None, reached: int) -> Iterator[Salvaged]:
    if salt is None:
        return
    data = directory.read(key.name, 0, _segments.LARGEST)
    path = directory.path / key.name
    for commit in _frame.scan(data, salt=salt, seq=reached + 1):
        for event in _events(commit, key.epoch):
            yield Salvaged(event, path, commit.start)


def _events(commit: Commit, epoch: int) -> list[Event]:
    try:
        return decode(commit.payload, first=commit.first, count=commit.number, epoch=epoch)
    except ValueError:
        return []  # part of the damage: its checksum is right, its content is not


def _salts(directory: Directory, keys: list[Key]) -> dict[Key, int]:
    """The salt of each segment: its own header says it, and its successor's, and for the last one the note."""
    salts = {}
    if note := _durable.read(directory):
        salts[note.key] = note.salt
    for key in keys:
        try:
            header = _segments.read_header(directory, key, last=False)
        except Corrupt:
            continue
        if isinstance(header, _segments.Segment):
            salts[key] = header.salt
            salts.setdefault(header.before.key, header.before.salt)
    return salts
