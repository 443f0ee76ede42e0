"""The seam through which resource types reach a host.

A transport runs scripts on one host, reads and writes its files, and tells what happens there. Nothing in it
assumes that the host shares a file system or a clock with the controller, and each operation can be done
in one round trip. Paths are absolute paths on the host.
"""

from collections.abc import Callable
from typing import IO, Protocol, runtime_checkable

from msgspec import Struct

__all__ = ["CommandFailed", "Completed", "Following", "Inner", "Transport", "TransportLost"]


class CommandFailed(Exception):
    """The host did what it was asked to, and it failed.

    Attributes:
        host: The host that was asked.
        command: What it was asked to do.
        code: The exit status; of an operation that is no command, the errno.
        output: What it said about it.
    """

    def __init__(self, host: str, command: str, code: int, output: str) -> None:
        super().__init__(host, command, code, output)
        self.host = host
        self.command = command
        self.code = code
        self.output = output

    def __str__(self) -> str:
        return f"{self.host}: {self.command}: failed with {self.code}: {self.output.strip() or 'no output'}"


class TransportLost(Exception):
    """Nobody answered: whether it was done, and what the state of the host is, is unknown.

    Attributes:
        host: The host that was asked.
        why: What went wrong on the way.
    """

    def __init__(self, host: str, why: str) -> None:
        super().__init__(host, why)
        self.host = host
        self.why = why

    def __str__(self) -> str:
        return f"{self.host}: {self.why}; the state there is unknown"


class Completed(Struct, frozen=True):
    """A script that ran to its end.

    Attributes:
        code: Its exit status; -n if signal n ended it. A host that has only a shell to tell it cannot tell a status of
            128 + n from that, so it counts as signal n there.
        stdout: All that it wrote to its standard output.
        stderr: All that it wrote to its standard error.
    """

    code: int
    stdout: bytes
    stderr: bytes


class Following(Protocol):
    """A file that is being followed."""

    def close(self) -> None:
        """Follow no more. Idempotent; a call of `on_data` that is under way may still finish."""


class Transport(Protocol):
    """One host, from a controller's side. All methods may be called from any thread.

    Callbacks run on a thread of the transport, never inside the call that registered them. They must return soon
    and must not call `run`, `read`, `size` or `write`, which block: the other callbacks wait behind them.

    A transport whose host does not answer raises `TransportLost`. What was registered with `follow` and
    `on_exit` stays registered meanwhile: it tells nothing, and goes on where it was once the host answers again.
    """

    @property
    def host(self) -> str:
        """The name of the host, as messages give it."""

    def run(self, script: str, *args: str, stdin: bytes | IO[bytes] = b"", timeout: float | None = None) -> Completed:
        """Runs a POSIX shell script on the host and waits until it is done.

        Neither the script nor `stdin` shows in the arguments of a process; `args` do. No text is
        quoted into a command line. What the script leaves running must have left its process group and let go of
        its standard output and error.

        Args:
            script: The text of the script.
            args: Its positional parameters.
            stdin: Its standard input. A stream is read from where it stands, as the script reads, and never
                held whole in memory. If nobody answers any more, the script may see the end of its input too early: one
                that would do harm then must be told the length or the checksum. Call again with a stream that is fresh.
            timeout: Seconds to wait for its end; None waits as long as it takes. They begin anew with each part of a
                long input that the host has taken: it may take as long as it likes, but must not stand still.

        Raises:
            ValueError: The script or one of its parameters has a NUL character in it, which no shell can be given.
            CommandFailed: No process could be started for it.
            TransportLost: Nobody answered, or not within `timeout`; the script may have done some or all of its work.
        """

    def read(self, path: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """The bytes of a file from `offset` on, at most `size` of them; None if there is no such file.

        Raises:
            CommandFailed: It is there and cannot be read, or is no regular file: of a pipe one might wait for ever.
            TransportLost: Nobody answered.
        """

    def size(self, path: str) -> int | None:
        """The length of a file in bytes; None if there is no such file.

        Raises:
            CommandFailed: It cannot be asked for, or is a pipe, a socket or a device.
            TransportLost: Nobody answered.
        """

    def write(self, path: str, data: bytes, mode: int = 0o600) -> None:
        """Puts a whole file in place at once: a reader sees what was there before, or all of `data`.

        Raises:
            CommandFailed: It cannot be written.
            TransportLost: Nobody answered; the file is the old or the new one.
        """

    def follow(self, path: str, offset: int, on_data: Callable[[bytes], None]) -> Following:
        """Pushes what the file holds from `offset` on, and then what is appended to it, as it is appended.

        The file is the one that has this name now: it must exist, and it only grows.

        Args:
            path: The file.
            offset: Where to begin, in bytes.
            on_data: Called with each piece, in order, without gap or repetition.

        Raises:
            CommandFailed: There is no such file, or it cannot be read.
            TransportLost: Nobody answered.
        """

    def on_exit(self, pid: int, start_time: str, callback: Callable[[], None]) -> None:
        """Calls `callback` once as soon as this very process is gone, also if it has long been gone.

        Args:
            pid: The process.
            start_time: Field 22 of its /proc/PID/stat, which tells it from a later one with the same number.
            callback: Called without arguments.

        Raises:
            CommandFailed: The host cannot watch another process.
            TransportLost: The transport is closed. A host that does not answer is no reason: it tells once it is back.
        """

    def close(self) -> None:
        """Lets go of everything; nothing is called from then on. What runs on the host goes on."""


@runtime_checkable
class Inner(Protocol):
    """A transport into a part of a host, whose files are those of the host and outlive it, such as a namespace."""

    @property
    def outside(self) -> Transport:
        """The way to the host."""
