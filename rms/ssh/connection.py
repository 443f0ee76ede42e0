"""One login to a host, and how it is seen that the host is gone."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

import paramiko
from paramiko.common import cMSG_GLOBAL_REQUEST

from engine.rm.transport import TransportLost
from rms.ssh.messenger import messenger
from rms.ssh.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable

    from rms.ssh.config import Target
    from rms.ssh.login import Login

__all__ = ["Connection", "Full"]

_LOGINS: Final = 10
"""Logins through one gateway at a time: more, and gateways begin to turn some away."""
# As good as no limit: what has come is taken at once, and a host is never kept from writing while it is written to.
_WINDOW: Final = (1 << 31) - 1


class Full(Exception):
    """The host opens no further channel on this connection (MaxSessions)."""


class Connection:
    """A login, with all that runs over it.

    Attributes:
        host: The name of the host, for messages.
        why: Why it is lost; empty as long as it is not.
        logins: Whoever logs in to another host through this one holds it meanwhile.
    """

    def __init__(self, target: Target, login: Login, on_lost: Callable[[Connection], None]) -> None:
        self.host = target.name
        self.logins = threading.BoundedSemaphore(_LOGINS)
        self._target = target
        self._transport, self._wire = login
        self._heard = self._wire.heard
        self._unanswered = 0  # questions whether it is there
        self._asking = False
        self._wire.on_broken = lambda: messenger.post(lambda: on_lost(self))
        if self._wire.why:  # before anybody listened
            self._wire.on_broken()
        if target.alive_interval:
            messenger.post_in(target.alive_interval, self._look)

    @property
    def why(self) -> str:
        """See the class."""
        return self._wire.why

    @property
    def alive(self) -> bool:
        """Whether the host is there, for all that is known."""
        return not self.why and self._transport.is_active()

    def open_session(self, *, stays: bool, deadline: float | None = None) -> Session:
        """See `Session`.

        Raises:
            Full: The host wants no more of them on this connection.
            TimeoutError: It did not answer by the deadline.
            TransportLost: Nobody answered.
        """
        # Longer than it takes to see that the host is lost, which is the better reason.
        patience = 2 * self._patience + 1
        left = patience if deadline is None else min(patience, deadline - time.monotonic())
        try:
            channel = self._transport.open_session(window_size=_WINDOW, timeout=max(0.0, left))
        except (paramiko.SSHException, OSError, EOFError) as error:
            # paramiko keeps one exception per connection: of two refusals at a time, one is told without its own.
            if isinstance(error, paramiko.ChannelException) or str(error) == "Unable to open channel.":
                raise Full from error
            if left < patience and not self.why:
                raise TimeoutError from error
            raise TransportLost(self.host, self.why or f"no channel could be opened: {error}") from error
        return Session(self, channel, stays=stays)

    def open_tunnel(self, hostname: str, port: int, timeout: float) -> paramiko.Channel:
        """Has the host connect to another one. Raises what paramiko raises."""
        return self._transport.open_channel("direct-tcpip", (hostname, port), ("127.0.0.1", 0), timeout=timeout)

    def close(self) -> None:
        """Lets go of the host."""
        self._wire.fail("the connection was closed")
        self._transport.close()
        self._wire.close()

    # --- Is it there? Asked by messages that a server must answer, whatever they say.

    @property
    def _patience(self) -> float:
        """Seconds without a word after which it is lost, at most."""
        return self._target.alive_interval * (self._target.alive_count + 1) or 60.0

    def _look(self) -> None:
        """Runs on the messenger's thread."""
        if not self.alive:
            return
        if self._wire.heard != self._heard:
            self._heard, self._unanswered = self._wire.heard, 0
        if self._unanswered < self._target.alive_count:
            self._unanswered += 1  # counted, as opposed to timed: we may have been the ones who were asleep
            messenger.post_in(self._target.alive_interval, self._look)
            self._ask()
            return
        silence = time.monotonic() - (self._heard or 0)
        self._wire.fail(f"nothing was heard from the host for {silence:.0f} s")
        # Not here: saying goodbye may take as long as the host likes.
        threading.Thread(target=self.close, name="ssh-close", daemon=True).start()

    def _ask(self) -> None:
        # By a thread of its own: to send may take for ever, here or at a gateway, and nobody can tell beforehand. While
        # one is at it, that is question enough.
        if not self._asking:
            self._asking = True
            threading.Thread(target=self._send_question, name="ssh-ask", daemon=True).start()

    def _send_question(self) -> None:
        question = paramiko.Message()
        question.add_byte(cMSG_GLOBAL_REQUEST)
        question.add_string("keepalive@openssh.com")
        question.add_boolean(True)
        try:
            # Not by what paramiko offers for it: its keepalive wants no answer, and its global_request waits for one.
            self._transport._send_user_message(question)  # type: ignore[attr-defined]  # it is not in the stubs
        except (paramiko.SSHException, OSError, EOFError):
            pass  # it has just been lost, or agrees on new keys
        finally:
            self._asking = False
