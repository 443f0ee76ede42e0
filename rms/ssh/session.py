"""Scripts on a host: how one is put into words for a shell, and how its output is told from everything else.

A script travels as a *frame*: shell text that runs it in a shell of its own and marks the beginning and the end of its
output with words that nobody can guess. So it makes no difference what the user's login shell is, what its start-up
files print, or that a shell serves many scripts one after the other. The frame is a compound command: a shell that gets
only a part of it, since the connection broke, runs nothing.
"""

from __future__ import annotations

import os
import secrets
import threading
import time
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Final, TypeVar

import paramiko
from msgspec import Struct, field

from engine.rm.transport import CommandFailed, Completed, TransportLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rms.ssh.connection import Connection

__all__ = ["Frame", "Session"]

_T = TypeVar("_T")

_BEGAN: Final = b"began "  # how a line begins by which a script says so
_SHELL: Final = "exec /bin/sh"
# The frame's lines are counted, and `read` takes no byte too many: the rest of the input is the script's own. Login
# shells of all kinds must understand this line, so there is hardly any syntax in it.
_READER: Final = "exec /bin/sh -c 'IFS= read -r line && eval \"$line\"'"
_READ_FRAME: Final = (
    "nl=${IFS#??}; frame=; n=%d; "  # a new shell's IFS is a blank, a tab and a newline
    'while [ $n -gt 0 ]; do IFS= read -r line || exit; frame=$frame$line$nl; n=$((n - 1)); done; eval "$frame"\n'
)
_PIECE: Final = 1 << 16  # bytes of input read at once
_EVERYTHING: Final = 1 << 30
_LOOK: Final = 1.0  # seconds between looks whether the host still takes input that is on its way
_STATUS_TIMEOUT: Final = 5.0  # seconds; as a rule it comes right after the end of the output


