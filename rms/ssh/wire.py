"""What carries a connection: a socket, the pipe of a ProxyCommand, or a channel through a gateway."""

from __future__ import annotations

import socket
import subprocess
import time
from contextlib import suppress
from functools import partial
from typing import IO, TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

    from rms.ssh.config import Target

__all__ = ["Carrier", "Wire", "connect", "run_proxy"]

_AHEAD: Final = 1 << 16  # bytes: paramiko asks for a header and a body at a time, which would be a system call each

_ATTEMPT: Final = 3.0
"""Seconds. The system asks again after 1, 3, 7, 15 s: of a host that is back, one would hear long after that."""


class Carrier(Protocol):
    """What a socket and a channel of paramiko have in common."""

    def recv(self, size: int, /) -> bytes:
        """Waits for bytes; none at all are the end."""

    def send(self, data: bytes, /) -> int:
        """Sends some of the bytes, and says how many."""

    def settimeout(self, seconds: float | None, /) -> None:
        """How long the others wait."""

    def shutdown(self, how: int, /) -> None:
        """Wakes those who wait."""

    def close(self) -> None:
        """Lets go of it."""


class Wire:
    """A carrier, as paramiko uses it, that notes when something was last heard and tells when it has broken.

    Attributes:
        heard: When something was last heard, by the monotonic clock; None before.
        why: Why it broke; empty until then.
    """

    def __init__(
        self,
        carrier: Carrier,
        let_go: Callable[[], None] = lambda: None,
        acknowledge: Callable[[], None] = lambda: None,
    ) -> None:
        """Takes it over.

        Args:
            carrier: What carries the connection.
            let_go: Called once it is closed.
            acknowledge: Called whenever something has come, so that the system tells the host so at once.
        """
        self.heard: float | None = None
        self.why = ""
        self.on_broken: Callable[[], None] = lambda: None
        self._carrier = carrier
        self._let_go = let_go
        self._acknowledge = acknowledge
        self._settled = False
        self._closed = False  # paramiko looks at it
        self._ahead = b""
        self._taken = 0

    def recv(self, size: int) -> bytes:
        """See `Carrier.recv`."""
        if self._taken == len(self._ahead):
            self._ahead, self._taken = self._hear(), 0
        data = self._ahead[self._taken : self._taken + size]
        self._taken += len(data)
        return data

    def _hear(self) -> bytes:
        try:
            data = self._carrier.recv(_AHEAD)
            self._acknowledge()
        except TimeoutError:
            raise
        except OSError as error:
            self.fail(error.strerror or str(error))
            raise
        if data:
            self.heard = time.monotonic()
        else:
            self.fail("the host closed the connection")
        return data

    def send(self, data: bytes) -> int:
        """See `Carrier.send`."""
        try:
            return self._carrier.send(data)
        except TimeoutError:
            raise
        except OSError as error:
            self.fail(error.strerror or str(error))
            raise

    def settimeout(self, seconds: float | None) -> None:
        """See `Carrier.settimeout`. Without effect on one that is settled."""
        if not self._settled:
            self._carrier.settimeout(seconds)

    def settle(self) -> None:
        """Has readers wait as long as it takes: with paramiko's own timeout an idle one looks up ten times a second."""
        self._settled = True
        self._carrier.settimeout(None)

    def fail(self, why: str) -> None:
        """Breaks it, and says why; the first reason counts."""
        if not self.why:
            self.why = why
            self.on_broken()

    def close(self) -> None:
        """Lets go of it. Idempotent."""
        if not self._closed:
            self._closed = True
            with suppress(OSError, EOFError):  # not connected any more
                self._carrier.shutdown(socket.SHUT_RDWR)
            self._carrier.close()
            self._let_go()


def connect(target: Target) -> Wire:
    """A connection by TCP.

    Raises:
        OSError: as the system says it.
    """
    until = time.monotonic() + target.connect_timeout
    while True:
        left = until - time.monotonic()
        try:
            carrier = socket.create_connection((target.hostname, target.port), min(_ATTEMPT, left))
            break
        except TimeoutError:
            if left <= _ATTEMPT:
                raise
    # Each of our messages is answered before the next: waiting to fill a segment would cost 40 ms for each.
    carrier.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    # Until the first command sshd does wait, for our word that the message before has come, which takes as long.
    # The system forgets this each time that we answer.
    return Wire(carrier, acknowledge=partial(carrier.setsockopt, socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1))


def run_proxy(command: str, said: IO[bytes]) -> Wire:
    """A connection by the standard input and output of a command.

    Args:
        command: Its text, for a shell.
        said: The file that its standard error goes to.

    Raises:
        OSError: it cannot be started.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        ends = theirs.fileno()
        process = subprocess.Popen(  # noqa: S602 - the user has put it into the configuration to be run
            f"exec {command}", shell=True, stdin=ends, stdout=ends, stderr=said, start_new_session=True
        )

    def let_go() -> None:
        process.kill()
        process.wait()

    return Wire(ours, let_go)
