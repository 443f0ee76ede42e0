"""All that a process has to do with one host: its connections, the shells that are fed, and what is watched there."""

from __future__ import annotations

import errno
import io
import os
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from typing import IO, TYPE_CHECKING, Final

from engine.diagnostics import get_logger
from engine.rm.transport import CommandFailed, Completed, TransportLost
from rms.ssh.attending import Attendant
from rms.ssh.connection import Connection, Full
from rms.ssh.login import log_in
from rms.ssh.messenger import messenger
from rms.ssh.session import Frame, Session
from rms.ssh.watching import Exits, Watch

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from rms.ssh.attending import OnEnd
    from rms.ssh.config import Target
    from rms.ssh.login import Login

__all__ = ["Link", "OnChange", "closed"]

OnChange = Callable[[datetime | None, str], None]
"""Told since when a host has not answered, and why; with None and "" that it answers again."""

_log = get_logger()

_SHELLS: Final = 8
"""Shells per host that are fed; whoever finds all of them busy waits."""
_FRAMED: Final = 16384
"""Bytes of script and input that travel in a frame. What is larger gets a channel of its own."""
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 10.0
"""Seconds between attempts to reach a host that does not answer: each twice as long as the one before."""
_KILL_TIMEOUT: Final = 5.0


class Link:
    """A host, shared by everybody in this process who needs it. Reached when it is first needed.

    Attributes:
        target: The host.
        lost_since: When it was lost; None if it is not.
    """

    def __init__(self, target: Target, gateway: Link | None) -> None:
        self.target = target
        self.gateway = gateway
        self.lost_since: datetime | None = None
        self._why_lost = ""
        self._changed = threading.Condition()
        self._connections: list[Connection] = []
        self._logging_in = False
        self._closed = False
        self._lost: TransportLost | None = None  # why the last attempt to log in failed
        self._pause = 0.0
        self._not_before = 0.0
        self._idle: list[Session] = []
        self._shells = 0
        self._most_shells = _SHELLS
        self._restoring = False
        self._listeners: list[OnChange] = []
        self._attendant = Attendant(self)
        self.exits = Exits(self)
        self._watches: list[Watch] = [self.exits]

    # --- Running scripts.

    def run(
        self, script: str, args: Sequence[str], stdin: bytes | IO[bytes], timeout: float | None, *, light: bool = False
    ) -> Completed:
        """See `Transport.run`; and `Frame` for the rest."""
        deadline = None if timeout is None else time.monotonic() + timeout
        late = f"a script was not done after {timeout} s"
        frame = Frame(os.fsencode(script), args, light=light)
        try:
            if isinstance(stdin, bytes) and _fits(frame.script, stdin):
                frame.stdin = stdin
                with self._shell(deadline) as session:
                    return self._run(session, frame, deadline)
            late += " in which it took no input"
            stream = io.BytesIO(stdin) if isinstance(stdin, bytes) else stdin
            session = self.open_session(stays=False, deadline=deadline)
            done = self._run(session, frame, deadline, stream, timeout)
        except TimeoutError:
            raise TransportLost(self.target.name, late) from None
        session.close()
        return done

    def _run(
        self,
        session: Session,
        frame: Frame,
        deadline: float | None,
        stream: IO[bytes] | None = None,
        timeout: float | None = None,
    ) -> Completed:
        """Has a session run a frame. If that goes wrong, the session is closed, now or soon.

        A stream may take longer than until the deadline; `timeout` is how many seconds it may stand still.
        """
        try:
            session.begin(frame, deadline)
            if stream is None:
                return session.result(frame, deadline)
            session.send_all(stream, timeout)
            return session.result_of_input(frame, timeout)
        except TransportLost:
            session.close()
            raise
        except BaseException:
            # Not here: it takes as long as the host likes, and the caller has waited long enough.
            threading.Thread(target=self._kill, args=(session, frame), name="ssh-kill", daemon=True).start()
            raise

    def attend(
        self, script: str, args: Sequence[str], stdin: bytes, timeout: float, on_end: OnEnd
    ) -> bytes | Completed | None:
        """See `Attending.attend`."""
        frame = Frame(os.fsencode(script), args, stdin, light=True)
        return self._attendant.attend(frame, timeout, on_end) if _fits(frame.script, stdin) else None

    def _kill(self, session: Session, frame: Frame) -> None:
        """Ends a script that must neither go on unseen nor take a part of its input for the whole."""
        deadline = time.monotonic() + _KILL_TIMEOUT
        with suppress(TransportLost, CommandFailed):  # it may well be that nobody answers
            session.hear(frame)
            while frame.group is None and not session.closed and session.wait(deadline):
                session.hear(frame)
            if frame.group is not None:
                # Over a channel of its own: the shells may all be as busy. Until the session is closed, its shell is
                # there, and nobody else has its number.
                self.run('kill -s KILL -- "-$1"', [str(frame.group)], io.BytesIO(), _KILL_TIMEOUT)
        session.close()

    @contextmanager
    def _shell(self, deadline: float | None) -> Iterator[Session]:
        """A shell that is free. One that did not come to the end of its script is not used again."""
        session = self._take_shell(deadline)
        done = False
        try:
            yield session
            done = True
        finally:
            with self._changed:
                if done:
                    self._idle.append(session)
                else:
                    self._shells -= 1
                self._changed.notify_all()

    def lend_shell(self, deadline: float) -> Session:
        """A shell for a script that may take very long: for others there may be as many besides."""
        session = self._take_shell(deadline)
        with self._changed:
            self._shells -= 1
            self._changed.notify_all()
        return session

    def return_shell(self, session: Session) -> None:
        """Takes a shell back, or ends it, if there are enough."""
        with self._changed:
            wanted = self._shells < self._most_shells
            if wanted:
                self._shells += 1
                self._idle.append(session)
                self._changed.notify_all()
        if not wanted:
            session.close()

    def _take_shell(self, deadline: float | None) -> Session:
        while True:
            with self._changed:
                session = self._idle_shell(deadline)
                if session is not None:
                    return session
                self._shells += 1
                first = self._shells == 1
            try:
                return self.open_session(stays=True, must=first, deadline=deadline)
            except BaseException as error:
                with self._changed:
                    self._shells -= 1
                    self._changed.notify_all()
                    if not isinstance(error, Full):
                        raise
                    self._most_shells = max(1, self._shells)

    def _idle_shell(self, deadline: float | None) -> Session | None:
        """Waits for one; None if there may be one more. The lock is held."""
        while True:
            self._check_open()
            while self._idle:
                session = self._idle.pop()
                if not session.closed:
                    return session
                self._shells -= 1
            if self._shells < self._most_shells:
                return None
            if not self._changed.wait(None if deadline is None else max(0.0, deadline - time.monotonic())):
                raise TimeoutError

    # --- Connections.

    def open_session(self, *, stays: bool, must: bool = True, deadline: float | None = None) -> Session:
        """See `Session`. A host that opens no more of them on a connection gets another connection.

        Raises:
            TimeoutError: It was not there by the deadline.
            Full: It opens no more on those that are there, and `must` is false.
            CommandFailed, TransportLost: See `log_in`.
        """
        self.connection()
        with self._changed:
            connections = [each for each in self._connections if each.alive]
        for connection in connections:
            with suppress(Full):
                return connection.open_session(stays=stays, deadline=deadline)
        if not must:
            raise Full
        try:
            return self._log_in().open_session(stays=stays, deadline=deadline)
        except Full:
            why = "it lets us in, but opens no session: see MaxSessions in its sshd_config"
            raise CommandFailed(self.target.name, "open a session", errno.EACCES, why) from None

    def connection(self) -> Connection:
        """One that is alive; logs in if there is none, unless that has just failed.

        Raises:
            CommandFailed, TransportLost: See `log_in`.
        """
        with self._changed:
            while True:
                self._check_open()
                for connection in self._connections:
                    if connection.alive:
                        return connection
                if not self._logging_in:
                    break
                self._changed.wait()
            if self._lost is not None and time.monotonic() < self._not_before:
                raise TransportLost(*self._lost.args)
            self._logging_in = True
        try:
            return self._log_in()
        finally:
            with self._changed:
                self._logging_in = False
                self._changed.notify_all()

    def _log_in(self) -> Connection:
        try:
            connection = Connection(self.target, self._reach(), self._on_lost)
        except (CommandFailed, TransportLost) as failure:
            self._note_failure(failure)
            raise
        with self._changed:
            if self._closed:
                connection.close()
                self._check_open()
            self._connections.append(connection)
            self._note_found()
        return connection

    def _reach(self) -> Login:
        if self.gateway is None:
            return log_in(self.target)
        try:
            through = self.gateway.connection()
        except TransportLost as lost:
            raise TransportLost(self.target.name, f"its gateway {lost.host} does not answer: {lost.why}") from lost
        except CommandFailed as failed:
            why = f"its gateway does not let us through: {failed}"
            raise CommandFailed(self.target.name, "log in", failed.code, why) from failed
        with through.logins:
            return log_in(self.target, through.open_tunnel)

    def _note_failure(self, failure: CommandFailed | TransportLost) -> None:
        with self._changed:
            self._pause = min(max(2 * self._pause, _FIRST_PAUSE), _LONGEST_PAUSE)
            self._not_before = time.monotonic() + self._pause
            # Who is refused and tries again has changed something; who is not answered just tries again.
            self._lost = failure if isinstance(failure, TransportLost) else None

    def _note_found(self) -> None:
        """The lock is held."""
        self._lost, self._pause, self._most_shells = None, 0.0, _SHELLS
        if self.lost_since is not None:
            lost_for = (datetime.now(UTC) - self.lost_since).total_seconds()
            _log.info("host answers again", host=self.target.name, lost_for=lost_for)
            self.lost_since = None
            self._tell_all("")
        self._changed.notify_all()

    def _on_lost(self, connection: Connection) -> None:
        """Runs on the messenger's thread."""
        with self._changed:
            if connection in self._connections:
                self._connections.remove(connection)
            if self._closed:
                return
            if not self._connections and self.lost_since is None:
                self.lost_since = datetime.now(UTC)
                _log.warning("host lost", host=self.target.name, why=connection.why)
                self._tell_all(connection.why)
        self.restore()

    def listen(self, on_change: OnChange) -> None:
        """Has the loss of the host told, and that it answers again, on the messenger's thread."""
        with self._changed:
            self._listeners.append(on_change)
            if self.lost_since is not None:
                messenger.post(partial(on_change, self.lost_since, self._why_lost))

    def unlisten(self, on_change: OnChange) -> None:
        """Has it told no more."""
        with self._changed, suppress(ValueError):
            self._listeners.remove(on_change)

    def _tell_all(self, why: str) -> None:
        """The lock is held, so that all is told in the order in which it came."""
        self._why_lost = why
        for on_change in self._listeners:
            messenger.post(partial(on_change, self.lost_since, why))

    # --- What is watched.

    def add(self, watch: Watch) -> None:
        """Has something watched: see `Watch`. It is attached by and by, and again whenever the host was lost."""
        with self._changed:
            self._check_open()
            self._watches.append(watch)

    def remove(self, watch: Watch) -> None:
        """Has it watched no more."""
        with self._changed, suppress(ValueError):
            self._watches.remove(watch)

    def restore(self) -> None:
        """Sees to it that what is to be watched is watched. Does not wait for that."""
        with self._changed:
            if self._closed or all(watch.attached for watch in self._watches):
                return
            self._changed.notify_all()  # who rests looks again
            if self._restoring:
                return
            self._restoring = True
        threading.Thread(target=self._restore, name=f"ssh-restore-{self.target.name}", daemon=True).start()

    def _restore(self) -> None:
        while (watch := self._detached()) is not None:
            try:
                self.connection()
            except (CommandFailed, TransportLost):
                self._take_a_break()
                continue
            try:
                watch.attach()
            except (CommandFailed, TransportLost) as failed:
                if watch.refused:
                    _log.warning("it cannot be watched any more", host=self.target.name, why=str(failed))
                    self.remove(watch)
                else:  # a host that starts no shell will do so again
                    watch.rest(str(failed))

    def _detached(self) -> Watch | None:
        """Waits for one that does not rest; None if there is none to wait for."""
        with self._changed:
            while not self._closed and (detached := [watch for watch in self._watches if not watch.attached]):
                watch = min(detached, key=lambda each: each.not_before)
                rest = watch.not_before - time.monotonic()
                if rest <= 0:
                    return watch
                self._changed.wait(rest)
            self._restoring = False
            return None

    def _take_a_break(self) -> None:
        with self._changed:
            if not self._closed:
                self._changed.wait(max(_FIRST_PAUSE, self._not_before - time.monotonic()))

    # --- The end.

    def close(self) -> None:
        """Lets go of the host. What runs there goes on."""
        with self._changed:
            self._closed = True
            connections, self._connections = self._connections, []
            self._changed.notify_all()
        for connection in connections:
            connection.close()

    def _check_open(self) -> None:
        if self._closed:
            raise closed(self.target.name)


def closed(host: str) -> TransportLost:
    """What is raised by what is closed."""
    return TransportLost(host, "this transport is closed, open a new one")


def _fits(script: bytes, stdin: bytes) -> bool:
    """Whether an input can travel as text of a shell: it must be short, have no NUL, and end with a line."""
    return len(script) + len(stdin) <= _FRAMED and b"\0" not in stdin and stdin[-1:] in {b"", b"\n"}