class Frame(Struct):
    """A script on its way, and what has come back of it.

    Attributes:
        script: Its text.
        args: Its positional parameters.
        stdin: Its input, if that is a text that can be part of the frame; None is what the shell has.
        endless: It is not expected to end. Its end is not marked, which would look like something that it has written.
        light: It is run in a subshell, where `$$` is not its own number. A shell of its own costs a host twice as much.
        group: The process group on the host that it runs in, once it has begun.
    """

    script: bytes
    args: Sequence[str]
    stdin: bytes | None = None
    endless: bool = False
    light: bool = False
    group: int | None = None
    _word: str = field(default_factory=lambda: secrets.token_hex(16))
    _out: bytearray = field(default_factory=bytearray)
    _err: bytearray = field(default_factory=bytearray)
    _searched: int = 0

    def __post_init__(self) -> None:
        if b"\0" in self.script or any("\0" in arg for arg in self.args):
            raise ValueError("a script and its arguments cannot have a NUL character in them")

    def encode(self) -> bytes:
        """The shell text, which runs the script in `/`, with no file open but the usual three."""
        word = self._word.encode()
        source, body = b"", b""
        if self.stdin == b"":
            source = b" </dev/null"
        elif self.stdin is not None:
            source, body = b" <<'I%b'" % word, b"%bI%b\n" % (self.stdin, word)
        run, script = self._run()
        end = b"" if self.endless else b"echo E%b $?; " % word
        # What the shell has to say of it, such as "Killed", is not among what the script says.
        return (
            b"{ cd /; echo B%b $$; echo B%b >&2; {\n%b 2>&4 4>&-%b\n%b%b%b} 4>&2 2>/dev/null; echo E%b >&2; }\n"
        ) % (word, word, run, source, script, body, end, word)

    def _run(self) -> tuple[bytes, bytes]:
        """What runs the script, and what has to follow on the next lines."""
        args = b"".join(b" " + _quoted(os.fsencode(arg)) for arg in self.args)
        if self.light:
            return b"(set --%b; eval %b)" % (args, _quoted(self.script)), b""
        word = self._word.encode()
        run = b"exec sh" if self.endless else b"sh"
        by_a_file = b"%b -c '. /proc/self/fd/3' sh%b 3<<'S%b'" % (run, args, word)  # it must show in no arguments
        return by_a_file, b"exec 3<&-; %b\nS%b\n" % (self.script, word)

    def feed(self, out: bytes, err: bytes) -> None:
        """Takes what has come back."""
        self._out += out
        self._err += err
        if self.group is None:
            _, mark, rest = self._out.partition(b"B%b " % self._word.encode())
            group, end, output = rest.partition(b"\n")
            if mark and end:
                self.group, self._out, self._searched = int(group), output, 0

    def output(self) -> bytes:
        """Takes out what an endless script has written so far."""
        data = bytes(self._out) if self.group is not None else b""
        del self._out[: len(data)]
        return data

    def begun(self) -> bytes | None:
        """The line by which a script says that it has begun, once it has; nothing if it has ended without."""
        line, end, _ = self._out.partition(b"\n")
        if self.group is not None and line.startswith(_BEGAN) and end:
            return bytes(line + end)
        return None if self.result() is None else b""

    def result(self) -> Completed | None:
        """What the script did, once it has ended."""
        end = b"E%b " % self._word.encode()
        at = self._out.find(end, self._searched) if self.group is not None else -1
        line_end = self._out.find(b"\n", at) if at >= 0 else -1
        if line_end < 0:
            self._searched = max(0, len(self._out) - len(end) - 8)
            return None
        complaints = self._complaints()
        if complaints is None:
            return None
        status = int(self._out[at + len(end) : line_end])
        # Shells tell of a signal as 128 + n, so a script that ends with such a status by itself looks the same.
        return Completed(128 - status if status > 128 else status, bytes(self._out[:at]), complaints)

    def complaint(self) -> str:
        """What has come by standard error, of one that went wrong."""
        return bytes(self._err).partition(b"B%b\n" % self._word.encode())[2].decode(errors="replace")

    def noise(self) -> str:
        """What has come of one that did not begin."""
        return (self._out + b"\n" + self._err).decode(errors="replace").strip()

    def _complaints(self) -> bytes | None:
        word = self._word.encode()
        said, end, _ = self._err.partition(b"E%b\n" % word)
        return bytes(said.partition(b"B%b\n" % word)[2]) if end else None


class _Bell(threading.Event):
    """What paramiko rings when a channel has news, for one thread that waits for them."""

    def clear(self) -> None:
        """Called by paramiko when one of the channel's two streams is empty: the other may not be."""

    def reset(self) -> None:
        super().clear()


