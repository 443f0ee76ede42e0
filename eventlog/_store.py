"""Where a log is kept: the seam between those who use a log and the medium that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

from eventlog._disk import RealDirectory, make_directories
from eventlog._log import DIRECTORY, Log
from eventlog._writer import open_writer
from eventlog.errors import WriteFailed

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Sequence

    from eventlog._events import Event


class Writer(Protocol):
    """The one who writes a log. For one thread at a time; a context manager."""

    @property
    def epoch(self) -> int:
        """Which opening for writing this is: 1 for the first, and higher for each later one."""

    @property
    def last_seq(self) -> int:
        """The seq of the last event that was appended; 0 for none."""

    def append(self, events: Sequence[Event]) -> None:
        """Add events, all or none; on return they are durable. None at all is a no-op.

        Args:
            events: Numbered by the caller: seq from `last_seq + 1` on, epoch that of the writer.

        Raises:
            TypeError: A value is of a type that would not come back as it was; nothing was written.
            ValueError: Wrong seq, epoch or cause, or too large; nothing was written.
            WriteFailed: The medium failed, now or earlier. Whether these events were kept is found out by
                the next one who opens the log; this writer accepts nothing any more.
            Locked: Another writer has taken over; this writer accepts nothing any more.
        """

    def close(self) -> None:
        """End writing, and let others write. Idempotent.

        Raises:
            WriteFailed: The medium failed only now.
        """

    def abandon(self) -> None:
        """End writing as a crash would: nothing is put in order. Never fails."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exc_info: object) -> None: ...


class LogStore(Protocol):
    """A place that holds one log."""

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield the durable events behind seq `after`, in order; none for a log that was never written.

        Raises:
            Corrupt: The log is damaged; everything before the damage has been yielded.
            WrongVersion: The log is in a later format.
        """

    def open_writer(self, holder: str) -> Writer:
        """Become the one writer.

        Args:
            holder: Who this is, in words for whoever is refused meanwhile.

        Raises:
            Locked: Somebody else is writing.
            Corrupt: The log is damaged; nothing has been touched.
            WrongVersion: The log is in a later format.
            WriteFailed: The medium failed.
        """


class FileStore:
    """A log in the files below a run's directory."""

    def __init__(self, run_dir: str | os.PathLike[str]) -> None:
        self._path = Path(run_dir) / DIRECTORY

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield the durable events behind seq `after`; see `LogStore.read`."""
        if self._path.is_dir():
            with Log(RealDirectory(self._path)) as log:
                yield from log.read(after)

    def open_writer(self, holder: str) -> Writer:
        """Become the one writer; see `LogStore.open_writer`."""
        try:
            make_directories(self._path)
            directory = RealDirectory(self._path)
        except OSError as error:
            raise WriteFailed(f"{self._path}: the directory cannot be made: {error}", path=self._path) from error
        return open_writer(directory, holder)
