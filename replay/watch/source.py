"""Who reads the log: a thread that goes through it once and then follows it, and looks back at single moments."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, NamedTuple

import eventlog
from engine import journal, snapshots
from engine.core.errors import ExperimentError
from engine.core.world import World
from engine.dates import NS, to_datetime
from replay.explaining import explained
from replay.history import History
from replay.telling import tell, with_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from engine.core import events

_AHEAD: Final = 20_000
"""How many events the thread may have read that nobody has taken yet."""

_SLICE: Final = 400
"""How many are taken at once: a few milliseconds."""


class Heard(NamedTuple):
    """An event, as it was written and as it is meant."""

    record: eventlog.Event
    entry: events.Entry


class Source:
    """Hears all that the log of a run says, from its first event on.

    Its thread ends with the process, or with the run.

    Args:
        run_dir: the directory of the run.
        poke: called from the thread when there is something to `take`, once until it is taken.
    """

    def __init__(self, run_dir: Path, poke: Callable[[], object]) -> None:
        self.trouble = ""
        self._run_dir = run_dir
        self._poke = poke
        self._heard: deque[Heard] = deque()
        self._room = threading.Semaphore(_AHEAD)
        self._has_told = False
        self._ended = False

    def start(self) -> None:
        """Begin to hear."""
        threading.Thread(target=self._follow, name="netreel-watch", daemon=True).start()

    def stop(self) -> None:
        """Hear no more."""
        self._ended = True
        self._room.release(_AHEAD)

    def take(self) -> list[Heard]:
        """Some of what was heard; if there may be more, `poke` is called again."""
        self._has_told = False  # first: what is heard from here on is told again
        taken = [self._heard.popleft() for _ in range(min(_SLICE, len(self._heard)))]
        if taken:
            self._room.release(len(taken))
        if self._heard:
            self._tell()
        return taken

    def _follow(self) -> None:
        try:
            with eventlog.open(self._run_dir) as log:
                for record in log.follow():
                    self._room.acquire()
                    if self._ended:
                        return
                    self._heard.append(Heard(record, journal.to_entry(record)))
                    self._tell()
                    if record.kind == "run.closed":
                        return
        except (eventlog.LogError, ExperimentError, OSError) as error:
            self.trouble = str(error)
            self._tell()

    def _tell(self) -> None:
        if not self._has_told and not self._ended:
            self._has_told = True
            self._poke()


# --- moments --------------------------------------------------------------------------------------------------------


class Asked(Enum):
    """What is wanted of a moment, beside how all stood."""

    WHY = "why"
    EVENTS = "events"


@dataclass(frozen=True, slots=True)
class Look:
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


def stood(run_dir: Path, seq: int) -> World:
    """The experiment after the event `seq`.

    Raises:
        LogError: the log cannot be read up to there.
    """
    with eventlog.open(run_dir) as log:
        return world_at(run_dir, log, seq)


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
    world = snapshots.nearest(run_dir, log, seq, None) or World()
    return journal.rebuild(_up_to(log.read(after=world.seq), seq), world) if world.seq < seq else world


def _up_to(records: Iterable[eventlog.Event], seq: int) -> Iterator[eventlog.Event]:
    for record in records:
        yield record
        if record.seq == seq:
            return


def _told(run_dir: Path, log: eventlog.Log, world: World, look: Look) -> Iterator[str]:
    if look.asked is Asked.EVENTS:
        history = History(log, world.seq)
        for seq in look.seqs:
            yield _line(history.get(seq), world)
    elif look.guid in world.resources:
        at = None if look.time is None else to_datetime(look.time)
        yield from str(explained(run_dir, log, world, world.resources[look.guid], at)).split("\n")


def _line(entry: events.Entry, world: World) -> str:
    return f"{entry.seq:>6} {(entry.time - world.start) / NS:>9.2f} s  {with_place(tell(entry, world), entry.at)}"
