"""A run as it stood at single moments, and what can be told of each."""

from __future__ import annotations

from bisect import bisect_right
from enum import Enum
from operator import itemgetter
from typing import TYPE_CHECKING, Final

from msgspec import Struct

import eventlog
from engine import journal, snapshots
from engine.core.errors import ExperimentError
from engine.core.world import World
from engine.dates import NS, to_datetime
from replay.explaining import explained
from replay.history import History
from replay.telling import tell, with_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from engine.core import events

_EVERY: Final = 2_500
"""Events from one moment that is kept to the next, to begin with."""

_MOST: Final = 64
"""Of more, every second one is kept."""


class Asked(Enum):
    """What is wanted of a moment, beside how all stood."""

    WHY = "why"
    EVENTS = "events"


class Look(Struct, frozen=True):
    """A moment to look at.

    Attributes:
        seq: of its last event.
        time: in ns since 1970; None for now.
        guid: the resource that is asked about; 0 for none.
        asked: what is wanted of it.
        seqs: the events to tell.
        tick: a number that is another one if the same look may tell more by now.
    """

    seq: int
    time: int | None
    guid: int
    asked: Asked
    seqs: Sequence[int]
    tick: int = 0


class Moments:
    """How a run stood at any moment.

    Args:
        run_dir: the directory of the run.
    """

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._every = _EVERY
        self._kept: list[tuple[int, bytes]] = []

    def note(self, world: World) -> None:
        """Keep how it stands, now and then: else a log without snapshots would be read from its start each time."""
        if world.seq - self._last < self._every:
            return
        self._kept.append((world.seq, snapshots.dump(world)))
        if len(self._kept) > _MOST:
            self._kept = self._kept[1::2]
            self._every *= 2

    @property
    def _last(self) -> int:
        return self._kept[-1][0] if self._kept else 0

    def at(self, seq: int) -> World:
        """The experiment after an event. Any thread may ask.

        Raises:
            LogError: the log cannot be read up to there.
        """
        kept = list(self._kept)
        near = bisect_right(kept, seq, key=itemgetter(0)) - 1
        with eventlog.open(self._run_dir) as log:
            if near < 0 or seq - kept[near][0] > 2 * self._every:  # nothing was kept from there so far
                return world_at(self._run_dir, log, seq)
            world = snapshots.load(kept[near][1])
            assert world is not None, "it was packed by this very program"
            return _read_on(log, world, seq)


def told(run_dir: Path, world: World, look: Look) -> list[str]:
    """What is asked of a moment, line by line; or why it cannot be told.

    Args:
        run_dir: the directory of the run.
        world: the experiment at that moment.
        look: what is asked.
    """
    try:
        with eventlog.open(run_dir) as log:
            return list(_told(run_dir, log, world, look))
    except (eventlog.LogError, ExperimentError, OSError) as error:
        return [str(error)]


def world_at(run_dir: Path, log: eventlog.Log, seq: int) -> World:
    """The experiment after the event `seq`. Nothing behind that is read, so it may be damaged there."""
    return _read_on(log, snapshots.nearest(run_dir, log, seq, None) or World(), seq)


def _read_on(log: eventlog.Log, world: World, seq: int) -> World:
    return journal.rebuild(_up_to(log.read(after=world.seq), seq), world) if world.seq < seq else world


def _up_to(records: Iterable[eventlog.Event], seq: int) -> Iterator[eventlog.Event]:
    for record in records:
        yield record
        if record.seq == seq:
            return


def _told(run_dir: Path, log: eventlog.Log, world: World, look: Look) -> Iterator[str]:
    if look.asked is Asked.EVENTS:
        history = History(log, world.seq)
        entries = [history.get(seq) for seq in reversed(look.seqs)]  # with one, those before it are read
        yield from (_line(entry, world) for entry in reversed(entries))
    elif look.guid in world.resources:
        at = None if look.time is None else to_datetime(look.time)
        yield from str(explained(run_dir, log, world, world.resources[look.guid], at)).split("\n")


def _line(entry: events.Entry, world: World) -> str:
    return f"{entry.seq:>6} {(entry.time - world.start) / NS:>9.2f} s  {with_place(tell(entry, world), entry.at)}"
