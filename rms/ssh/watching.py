"""What a host tells by itself: what is appended to a file, and which processes have ended.

Each is a script that runs on the host for as long as somebody wants to know. If the connection breaks, the link starts
it again where it was, and it ends what its predecessor may have left there.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import partial
from importlib import resources
from typing import TYPE_CHECKING, Final

from engine.diagnostics import get_logger
from engine.rm.transport import CommandFailed, TransportLost
from rms.ssh.errors import as_errno
from rms.ssh.messenger import Doorbell, messenger
from rms.ssh.session import Frame, Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from rms.ssh.link import Link

__all__ = ["Exits", "Follower", "Watch"]

_log = get_logger()

_SCRIPTS: Final = resources.files("rms.ssh")
_READY_TIMEOUT: Final = 60.0  # seconds
_CALM: Final = 2.0  # seconds
_REFUSED: Final = b"refused"
"""What a script says, without an end of line, that has complained of what it was given."""
_SOON: Final = 1.0  # seconds: what ends within them has not really begun
_FIRST_REST: Final = 0.25
_LONGEST_REST: Final = 10.0
"""Seconds until what could not begin tries again: each time twice as long as the one before."""


class Watch(ABC):
    """A script on the host that tells of something, over a session of its own.

    Attributes:
        refused: Whether the script has said itself that what it was to tell of is not there.
        not_before: Until when it rests, by the monotonic clock, since it could not begin, or ended at once.
    """

    _script: bytes

    def __init__(self, link: Link) -> None:
        self.refused = False
        self.not_before = 0.0
        self._rest = 0.0
        self._since = 0.0  # when it began, by the same clock
        self._link = link
        self._attaching = threading.Lock()
        self._session: Session | None = None
        self._frame = Frame(b"", ())
        self._line = b""  # what has come of a first line that is not complete
        self._predecessor = ("", "")  # its process group on the host, and when that began
        self._closed = False

    @property
    def attached(self) -> bool:
        """Whether it is heard, or nobody wants to hear it any more."""
        return self._closed or self._session is not None

    def attach(self) -> None:
        """Starts the script, unless it is heard.

        Raises:
            CommandFailed: The host refused. If `refused` is set, to try again is of no use.
            TransportLost: Nobody answered.
        """
        with self._attaching:
            if self.attached:
                return
            frame = Frame(self._script, (*self._predecessor, *self._args()), endless=True)
            session = self._link.open_session(stays=False)
            try:
                session.begin(frame)
                word, group, start, boot, *_ = self._first_line(session, frame).split()
            except BaseException:
                session.close()
                raise
            assert word == "ready"
            self._predecessor = (group, start)
            self._since = time.monotonic()
            self._begin(session, frame, boot)
            session.ring(Doorbell(self._hear))
            messenger.post(self._hear)  # of what came with the first line nobody rings
            if self._closed:  # meanwhile
                session.close()

    def _first_line(self, session: Session, frame: Frame) -> str:
        self._line = b""
        deadline = time.monotonic() + _READY_TIMEOUT
        while b"\n" not in self._line:
            gone = session.closed
            session.hear(frame)
            self._line += frame.output()
            if b"\n" in self._line:
                break
            if gone:
                raise self._refused(session, frame)
            if not session.wait(deadline):
                raise TransportLost(self._link.target.name, f"a script did not begin within {_READY_TIMEOUT:g} s")
        line, _, self._line = self._line.partition(b"\n")
        return line.decode()

    def _refused(self, session: Session, frame: Frame) -> CommandFailed | TransportLost:
        complaint = frame.complaint()
        if session.connection.why or not complaint:
            return session.ended(frame)
        self.refused = self._line == _REFUSED
        code, text = as_errno(complaint)
        # "Permission denied" may as well be said of a program.
        return CommandFailed(self._link.target.name, str(self), code, text if self.refused else complaint.strip())

    def _hear(self) -> None:
        """Runs on the messenger's thread."""
        session = self._session
        if session is None or self._closed:
            return
        gone = session.closed  # asked first: what came before the end is heard
        session.hear(self._frame)
        data, self._line = self._line + self._frame.output(), b""
        try:
            if data:
                self._take(data)
        finally:
            if gone:
                self._end(session)

    def _end(self, session: Session) -> None:
        if session.connection.why or time.monotonic() > self._since + _SOON:
            self._rest = 0.0
        else:
            self.rest("its script ended as soon as it had begun")
        self._session = None
        self._link.restore()

    def rest(self, why: str) -> None:
        """Has it not try again for some time."""
        if not self._rest:  # said once, as it may go on for long
            _log.warning("it cannot be watched for now", host=self._link.target.name, why=why)
        self._rest = min(max(2 * self._rest, _FIRST_REST), _LONGEST_REST)
        self.not_before = time.monotonic() + self._rest

    def close(self) -> None:
        """Ends it. Idempotent."""
        self._closed = True
        self._link.remove(self)
        session = self._session
        if session is not None:
            session.close()

    def _begin(self, session: Session, frame: Frame, boot: str) -> None:  # noqa: ARG002 - a file outlives a boot
        """It is heard from now on, in this boot of the host."""
        self._frame, self._session = frame, session

    @abstractmethod
    def _args(self) -> tuple[str, ...]:
        """What the script is given, after its predecessor."""

    @abstractmethod
    def _take(self, data: bytes) -> None:
        """What the script has said. Runs on the messenger's thread."""


