"""The log as its readers see it."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Self

from eventlog import _index, _reader
from eventlog._disk import RealDirectory
from eventlog._salvage import Salvaged, salvage
from eventlog.errors import Corrupt, NoLog

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from inotify_simple import INotify  # type: ignore[import-untyped]  # has no annotations

    from eventlog._disk import Directory
    from eventlog._events import Event
    from eventlog._reader import Span
    from eventlog._segments import Key
    from eventlog.errors import TornTail

DIRECTORY = "log"
"""The directory inside a run's own that holds its log."""


def open_log(run_dir: str | os.PathLike[str]) -> Log:
    """Open the log of a run for reading; it may be being written meanwhile.

    Raises:
        NoLog: The directory is not that of a run.
    """
    return Log(open_directory(run_dir))


def open_directory(run_dir: str | os.PathLike[str]) -> Directory:
    """Open the directory that holds the log of a run.

    Raises:
        NoLog: The directory is not that of a run.
    """
    path = Path(run_dir) / DIRECTORY
    try:
        return RealDirectory(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoLog(f"{run_dir} is not a run directory: it has no {DIRECTORY}/", path=path) from error


class Log:
    """A log that is open for reading, a context manager. Iterating yields its events in order."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        return self.read()

    def close(self) -> None:
        """Give up the directory."""
        self._directory.close()

    @property
    def torn(self) -> TornTail | None:
        """What a crash cut short at the end of the log; None if it ends well or is being written.

        Raises:
            Corrupt: The last segment is damaged.
        """
        view = _reader.look(self._directory)
        if view.damage:
            raise view.damage
        if view.live or not view.spans:
            return view.unfinished
        return view.unfinished or _reader.check(self._directory, view.spans[-1]).torn

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield the events behind seq `after`, up to the present end.

        Raises:
            Corrupt: The log is damaged; everything before the damage has been yielded.
            WrongVersion: The log is in a later format.
        """
        return Cursor(self._directory, after).drain()

    def salvage(self) -> Iterator[Salvaged]:
        """Yield what is intact behind the damage, marked with where it was found; nothing if there is no damage.

        Between these events others are missing, so they do not add up to a state that ever was.

        Raises:
            WrongVersion: The log is in a later format.
        """
        return salvage(self._directory, reached=self._last_before_damage())

    def _last_before_damage(self) -> int | None:
        """The seq of the last event that can be read; None if all can."""
        seq = 0
        try:
            for event in self.read():
                seq = event.seq
        except Corrupt:
            return seq
        return None

    def follow(self, timeout: float | None = None, *, after: int = 0) -> Iterator[Event]:
        """Yield the events behind seq `after`, and go on as more are written.

        Args:
            timeout: End when for so many seconds nothing new has come; None for never.
            after: Begin behind this seq.

        Raises:
            Corrupt: The log is damaged; everything before the damage has been yielded.
            WrongVersion: The log is in a later format.
        """
        # ctypes, which it is made with, takes a tenth of the time of a command that only reads.
        from inotify_simple import INotify, flags  # noqa: PLC0415

        cursor = Cursor(self._directory, after)
        with INotify() as inotify:
            inotify.add_watch(self._directory.path, flags.MODIFY | flags.CREATE | flags.CLOSE_WRITE)
            deadline = _deadline(timeout)
            while True:
                for event in cursor.drain():
                    yield event
                    deadline = _deadline(timeout)
                if not _wait(inotify, deadline):
                    return


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _wait(inotify: INotify, deadline: float | None) -> bool:
    """Sleep until something happens in the directory or the deadline has come; False if it was past already."""
    left = None if deadline is None else 1000 * (deadline - time.monotonic())
    if left is not None and left <= 0:
        return False
    inotify.read(timeout=left)
    return True


class Cursor:
    """A place in the log, which moves on as events are read."""

    def __init__(self, directory: Directory, after: int) -> None:
        self._directory = directory
        self._after = after
        self._key: Key | None = None
        self._start = 0
        self._seq = 0

    def drain(self) -> Iterator[Event]:
        """Yield the events from here to the present end of the log."""
        view = _reader.look(self._directory)
        for span in self._ahead(view.spans):
            if span.segment.key != self._key:
                self._enter(span)
            yield from self._events(span)
        if view.damage:
            raise view.damage

    def _ahead(self, spans: list[Span]) -> list[Span]:
        if self._key is not None:
            return [span for span in spans if span.segment.key >= self._key]
        passed = sum(span.segment.key.base <= self._after + 1 for span in spans)
        return spans[max(0, passed - 1) :]

    def _enter(self, span: Span) -> None:
        self._key = span.segment.key
        self._start, self._seq = _index.find(self._directory, span.segment, self._after + 1)

    def _events(self, span: Span) -> Iterator[Event]:
        for commit in _reader.commits(self._directory, span, start=self._start, seq=self._seq):
            following = commit.first + commit.number
            if following > self._after + 1:
                events = _reader.events(self._directory, span, commit)
                yield from events[max(0, self._after + 1 - commit.first) :]
            self._start, self._seq = commit.end, following
