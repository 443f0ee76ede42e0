"""The end of a trace on the screen, as it grows."""

from __future__ import annotations

import threading
from codecs import getincrementaldecoder
from queue import SimpleQueue
from typing import TYPE_CHECKING, Final, Protocol

import eventlog
from engine.core.errors import ExperimentError, UsageError
from replay.following import Follow
from replay.patience import Patience
from replay.traces import NoTrace, Traces
from replay.watch.moments import world_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from replay.following import News

_LAST: Final = 32 * 1024
"""Bytes of what is there already that are shown."""

_AHEAD: Final = 32
"""How many pieces may wait until they are shown."""

_PATIENCE: Final = 24 * 3600.0
"""Seconds for which a host is waited for that has answered before."""


class Show(Protocol):
    """Shows a piece of a trace, or a remark about it."""

    def __call__(self, tail: Tail, text: str, *, is_remark: bool) -> None:
        """Show it."""


class _LetGo(Exception):
    """Nobody wants to see it any more."""


class Tail:
    """Follows a trace of a run, on a thread of its own.

    Args:
        run_dir: the directory of the run.
        seq: of the last event that was heard. What comes behind it is to be told to `hear`.
        guid: of the resource that records it.
        name: the trace.
        show: called from the thread with each piece, as text that spoils no terminal.
    """

    def __init__(self, run_dir: Path, seq: int, guid: int, name: str, show: Show) -> None:
        self.guid = guid
        self.name = name
        self._run_dir = run_dir
        self._seq = seq
        self._show = show
        self._news: SimpleQueue[News] = SimpleQueue()
        self._room = threading.Semaphore(_AHEAD)
        self._ended = False
        threading.Thread(target=self._run, name="netreel-tail", daemon=True).start()

    def hear(self, record: eventlog.Event) -> None:
        """What the log says next."""
        self._news.put(record)

    def stop(self) -> None:
        """Follow it no longer."""
        self._ended = True
        self._news.put(_LetGo())  # whether it waits for what comes next, or until what has come is shown
        self._room.release()

    def shown(self) -> None:
        """A piece was shown. Of those that were not there are only so many: a trace may grow faster than one reads."""
        self._room.release()

    def _run(self) -> None:
        decode = getincrementaldecoder("utf-8")("replace").decode
        try:
            for piece in self._pieces():
                self._put(decode(piece), is_remark=False)
        except _LetGo:
            return
        except (ExperimentError, eventlog.LogError, OSError) as error:
            self._tell(str(error))

    def _tell(self, remark: str) -> None:
        self._put(remark, is_remark=True)

    def _put(self, text: str, *, is_remark: bool) -> None:
        self._room.acquire()
        if self._ended:
            raise _LetGo
        self._show(self, printable(text), is_remark=is_remark)

    def _pieces(self) -> Iterator[bytes]:
        with eventlog.open(self._run_dir) as log:
            traces = Traces(self._run_dir, world_at(self._run_dir, log, self._seq))
        resource, ask = traces.find(self.guid), Patience(_PATIENCE, self._tell)
        try:
            yield from Follow(traces, resource, self.name, ask, self._tell, news=self._news, last=_LAST).pieces()
        except NoTrace:
            raise
        except UsageError:  # it is made when it is asked for, so there is nothing to follow
            reader = traces.reader(resource, self.name, ask)
            size = reader.size() or 0
            yield from reader.pieces(max(0, size - _LAST), size)


def printable(text: str) -> str:
    """A text without what would move the cursor of a terminal, or change its colours."""
    return "".join(char if char.isprintable() or char in "\n\t" else "" if char == "\r" else "·" for char in text)
