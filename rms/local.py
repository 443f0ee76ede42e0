"""This machine as a host: the transport without a network.

Everything that happens later is told by one thread per transport, which sleeps in the kernel until inotify says that a
file has grown or a pidfd says that a process is gone. It starts when it is first needed.
"""

import errno
import io
import os
import secrets
import select
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Self

from engine.diagnostics import get_logger
from engine.rm.transport import CommandFailed, Completed, TransportLost
from rms._open_files import OPEN_FILES

__all__ = ["LocalTransport"]

_log = get_logger()

# A shell is given this as its program, and finds the script itself on its standard input, before the script's own
# input: so no script, which may hold a secret, shows among the arguments of a process. `read` takes no byte too many.
_READ_SCRIPT = """\
lines=$1 script=; shift
while [ "$lines" -gt 0 ]; do
    IFS= read -r line || exit
    script="$script$line
" lines=$((lines - 1))
done
eval "$script"
"""

# Found once: where the path is long, to try all of it anew takes longer than the shell itself.
_SHELL = shutil.which("sh") or "/bin/sh"

_HOST = "localhost"
_PIECE = 1 << 18  # bytes handed to a follower at once
_FED = 1 << 16  # bytes of input written at once: what a pipe holds


class LocalTransport:
    """A `Transport` to this machine, as this user."""

    host = _HOST

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._watcher: _Watcher | None = None
        self._closed = False

    def run(self, script: str, *args: str, stdin: bytes | IO[bytes] = b"", timeout: float | None = None) -> Completed:
        """See `Transport.run`. The script runs in `/`, with the environment of this process."""
        self._check_open()
        if "\0" in script:  # of the parameters, Popen says so
            raise ValueError("a script cannot have a NUL character in it")
        text = os.fsencode(script) + b"\n"
        program = OPEN_FILES.shell_text() + _READ_SCRIPT
        with self._spawn([_SHELL, "-c", program, "sh", str(text.count(b"\n")), *args]) as process:
            try:
                if isinstance(stdin, bytes) and len(stdin) <= _FED:
                    stdout, stderr = process.communicate(text + stdin, timeout)
                else:
                    with _Feeder(process, text, io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin) as feeder:
                        stdout, stderr = feeder.communicate(timeout)
            except BaseException as error:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise TransportLost(self.host, f"a script was not done after {timeout} s") from None
                raise
        return Completed(process.returncode, stdout, stderr)

    def _spawn(self, command: list[str]) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        try:
            # A session of its own: neither Ctrl-C at our terminal nor what is done to our group reaches it.
            return subprocess.Popen(  # noqa: S603 - to run what it is given is its purpose
                command, stdin=pipe, stdout=pipe, stderr=pipe, cwd="/", start_new_session=True
            )
        except OSError as error:
            raise self._failed("run", command[0], error) from error

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """See `Transport.read`."""
        self._check_open()
        try:
            # Of a pipe one might wait for ever, from its opening on.
            with open(path, "rb", opener=_open_at_once) as file:
                _check_kind(path, os.fstat(file.fileno()).st_mode)
                file.seek(offset)
                return file.read(-1 if size is None else size)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("read", path, error) from error

    def size(self, path: str) -> int | None:
        """See `Transport.size`."""
        self._check_open()
        try:
            told = Path(path).stat()
            _check_kind(path, told.st_mode)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._failed("size", path, error) from error
        return told.st_size

    def write(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """See `Transport.write`."""
        self._check_open()
        target = Path(path)
        draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
        try:
            _write_new(draft, data, mode)
            draft.replace(target)
        except OSError as error:
            with suppress(OSError):
                draft.unlink()
            raise self._failed("write", path, error) from error

    def follow(self, path: str, offset: int, on_data: Callable[[bytes], None]) -> "_Following":
        """See `Transport.follow`."""
        try:
            return self._watch().follow(path, offset, on_data)
        except OSError as error:
            raise self._failed("follow", path, error) from error

    def on_exit(self, pid: int, start_time: str, callback: Callable[[], None]) -> None:
        """See `Transport.on_exit`."""
        try:
            self._watch().on_exit(pid, start_time, callback)
        except OSError as error:
            raise self._failed("on_exit", str(pid), error) from error

    def close(self) -> None:
        """See `Transport.close`."""
        with self._lock:
            self._closed = True
            watcher, self._watcher = self._watcher, None
        if watcher is not None:
            watcher.close()

    def _check_open(self) -> None:
        if self._closed:
            raise _closed()

    def _watch(self) -> "_Watcher":
        with self._lock:
            self._check_open()
            if self._watcher is None:
                self._watcher = _Watcher()
            return self._watcher

    def _failed(self, verb: str, path: str, error: OSError) -> CommandFailed:
        return CommandFailed(self.host, f"{verb} {path}", error.errno or 1, error.strerror or str(error))


class _Feeder:
    """Writes a script and a stream to a process from a thread of its own, as `communicate` does it with bytes."""

    def __init__(self, process: subprocess.Popen[bytes], script: bytes, stream: IO[bytes]) -> None:
        assert process.stdin is not None
        self._pipe, process.stdin = process.stdin, None  # from now on it is ours
        self._process = process
        self._script = script
        self._stream = stream
        self._error: Exception | None = None
        self._moved = time.monotonic()  # when the last was taken
        self._thread = threading.Thread(target=self._feed, name="local-feeder", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def communicate(self, timeout: float | None) -> tuple[bytes, bytes]:
        """As that of the process; but its time begins anew whenever it takes something."""
        while True:
            moved = self._moved
            try:
                return self._process.communicate(timeout=timeout and max(0.0, moved + timeout - time.monotonic()))
            except subprocess.TimeoutExpired:
                if self._moved == moved:
                    raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # or the thread may wait for it for ever
        self._thread.join()
        if self._error is not None:
            raise self._error

    def _feed(self) -> None:
        with suppress(BrokenPipeError), self._pipe:  # whoever has ended does not want the rest
            try:
                self._pipe.write(self._script)
                while piece := self._stream.read(_FED):
                    self._moved = time.monotonic()
                    self._pipe.write(piece)
                    self._moved = time.monotonic()
            except BrokenPipeError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever is wrong with the stream is for the caller
                self._error = error
                with suppress(ProcessLookupError):
                    # Before the input ends: it must not take a part for the whole.
                    os.killpg(self._process.pid, signal.SIGKILL)
        self._moved = time.monotonic()  # it has taken the rest


def _closed() -> TransportLost:
    return TransportLost(_HOST, "this transport is closed, open a new one")


def _check_kind(path: str, mode: int) -> None:
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # of a directory the system itself has a word to say
        raise OSError(errno.EINVAL, f"{path} is no regular file")


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _write_new(path: Path, data: bytes, mode: int) -> None:
    with open(path, "xb", opener=lambda name, how: os.open(name, how, 0o600)) as file:
        file.write(data)
        os.fchmod(file.fileno(), mode)  # whatever the umask says


def _start_time(pid: int) -> str | None:
    try:  # a file of Python's would ask the kernel twice as often, and this is asked for each process
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        stat = os.read(file, 4096)
    except ProcessLookupError:
        return None
    finally:
        os.close(file)
    # The name of the program, field 2, may hold blanks and parentheses: the fields after it are counted from its end.
    return stat.rpartition(b") ")[2].split()[19].decode()


class _Watcher:
    """One thread that tells of everything that is watched.

    Any thread adds what is to be watched, under the lock; only the watcher's own reads, tells, and closes files.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._closing = False
        self._exits: dict[int, Callable[[], None]] = {}  # by pidfd
        self._followed: dict[int, list[_Following]] = {}  # by inotify's number of the file
        self._jobs: deque[Callable[[], None]] = deque()
        # Not before somebody watches something here: who has hosts over SSH alone never does.
        from inotify_simple import INotify, flags  # type: ignore[import-untyped]  # noqa: PLC0415 - it ships no types

        self._inotify = INotify(nonblocking=True)  # first: of these a user may have few
        self._modify = flags.MODIFY
        self._bell = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._epoll = select.epoll()
        self._epoll.register(self._bell, select.EPOLLIN)
        self._epoll.register(self._inotify.fileno(), select.EPOLLIN)
        self._thread = threading.Thread(target=self._work, name="local-transport", daemon=True)
        self._thread.start()

    def follow(self, path: str, offset: int, on_data: Callable[[bytes], None]) -> "_Following":
        """See `Transport.follow`; raises OSError."""
        following = _Following(self, _open_at_once(path, os.O_RDONLY | os.O_CLOEXEC), offset, on_data)
        try:
            _check_kind(path, os.fstat(following.fd).st_mode)
            with self._open():
                watch = self._inotify.add_watch(f"/proc/self/fd/{following.fd}", self._modify)
                self._followed.setdefault(watch, []).append(following)
        except BaseException:
            os.close(following.fd)
            raise
        self.submit(following.pump)
        return following

    def on_exit(self, pid: int, start_time: str, callback: Callable[[], None]) -> None:
        """See `Transport.on_exit`."""
        OPEN_FILES.make_room(len(self._exits))
        pidfd = _open_process(pid, start_time)
        if pidfd is None:
            self.submit(callback)
            return
        try:
            with self._open():
                self._epoll.register(pidfd, select.EPOLLIN)
                self._exits[pidfd] = callback
        except BaseException:
            os.close(pidfd)
            raise

    def submit(self, job: Callable[[], None]) -> None:
        """Has the watcher's thread do `job`, after what was submitted before."""
        with self._open():
            self._jobs.append(job)
            os.eventfd_write(self._bell, 1)

    def drop(self, following: "_Following") -> None:
        """Follows it no more; its file is closed by the watcher's thread, which may be reading it."""
        with suppress(TransportLost):  # closed: then it is dropped already
            self.submit(lambda: self._drop(following))

    def close(self) -> None:
        """Ends the thread; if this is the thread, it ends after the callback that it is in."""
        with suppress(TransportLost), self._open():
            self._closing = True
            os.eventfd_write(self._bell, 1)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._lock:
            if self._closing:
                raise _closed()
            yield

    def _work(self) -> None:
        while not self._closing:
            for fd, _ in self._epoll.poll():
                self._serve(fd)
        self._let_go()

    def _serve(self, fd: int) -> None:
        if fd == self._bell:
            os.eventfd_read(self._bell)
            while self._jobs:
                self._tell(self._jobs.popleft())
        elif fd == self._inotify.fileno():
            for following in self._grown():
                self._tell(following.pump)
        else:
            self._tell(self._take_exit(fd))

    def _tell(self, job: Callable[[], None]) -> None:
        if self._closing:
            return
        try:
            job()
        except Exception:  # noqa: BLE001 - one bad callback must not silence the others
            _log.exception("a callback raised", callback=repr(job))

    def _grown(self) -> list["_Following"]:
        events = self._inotify.read(timeout=0)
        with self._lock:
            watches = {event.wd for event in events}
            if -1 in watches:  # the kernel's queue was full and events are lost: look at every file
                watches = set(self._followed)
            return [following for watch in watches for following in self._followed.get(watch, ())]

    def _take_exit(self, pidfd: int) -> Callable[[], None]:
        with self._lock:
            callback = self._exits.pop(pidfd)
            self._epoll.unregister(pidfd)
        os.close(pidfd)
        return callback

    def _drop(self, following: "_Following") -> None:
        with self._lock:
            for watch, followings in list(self._followed.items()):
                if following in followings:
                    followings.remove(following)
                    os.close(following.fd)
                if not followings:
                    del self._followed[watch]
                    with suppress(OSError):  # the file is no more, and inotify has forgotten it by itself
                        self._inotify.rm_watch(watch)

    def _let_go(self) -> None:
        with self._lock:
            followed = [following.fd for followings in self._followed.values() for following in followings]
            for fd in [*self._exits, *followed, self._bell]:
                os.close(fd)
            self._inotify.close()
            self._epoll.close()


def _open_process(pid: int, start_time: str) -> int | None:
    try:
        pidfd = os.pidfd_open(pid)
    except ProcessLookupError:
        return None
    if _start_time(pid) == start_time:  # asked after the pidfd was opened: so the pidfd is of this very process
        return pidfd
    os.close(pidfd)
    return None


class _Following:
    """One file that is followed."""

    def __init__(self, watcher: _Watcher, fd: int, offset: int, on_data: Callable[[bytes], None]) -> None:
        self.fd = fd
        self._watcher = watcher
        self._offset = offset
        self._on_data = on_data
        self._closed = False

    def close(self) -> None:
        """See `Following.close`."""
        if not self._closed:
            self._closed = True
            self._watcher.drop(self)

    def pump(self) -> None:
        """Hands on what the file holds by now. Runs on the watcher's thread."""
        end = os.fstat(self.fd).st_size if not self._closed else 0
        while self._offset < end and not self._closed:  # up to here: a busy writer must not keep the others waiting
            data = os.pread(self.fd, min(_PIECE, end - self._offset), self._offset)
            if not data:
                return
            self._offset += len(data)
            self._on_data(data)
