"""Writing: one writer, one frame for each append, and no second try after a failure.

**Opening.** Take the lock; check everything that is there, which raises Corrupt before anything is changed;
leave a note of how far the log goes; begin a new segment that names how far its predecessor is good; sync it,
then its entry in the directory. Old bytes are never changed: a torn tail stays where it is.

**Failing.** After a failed sync the system may hold the pages for clean, so that the next sync succeeds while
the data are lost. So the first failure of any kind is the end of this writer.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self

from eventlog import _durable, _frame, _reader, _segments
from eventlog._events import Encoder
from eventlog._index import IndexWriter
from eventlog._segments import Key, Tail
from eventlog.errors import Locked, LogError, WriteFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from eventlog._disk import Directory, File, Lock
    from eventlog._events import Event

PATIENCE: Final = 1.0
"""Seconds to wait for the lock of a process that is dead; see `_is_dead`."""

_PAUSE: Final = 0.01


def open_writer(directory: Directory, holder: str) -> FileWriter:
    """Become the one writer of the log in `directory`, which the writer closes in the end.

    Raises:
        Locked: Somebody else is.
        Corrupt: The log is damaged; nothing has been touched.
        WrongVersion: The log is in a later format.
        WriteFailed: The disk failed.
    """
    with contextlib.ExitStack() as undo:
        undo.callback(directory.close)
        try:
            lock = _lock(directory, holder)
            undo.callback(lock.release)
            writer = _take_up(directory, lock)
        except OSError as error:
            raise WriteFailed(
                f"{directory.path}: the log cannot be opened for writing: {error}", path=directory.path
            ) from error
        undo.pop_all()
    return writer


def _lock(directory: Directory, holder: str) -> Lock:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    identity = {"holder": holder, "pid": os.getpid(), "host": socket.gethostname(), "since": since}
    given_up = time.monotonic() + PATIENCE
    while (lock := directory.lock(_reader.LOCK, identity)) is None:
        if not _is_dead(directory.holder(_reader.LOCK)) or time.monotonic() > given_up:
            raise _locked(directory, "another writer has it")
        time.sleep(_PAUSE)  # nobody tells of the end of a process that is not ours
    return lock


def _is_dead(holder: Mapping[str, Any]) -> bool:
    """Whether the process that took a lock is known to be gone.

    A child that it was just about to start may still have the lock, for as long as it takes to begin another program.
    """
    pid = holder.get("pid")
    if not isinstance(pid, int) or holder.get("host") != socket.gethostname():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def _locked(directory: Directory, why: str) -> Locked:
    path = directory.path / _reader.LOCK
    holder = directory.holder(_reader.LOCK)
    who = ", ".join(f"{key} {value}" for key, value in holder.items()) or "an unknown process"
    return Locked(f"{path}: the log cannot be written: {why}: {who}", path=path, holder=holder)


def _take_up(directory: Directory, lock: Lock) -> FileWriter:
    """Go on where the log ends, under a higher epoch than any before."""
    view = _reader.look(directory, writing=True)
    if view.damage:
        raise view.damage
    tail, seq = _segments.NOTHING, 1
    for span in view.spans:
        ending = _reader.check(directory, span)
        tail, seq = Tail(span.segment.key, ending.length, span.segment.salt), ending.seq
    used = _segments.keys(directory.names())
    epoch = 1 + max((key.epoch for key in used), default=0)
    note = directory.open(_durable.NAME)
    try:
        note.overwrite(_durable.compose(tail))
        segment = OpenSegment(directory, Key(epoch, seq), tail)
    except BaseException:
        note.close()
        raise
    return FileWriter(directory, lock, note, segment)


class OpenSegment:
    """The segment that is being written. Once it is made, it and its entry in the directory are durable."""

    def __init__(self, directory: Directory, key: Key, before: Tail) -> None:
        id_, created = _stamp()
        header = _segments.new_header(key, before, id_=id_, created=created)
        self.tail = Tail(key, len(header), _segments.parse_header(header).salt)
        self._index = IndexWriter(directory, key, self.tail.salt)
        self._file = directory.create(key.name)
        try:
            self._write(header)
            directory.sync()
        except BaseException:
            self.abandon()
            raise

    def append(self, payload: bytes, *, first: int, count: int) -> None:
        """Add a frame, and sync it."""
        frame = _frame.frame(payload, first=first, count=count, salt=self.tail.salt)
        self._write(frame)
        self.tail = self.tail._replace(length=self.tail.length + len(frame))
        self._index.add(first + count, self.tail.length)

    def close(self) -> None:
        """Give the files up."""
        self._index.close()
        self._file.close()

    def abandon(self) -> None:
        """The same, whatever the disk says to it."""
        with contextlib.suppress(OSError):
            self.close()

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while left:
            left = left[self._file.write(left) :]
        self._file.sync()


class FileWriter:
    """The writer of a log in files. For one thread at a time."""

    def __init__(self, directory: Directory, lock: Lock, note: File, segment: OpenSegment) -> None:
        self.epoch = segment.tail.key.epoch
        self.last_seq = segment.tail.key.base - 1
        self._directory = directory
        self._lock = lock
        self._note = note
        self._segment = segment
        self._encoder = Encoder()
        self._failure: BaseException | None = None
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def append(self, events: Sequence[Event]) -> None:
        """Add events, all or none; on return they are durable. See `Writer.append`."""
        self._check_usable()
        if not events:
            return
        payload = self._encoder.encode(events, first=self.last_seq + 1, epoch=self.epoch)
        try:
            self._check_place()
            if self._segment.tail.length >= _segments.FULL:
                self._rotate()
            self._segment.append(payload, first=self.last_seq + 1, count=len(events))
            self._note.overwrite(_durable.compose(self._segment.tail))
            self.last_seq += len(events)
        except BaseException as error:  # also an interrupt: what is half written must not be followed by anything
            self._failure = error
            if isinstance(error, OSError):
                raise self._failed() from error
            raise

    def close(self) -> None:
        """End writing, and let others write. See `Writer.close`."""
        if not self._open:
            return
        self._open = False
        try:
            self._segment.close()
        except OSError as error:
            if self._failure is None:
                self._failure = error
                raise self._failed() from error
        finally:
            self._let_go()

    def abandon(self) -> None:
        """End writing as a crash would. See `Writer.abandon`."""
        if self._open:
            self._open = False
            self._segment.abandon()
            self._let_go()

    def _let_go(self) -> None:
        """Give up everything else; the lock last of what others can see."""
        for give_up in (self._note.close, self._lock.release, self._directory.close):
            with contextlib.suppress(OSError):
                give_up()

    @property
    def _path(self) -> Path:
        return self._directory.path / self._segment.tail.key.name

    def _check_usable(self) -> None:
        if self._failure is not None:
            raise self._failed() from self._failure
        if not self._open:
            raise WriteFailed(f"{self._path}: this writer was closed", path=self._path)

    def _failed(self) -> LogError:
        if isinstance(self._failure, Locked):
            return Locked(str(self._failure), path=self._failure.path, holder=self._failure.holder)
        return WriteFailed(
            f"{self._path}: writing failed, and this writer accepts nothing any more: {self._failure!r}; "
            "open the log anew once the cause is gone",
            path=self._path,
            byte=self._segment.tail.length,
        )

    def _check_place(self) -> None:
        """See that the lock is still the one that others would find: whoever took it away may write by now."""
        if not self._lock.in_place():
            raise _locked(self._directory, "its lock file was taken away")

    def _rotate(self) -> None:
        """Begin another segment."""
        self._segment.close()
        self._segment = OpenSegment(self._directory, Key(self.epoch, self.last_seq + 1), self._segment.tail)


def _stamp() -> tuple[bytes, int]:
    """What tells a segment from every other, and when it was begun."""
    return os.urandom(16), time.time_ns()
