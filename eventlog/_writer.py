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
from typing import TYPE_CHECKING, Self

from eventlog import _durable, _frame, _reader, _segments
from eventlog._events import Encoder
from eventlog._segments import Key, Tail
from eventlog.errors import Locked, LogError, WriteFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from eventlog._disk import Directory, File, Lock
    from eventlog._events import Event


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
    lock = directory.lock(_reader.LOCK, identity)
    if lock is None:
        raise _locked(directory, "another writer has it")
    return lock


def _locked(directory: Directory, why: str) -> Locked:
    path = directory.path / _reader.LOCK
    holder = directory.holder(_reader.LOCK)
    who = ", ".join(f"{key} {value}" for key, value in holder.items()) or "an unknown process"
    return Locked(f"{path}: the log cannot be written: {why}: {who}", path=path, holder=holder)


def _take_up(directory: Directory, lock: Lock) -> FileWriter:
    """Go on where the log ends, under a higher epoch than any before."""
    spans = _reader.look(directory, writing=True).spans
    tail, seq = _segments.NOTHING, 1
    for span in spans:
        ending = _reader.check(directory, span)
        tail, seq = Tail(span.segment.key, ending.length, span.segment.salt), ending.seq
    used = _segments.keys(directory.names())
    epoch = 1 + max((key.epoch for key in used), default=0)
    note = directory.open(_durable.NAME)
    try:
        return FileWriter(directory, lock, note, epoch=epoch, tail=tail, next_seq=seq)
    except BaseException:
        note.close()
        raise


class FileWriter:
    """The writer of a log in files. For one thread at a time."""

    def __init__(self, directory: Directory, lock: Lock, note: File, *, epoch: int, tail: Tail, next_seq: int) -> None:
        self.epoch = epoch
        self.last_seq = next_seq - 1
        self._directory = directory
        self._lock = lock
        self._note = note
        self._encoder = Encoder()
        self._failure: BaseException | None = None
        self._open = True
        self._tail = tail
        note.overwrite(_durable.compose(tail))
        self._begin_segment()

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
            if self._tail.length >= _reader.SEGMENT_SIZE:
                self._rotate()
            self._commit(payload, len(events))
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
            self._file.close()
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
            with contextlib.suppress(OSError):
                self._file.close()
            self._let_go()

    def _let_go(self) -> None:
        """Give up everything else; the lock last of what others can see."""
        for give_up in (self._note.close, self._lock.release, self._directory.close):
            with contextlib.suppress(OSError):
                give_up()

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
            byte=self._tail.length,
        )

    def _commit(self, payload: bytes, count: int) -> None:
        frame = _frame.frame(payload, first=self.last_seq + 1, count=count, salt=self._tail.salt)
        _write_all(self._file, frame)
        self._file.sync()
        self._tail = self._tail._replace(length=self._tail.length + len(frame))
        self._note.overwrite(_durable.compose(self._tail))
        self.last_seq += count

    def _rotate(self) -> None:
        newest = max(_segments.keys(self._directory.names()))
        if newest.epoch > self.epoch:
            raise _locked(self._directory, f"it was taken over, as {newest.name} shows")
        if not self._lock.in_place():
            raise _locked(self._directory, "its lock file was replaced")
        self._file.close()
        self._begin_segment()

    def _begin_segment(self) -> None:
        key = Key(self.epoch, self.last_seq + 1)
        id_, created = _stamp()
        header = _segments.new_header(key, self._tail, id_=id_, created=created)
        self._path = self._directory.path / key.name
        self._file = self._directory.create(key.name)
        _write_all(self._file, header)
        self._file.sync()
        self._directory.sync()
        self._tail = Tail(key, len(header), _segments.parse_header(header).salt)


def _stamp() -> tuple[bytes, int]:
    """What tells a segment from every other, and when it was begun."""
    return os.urandom(16), time.time_ns()


def _write_all(file: File, data: bytes) -> None:
    """Write `data` however many calls it takes."""
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]