class Session:
    """A shell on the host, on a channel of its own."""

    def __init__(self, connection: Connection, channel: paramiko.Channel, *, stays: bool) -> None:
        """Starts the shell.

        Args:
            connection: What the channel is of.
            channel: One that is new.
            stays: Whether it takes one frame after the other, or a single one that has the rest of the input.

        Raises:
            TransportLost: Nobody answered.
        """
        self.connection = connection
        self._channel = channel
        self._stays = stays
        self._bell = _Bell()
        self.ring(self._bell)
        try:
            channel.exec_command(_SHELL if stays else _READER)
        except (paramiko.SSHException, OSError, EOFError) as error:
            self.close()
            raise self.lost() from error

    @property
    def closed(self) -> bool:
        """Whether the shell, or the connection, is gone."""
        return self._channel.closed or bool(self._channel.eof_received)

    def ring(self, bell: threading.Event) -> None:
        """Has another bell rung from now on, and at once if there is something to hear."""
        self._channel.in_buffer.set_event(bell)
        self._channel.in_stderr_buffer.set_event(bell)

    def begin(self, frame: Frame, deadline: float | None = None) -> None:
        """Sends a frame. See `send`."""
        text = frame.encode()
        if not self._stays:
            text = _read_frame(text)
        self.send(text, deadline)

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Sends to the shell's input.

        Raises:
            TimeoutError: The host did not take it by the deadline.
            TransportLost: Nobody answered.
        """
        try:
            self._channel.settimeout(_until(deadline))
            self._channel.sendall(data)
        except TimeoutError:
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise self.lost() from error

    def send_all(self, stream: IO[bytes], timeout: float | None) -> None:
        """Sends a stream, and then the end of the input. Whoever has ended before does not want the rest.

        Raises:
            TimeoutError: The host took nothing for so many seconds.
            TransportLost: Nobody answered.
        """
        try:
            while (piece := stream.read(_PIECE)) and not self.closed:
                self.send(piece, _after(timeout))
            self._channel.shutdown_write()
        except (TransportLost, paramiko.SSHException, EOFError):
            if self.connection.why:
                raise self.lost() from None

    def hear(self, frame: Frame) -> None:
        """Takes what has come for a frame. Does not wait."""
        while self._channel.recv_ready() or self._channel.recv_stderr_ready():
            out = self._channel.recv(_EVERYTHING) if self._channel.recv_ready() else b""
            err = self._channel.recv_stderr(_EVERYTHING) if self._channel.recv_stderr_ready() else b""
            frame.feed(out, err)

    def wait(self, deadline: float | None) -> bool:
        """Waits until there is something to hear; False if there was not in time."""
        heard = self._bell.wait(_until(deadline))
        self._bell.reset()
        return heard

    def result(self, frame: Frame, deadline: float | None) -> Completed:
        """Waits for the end of a script.

        Raises:
            TimeoutError: It was not there by the deadline.
            CommandFailed: The host has no shell for us.
            TransportLost: Nobody answered.
        """
        return self._await(frame, frame.result, deadline)

    def result_of_input(self, frame: Frame, timeout: float | None) -> Completed:
        """The same after a stream was sent, by `timeout` seconds after the host took the last that was on its way."""
        while True:
            room, deadline = self._channel.out_window_size, _after(timeout)
            while self._channel.out_window_size == room:
                look = None if deadline is None else min(deadline, time.monotonic() + _LOOK)
                try:
                    return self.result(frame, look)
                except TimeoutError:
                    if look == deadline and self._channel.out_window_size == room:
                        raise

    def begun(self, frame: Frame, deadline: float | None) -> bytes:
        """Waits until a script says that it has begun, or has ended: see `Frame.begun`. Raises the same."""
        return self._await(frame, frame.begun, deadline)

    def _await(self, frame: Frame, look: Callable[[], _T | None], deadline: float | None) -> _T:
        while True:
            gone = self.closed  # asked first: what came before the end is heard
            self.hear(frame)
            found = look()
            if found is not None:
                return found
            if gone:
                raise self.ended(frame)
            if not self.wait(deadline):
                raise TimeoutError

    def take_back(self) -> None:
        """Has its own bell rung again, after that of somebody else."""
        self._bell.reset()
        self.ring(self._bell)

    def close(self) -> None:
        """Ends the shell. What it has started, and left alone, goes on. Idempotent."""
        with suppress(paramiko.SSHException, OSError, EOFError):  # then it has ended
            self._channel.close()

    def ended(self, frame: Frame) -> CommandFailed | TransportLost:
        """Why a frame will not come to its end."""
        if frame.group is not None or self.connection.why:
            return self.lost()
        self._channel.status_event.wait(_STATUS_TIMEOUT)
        said = frame.noise() or "the login shell ended at once"
        return CommandFailed(self.connection.host, "start /bin/sh", self._channel.exit_status, said)

    def lost(self) -> TransportLost:
        """Why it does not answer any more."""
        return TransportLost(self.connection.host, self.connection.why or "the shell on the host has ended")


def _quoted(text: bytes) -> bytes:
    return b"'%b'" % text.replace(b"'", b"'\\''")


def _read_frame(text: bytes) -> bytes:
    """A frame for a shell that takes just this one."""
    return _READ_FRAME.replace("%d", str(text.count(b"\n"))).encode() + text


def _after(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _until(deadline: float | None) -> float | None:
    return None if deadline is None else max(0.0, deadline - time.monotonic())
