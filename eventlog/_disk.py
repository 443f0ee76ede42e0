"""What the log asks of a disk: the seam at which tests put a simulated one.

A `Directory` is one directory of plain files that are created, appended to, and read. Nothing is
truncated, renamed or removed. Its methods raise OSError, as the system does.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import struct
import weakref
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_FLOCK: Final = "hhqqi4x"  # struct flock of Linux on 64 bits: type, whence, start, length, pid
_EVERYTHING: Final = (0, 0, 0, 0)


class File(Protocol):
    """A file that is open for writing."""

    def write(self, data: bytes | memoryview) -> int:
        """Append; may write less than `data`, returns how much."""

    def overwrite(self, data: bytes) -> None:
        """Put `data` at the beginning of the file."""

    def sync(self) -> None:
        """Make what was written survive a loss of power."""

    def close(self) -> None:
        """Give the file up."""


class Lock(Protocol):
    """The right to write, for as long as it is held."""

    def in_place(self) -> bool:
        """Whether the locked file is still the one that others would find."""

    def release(self) -> None:
        """Let others have it."""


class Directory(Protocol):
    """One directory, by whose names files are found."""

    @property
    def path(self) -> Path:
        """Where it is, for messages and for inotify."""

    def names(self) -> list[str]:
        """The files in it, in any order."""

    def read(self, name: str, start: int, size: int) -> bytes:
        """At most `size` bytes from `start` on."""

    def size(self, name: str) -> int:
        """How many bytes a file has."""

    def create(self, name: str) -> File:
        """A new file that is open for writing; FileExistsError if there is one."""

    def open(self, name: str) -> File:
        """A file for `overwrite`, made if there is none."""

    def settle(self, name: str) -> None:
        """Sync a file that others wrote, and forget what is cached of it: what is read afterwards is on the disk."""

    def sync(self) -> None:
        """Make the entries of new files survive a loss of power."""

    def lock(self, name: str, holder: Mapping[str, object]) -> Lock | None:
        """Take the lock and write down who has it; None if somebody else does."""

    def locked(self, name: str) -> bool:
        """Whether somebody has the lock."""

    def holder(self, name: str) -> dict[str, Any]:
        """What the lock file says about who took it last; empty if it says nothing."""

    def close(self) -> None:
        """Give the directory up."""


class _Descriptor:
    """Something open, which is closed once at most: its number may be somebody else's afterwards."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class RealFile(_Descriptor):
    """A `File` of the system."""

    def write(self, data: bytes | memoryview) -> int:
        return os.write(self._fd, data)

    def overwrite(self, data: bytes) -> None:
        os.pwrite(self._fd, data, 0)

    def sync(self) -> None:
        os.fdatasync(self._fd)


class RealLock(_Descriptor):
    """A `Lock` on a file of the system: an open file description lock.

    It works like flock(2): it belongs to the open file, not to the process. So a child that Python forks gives its
    copy up at once (see below), or it would hold the lock of a parent that is dead. The difference is that others can
    ask for it (F_OFD_GETLK) without taking it for a moment, so a reader never gets in the way of a writer.
    """

    held: ClassVar[weakref.WeakSet[RealLock]] = weakref.WeakSet()

    def __init__(self, fd: int, name: str, directory_fd: int) -> None:
        super().__init__(fd)
        self._name = name
        self._directory_fd = directory_fd
        self.held.add(self)

    def in_place(self) -> bool:
        try:
            return os.path.samestat(os.fstat(self._fd), os.stat(self._name, dir_fd=self._directory_fd))
        except FileNotFoundError:
            return False

    def release(self) -> None:
        self.close()


def _forget_the_parents_locks() -> None:
    for lock in list(RealLock.held):
        lock.close()


os.register_at_fork(after_in_child=_forget_the_parents_locks)


class RealDirectory(_Descriptor):
    """A `Directory` of the system. It stays the same directory when it is renamed."""

    def __init__(self, path: Path) -> None:
        super().__init__(os.open(path, os.O_RDONLY | os.O_DIRECTORY))
        self._path = path

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        return self._path

    def names(self) -> list[str]:
        fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._fd)  # self._fd has one position for all threads
        try:
            return os.listdir(fd)  # noqa: PTH208  (a descriptor, not a path)
        finally:
            os.close(fd)

    def read(self, name: str, start: int, size: int) -> bytes:
        fd = self._open(name, os.O_RDONLY)
        try:
            size = min(size, max(0, os.fstat(fd).st_size - start))
            return os.pread(fd, size, start)
        finally:
            os.close(fd)

    def size(self, name: str) -> int:
        return os.stat(name, dir_fd=self._fd).st_size

    def create(self, name: str) -> RealFile:
        return RealFile(self._open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND))

    def open(self, name: str) -> RealFile:
        return RealFile(self._open(name, os.O_WRONLY | os.O_CREAT))

    def settle(self, name: str) -> None:
        fd = self._open(name, os.O_RDONLY)
        try:
            _sync_if_possible(fd)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(fd)

    def sync(self) -> None:
        _sync_if_possible(self._fd)

    def lock(self, name: str, holder: Mapping[str, object]) -> RealLock | None:
        fd = self._open(name, os.O_RDWR | os.O_CREAT)
        lock = RealLock(fd, name, self._fd)
        with contextlib.ExitStack() as undo:
            undo.callback(lock.release)
            if not (_take(fd) and lock.in_place()):
                return None
            text = json.dumps(dict(holder)).encode()
            os.pwrite(fd, text, 0)
            os.ftruncate(fd, len(text))
            undo.pop_all()
        return lock

    def locked(self, name: str) -> bool:
        try:
            fd = self._open(name, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            question = struct.pack(_FLOCK, fcntl.F_RDLCK, *_EVERYTHING)
            answer = fcntl.fcntl(fd, fcntl.F_OFD_GETLK, question)
        finally:
            os.close(fd)
        return bool(struct.unpack(_FLOCK, answer)[0] != fcntl.F_UNLCK)

    def holder(self, name: str) -> dict[str, Any]:
        with contextlib.suppress(OSError, ValueError):
            text = json.loads(self.read(name, 0, 65536))
            if isinstance(text, dict):
                return text
        return {}

    def _open(self, name: str, flags: int) -> int:
        try:
            return os.open(name, flags | os.O_CLOEXEC, 0o600, dir_fd=self._fd)
        except OSError as error:
            error.filename = str(self._path / name)  # as whoever reads the message has to look for it
            raise


def _sync_if_possible(fd: int) -> None:
    """Sync, unless the file system says that there is no such thing for this file: a directory, or read-only media."""
    try:
        os.fsync(fd)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.EROFS}:
            raise


def _take(fd: int) -> bool:
    try:
        fcntl.fcntl(fd, fcntl.F_OFD_SETLK, struct.pack(_FLOCK, fcntl.F_WRLCK, *_EVERYTHING))
    except OSError as error:
        if error.errno in {errno.EAGAIN, errno.EACCES}:
            return False
        raise
    return True


def make_directories(path: Path) -> None:
    """Make `path` and what is missing above it, private to the user, so that all of it survives a loss of power.

    What was there may be as new as what is made here, so every directory of this user on the way is synced.
    """
    path = path.absolute()
    _make(path)
    for parent in path.parents:
        if parent.stat().st_uid != os.geteuid():
            break
        with RealDirectory(parent) as directory:
            directory.sync()


def _make(path: Path) -> None:
    if not path.is_dir():
        _make(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