class Follower(Watch):
    """A file that is followed."""

    _script = _SCRIPTS.joinpath("follow.sh").read_bytes()

    def __init__(self, link: Link, path: str, offset: int, on_data: Callable[[bytes], None]) -> None:
        super().__init__(link)
        self._path = path
        self._offset = offset
        self._on_data = on_data

    def __str__(self) -> str:
        return f"follow {self._path}"

    def _args(self) -> tuple[str, ...]:
        return (self._path, str(self._offset + 1))  # tail counts from one

    def _take(self, data: bytes) -> None:
        self._offset += len(data)
        self._on_data(data)


class Exits(Watch):
    """The processes of a host whose ends somebody waits for."""

    _script = _SCRIPTS.joinpath("exits.sh").read_bytes()

    def __init__(self, link: Link) -> None:
        super().__init__(link)
        self._lock = threading.Lock()
        self._sending = threading.Lock()  # another one, since whoever sends may be kept waiting
        self._boot = ""
        self._awaited: dict[str, tuple[str, list[Callable[[], None]]]] = {}  # boot and callbacks, by "pid start_time"

    def __str__(self) -> str:
        return "watch processes"

    @property
    def attached(self) -> bool:
        """Whether they are heard of, or nobody waits for any."""
        return super().attached or not self._awaited

    def await_exit(self, pid: int, start_time: str, callback: Callable[[], None]) -> None:
        """See `Transport.on_exit`."""
        process = f"{pid} {start_time}"
        with self._lock:
            session = self._session
            # Of which boot it is can only be said while the host is heard.
            boot = self._boot if session is not None and not session.closed else ""
            self._awaited.setdefault(process, (boot, []))[1].append(callback)
        if session is None:
            # Not at once: a host on which much is being started has better things to do, and short commands have ended.
            messenger.post_in(_CALM, self._link.restore)
            return
        self._send(session, [process])

    def _args(self) -> tuple[str, ...]:
        return ()

    def _begin(self, session: Session, frame: Frame, boot: str) -> None:
        with self._lock:  # who asks meanwhile must not take the boot before for this one
            super()._begin(session, frame, boot)
            self._boot = boot
            gone = [process for process, (began, _) in self._awaited.items() if began not in {"", boot}]
            left = [process for process in self._awaited if process not in gone]
            for process in left:
                self._awaited[process] = (boot, self._awaited[process][1])
        for process in gone:
            messenger.post(partial(self._tell, process))
        if left:
            self._send(session, left)

    def _send(self, session: Session, processes: list[str]) -> None:
        # Lines of several threads must not mix; and all are sent again when the host is back.
        with self._sending, suppress(TransportLost):
            session.send("".join(f"{process}\n" for process in processes).encode())

    def _take(self, data: bytes) -> None:
        *lines, self._line = data.split(b"\n")
        for line in lines:
            self._tell(line.decode().removeprefix("gone "))

    def _tell(self, process: str) -> None:
        with self._lock:
            _, callbacks = self._awaited.pop(process, ("", []))
        for callback in callbacks:
            messenger.post(callback)
