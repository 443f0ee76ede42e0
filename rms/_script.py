"""The launch script on a host: how it gets there, and how it is called."""

import hashlib
import re
import threading
from collections.abc import Callable
from importlib import resources
from typing import Final, Protocol, runtime_checkable

from engine.rm.transport import CommandFailed, Completed, Transport, TransportLost

__all__ = ["Attending", "Fenced", "Script"]

TEXT: Final = resources.files("rms").joinpath("launch.sh").read_text("utf-8").rstrip("\n")

ANSWER_TIMEOUT: Final = 60.0
"""Seconds; a call does little, so a host that needs longer is in trouble."""
_FENCED: Final = 75  # the exit status with which the script says so

# The script is a parameter, so that it may be kept in a file; it is no secret.
_OPEN: Final = """\
set -- open "$1" "$2" - "$3" "$4"
eval "$6"
"""
# In a shell of its own: what comes first is no part of the launch script.
_FIRST: Final = """\
(
shift 4
%s
) || exit
"""
_LATEST: Final = re.compile(rb"(?:^|\n)fenced ([0-9]+)\n\Z")
_CALL: Final = 'script=$1; shift; . "$script"'


@runtime_checkable
class Attending(Protocol):
    """A transport that can have a script go on while its caller does, without a process of its own for that."""

    def run_light(self, script: str, *args: str, stdin: bytes = b"", timeout: float | None = None) -> Completed:
        """The same as `Transport.run`, for half of what it costs the host. In the script `$$` is not its own number."""

    def attend(
        self, script: str, *args: str, stdin: bytes, timeout: float, on_end: Callable[[Completed | TransportLost], None]
    ) -> bytes | Completed | None:
        """Runs a script, as `Transport.run` does, until it says that it has begun, and leaves it alone from then on.

        The script leads a session of its own, and goes on if the connection breaks.

        Args:
            script: Its text.
            args: Its positional parameters.
            stdin: Its standard input.
            timeout: Seconds to wait for a word of it. It is not ended then.
            on_end: Called once when it has ended, or when nobody can tell any more whether it has; not if it never
                began. It must return soon and must not call what blocks.

        Returns:
            What it says when it has begun: a line whose first word is that. What it did, if it ended without. None,
            and nothing was done, if the host has nobody to spare for it.

        Raises:
            CommandFailed: No process could be started for it.
            TransportLost: Nobody answered.
        """


class Fenced(Exception):
    """A later controller has been on this host: this one may start and touch nothing there any more.

    Attributes:
        host: The host.
        mine: The epoch of the controller that was refused.
        theirs: The highest epoch that the host has seen.
    """

    def __init__(self, host: str, mine: int, theirs: int) -> None:
        super().__init__(host, mine, theirs)
        self.host = host
        self.mine = mine
        self.theirs = theirs

    def __str__(self) -> str:
        return (
            f"{self.host}: the controller of epoch {self.mine} was refused, since one of epoch {self.theirs} "
            "has taken over: only the latest may act"
        )


class Script:
    """`launch.sh` on one host, for one controller of a run. May be called from any thread.

    Attributes:
        base: The directory of the run on the host: absolute, or, until it was opened, "~/" and the rest.

    Raises, from every method:
        Fenced: A later controller has been there.
        CommandFailed: The host refused: its message says why.
        TransportLost: Nobody answered.
    """

    def __init__(self, transport: Transport, base: str, epoch: int) -> None:
        self.base = base
        self._transport = transport
        self._run = transport.run_light if isinstance(transport, Attending) else transport.run
        self._epoch = epoch
        self._opening = threading.Lock()
        self._file = ""  # where the host has it, once it has

    def open(self) -> None:
        """Makes the directory of the run, unless that was done."""
        with self._opening:
            if not self._file:
                self._open("")

    def open_after(self, first: str, *args: str) -> bytes:
        """Runs another script, and makes the directory of the run if that succeeds, in one round trip.

        Returns:
            What the other one has said.
        """
        with self._opening:
            return self._open(_FIRST % first, *args)

    def call(self, verb: str, *args: str, stdin: bytes = b"", timeout: float = ANSWER_TIMEOUT) -> bytes:
        """Has the script do something, and gives what it says, if that does not take longer than `timeout` (s)."""
        self.open()
        how = (self._file, verb, self.base, self._number)
        return self._checked(verb, self._run(_CALL, *how, *args, stdin=stdin, timeout=timeout))

    def attend(
        self, host: Attending, token: str, *args: str, stdin: bytes, on_end: Callable[[Completed | TransportLost], None]
    ) -> bytes | Completed | None:
        """Has the script start an attempt and stay with it: see `Attending`."""
        self.open()
        how = (self._file, "attend", self.base, self._number, token)
        said = host.attend(_CALL, *how, *args, stdin=stdin, timeout=ANSWER_TIMEOUT, on_end=on_end)
        if isinstance(said, Completed):
            self._checked("start", said)
        return said

    def forget(self) -> None:
        """The directory is gone: whatever comes next makes it again."""
        self._file = ""

    def _open(self, first: str, *args: str) -> bytes:
        digest = hashlib.sha256(TEXT.encode()).hexdigest()[:12]
        name = f".launch-{digest}.sh"  # each version has a file of its own, which never changes
        how = (self.base, self._number, name, TEXT)
        done = self._run(first + _OPEN, *how, *args, timeout=ANSWER_TIMEOUT)
        told, _, last = self._checked("open", done).removesuffix(b"\n").rpartition(b"\n")
        if self.base.startswith("~/"):
            self.base = last.removeprefix(b"base ").decode("utf-8", "surrogateescape")
        self._file = f"{self.base}/{name}"
        return told

    @property
    def _number(self) -> str:
        return f"{self._epoch:08d}"

    def _checked(self, verb: str, done: Completed) -> bytes:
        host = self._transport.host
        if done.code == _FENCED and (fenced := _LATEST.search(done.stdout)):
            raise Fenced(host, self._epoch, int(fenced[1]))
        if done.code < 0:  # what it has done before it was killed, nobody has told
            raise TransportLost(host, f"launch {verb} was killed by signal {-done.code}")
        if done.code:
            raise CommandFailed(host, f"launch {verb}", done.code, done.stderr.decode(errors="replace"))
        return done.stdout
