"""Snapshots of a run's world, so that a long log need not be folded from its first event.

A convenience, in files beside the log that may be deleted at any time: what cannot be used is passed over, and the log
is folded from further back. A snapshot is used only if the log has the very event after which it was taken.
"""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zlib import crc32

from msgspec import Struct, msgpack

from engine.core import snapshot

if TYPE_CHECKING:
    import os
    from collections.abc import Callable

    from engine.core.world import World
    from engine.home import Readable

DIRECTORY: Final = "snapshots"
"""The directory inside a run's own that holds its snapshots."""

_NAME: Final = re.compile(r"(\d{16})-(\d{20})\.snap")
_EVERY: Final = 5_000
_PER_RESOURCE: Final = 10


class _Found(Struct, frozen=True):
    path: Path
    seq: int
    time: int


class SnapshotWriter:
    """Takes a snapshot now and then. A failure to write one is no failure of the run.

    They are so far apart that taking them costs little beside the events between them: the more resources, the further.

    Args:
        run_dir: the directory of the run.
        later: has something done soon, elsewhere.
    """

    def __init__(self, run_dir: Path, later: Callable[[Callable[[], None]], None]) -> None:
        self._directory = run_dir / DIRECTORY
        self._later = later
        self._last = 0

    def look(self, world: World) -> None:
        """Take a snapshot if it is time for one."""
        if world.seq - self._last >= max(_EVERY, _PER_RESOURCE * len(world.resources)):
            self._last = world.seq
            name, data = f"{world.seq:016d}-{world.time:020d}.snap", dump(world)
            self._later(lambda: self._write(name, data))

    def _write(self, name: str, data: bytes) -> None:
        with contextlib.suppress(OSError):
            self._directory.mkdir(mode=0o700, exist_ok=True)
            draft = self._directory / f".{name}"
            draft.write_bytes(crc32(data).to_bytes(4, "big") + data)
            draft.replace(self._directory / name)


def dump(world: World) -> bytes:
    """A world as bytes."""
    return msgpack.encode(snapshot.to_plain(world, msgpack.encode))


def load(data: bytes) -> World | None:
    """The world that was dumped; None if that was done by another version.

    Raises:
        ValueError: it is damaged.
    """
    return snapshot.from_plain(msgpack.decode(data), msgpack.decode)


def nearest(run_dir: str | os.PathLike[str], log: Readable, seq: int | None, time: int | None) -> World | None:
    """The world of the latest snapshot that was taken no later than a seq and a time (ns since 1970); None if none is.

    Args:
        run_dir: the directory of the run.
        log: its log.
        seq: the last event that may be in it; None for any.
        time: the latest time that an event in it may have; None for any.
    """
    for found in _list(Path(run_dir)):
        if (seq is None or found.seq <= seq) and (time is None or found.time <= time):
            world = _read(found)
            if world is not None and _is_of(log, world):
                return world
    return None


def _list(run_dir: Path) -> list[_Found]:
    """The snapshots that are there, the latest first."""
    try:
        paths = list((run_dir / DIRECTORY).iterdir())
    except OSError:
        return []
    matches = ((path, _NAME.fullmatch(path.name)) for path in paths)
    found = [_Found(path, int(match[1]), int(match[2])) for path, match in matches if match is not None]
    return sorted(found, key=lambda each: each.seq, reverse=True)


def _read(found: _Found) -> World | None:
    try:
        data = found.path.read_bytes()
        if crc32(data[4:]) != int.from_bytes(data[:4], "big"):
            return None
        return load(data[4:])
    except (OSError, ValueError):
        return None


def _is_of(log: Readable, world: World) -> bool:
    """Whether the log has the event after which the world was taken."""
    record = next(log.read(after=world.seq - 1), None)
    return record is not None and (record.seq, record.time) == (world.seq, world.time)
