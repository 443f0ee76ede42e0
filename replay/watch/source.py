"""Who reads the log: a thread that goes through it once, and then follows it."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Final, NamedTuple

import eventlog
from engine import journal
from engine.core.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from engine.core import events

_AT_ONCE: Final = 400
"""How many events of those that are there already are heard together: a few milliseconds for whoever takes them."""

_AHEAD: Final = 50
"""How many times something may have been heard that nobody has taken yet."""


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
        self._heard: deque[list[Heard]] = deque()
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
        """Some of what was heard; if there is more, `poke` is called again."""
        self._has_told = False  # first: what is heard from here on is told again
        if not self._heard:
            return []
        taken = self._heard.popleft()
        self._room.release()
        if self._heard:
            self._tell()
        return taken

    def _follow(self) -> None:
        try:
            with eventlog.open(self._run_dir) as log:
                last = 0
                for batch in _in_batches(log.read()):
                    last = batch[-1].record.seq
                    if self._hear(batch):
                        return
                for record in log.follow(after=last):
                    if self._hear([Heard(record, journal.to_entry(record))]):
                        return
        except (eventlog.LogError, ExperimentError, OSError) as error:
            self.trouble = str(error)
            self._tell()

    def _hear(self, heard: list[Heard]) -> bool:
        """Have something taken; whether nothing more comes, or nobody wants it any more."""
        self._room.acquire()
        self._heard.append(heard)
        self._tell()
        return self._ended or heard[-1].record.kind == "run.closed"

    def _tell(self) -> None:
        if not self._has_told and not self._ended:
            self._has_told = True
            self._poke()


def _in_batches(records: Iterable[eventlog.Event]) -> Iterator[list[Heard]]:
    """What is there already; of a damaged log all that comes before the damage."""
    batch: list[Heard] = []
    try:
        for record in records:
            batch.append(Heard(record, journal.to_entry(record)))
            if len(batch) == _AT_ONCE:
                yield batch
                batch = []
    except eventlog.LogError:
        if batch:
            yield batch
        raise
    if batch:
        yield batch
