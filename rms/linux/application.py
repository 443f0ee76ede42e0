"""`linux::Application`: a command on a Linux host."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final, cast

from engine.core.errors import ExperimentError
from engine.core.states import ResourceState, Step
from engine.rm.attributes import attr
from engine.rm.base import Intent, ResourceManager
from engine.rm.links import link
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.traces import Trace
from engine.rm.transport import CommandFailed, TransportLost
from rms.launch import shell_exports, shell_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.outcomes import Outcome
    from rms.linux.node import Node

GRACE: Final = 10.0
"""Seconds from TERM to KILL."""

_TAIL: Final = 2000
"""How many bytes of its error output are told with a failure."""


def _check_command(command: str) -> None:
    if not command.strip():
        raise ValueError("the command is empty")
    shell_text("the command", command)


def _check_codes(codes: list[int]) -> None:
    for code in codes:
        if not 0 <= code <= 255:
            raise ValueError(f"an exit status is a number from 0 to 255, not {code}")


class Application(ResourceManager, rtype="linux::Application"):
    """A command that the shell of a Linux host runs, and that goes on if its controller dies.

    It runs in a directory of its own. Its output is in the traces ``stdout`` and ``stderr``; any other file that it
    writes there is a trace by its name.
    """

    command: str = attr(check=_check_command, help="What to run, as one would type it into a shell.")
    env: dict[str, str] = attr(default={}, check=shell_exports, help="Variables that are added to its environment.")
    stdin: str | bytes | None = attr(default=None, help="What it reads on its standard input; by default nothing.")
    ok_codes: list[int] = attr(default=[0], check=_check_codes, help="Exit statuses that are no failure.")

    node = link("linux::Node", min=1, max=1, after=ResourceState.READY, before="deploy")
    traces = (
        Trace("stdout", "What it wrote to its standard output."),
        Trace("stderr", "What it wrote to its standard error."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._telling = threading.Lock()
        self._told = ""  # the token of the attempt whose end has been told

    # --- hooks --------------------------------------------------------------------------------------------------

    def start(self, intent: Intent) -> dict[str, Any]:
        """Start the command. It has begun when this returns."""
        stdin = self.stdin.encode() if isinstance(self.stdin, str) else self.stdin
        launcher = self._host.launcher
        started = launcher.start(intent.token, self.command, env=self.env, stdin=stdin)
        self._watch(intent.token)
        return {"pid": started.pid, "start_time": started.start_time, "boot_id": started.boot_id}

    def stop(self, intent: Intent) -> None:  # noqa: ARG002 - all hooks have one shape
        """End the command and all that it started: TERM first, KILL after a grace. Its exit status is told."""
        token = self.tokens[Step.START]
        self._tell(token, self._host.launcher.stop(token, GRACE))

    def release(self, intent: Intent) -> None:
        """See that nothing of it runs. What it wrote stays with the run."""
        token = self.tokens.get(Step.START)
        if token is not None and token != self._told:
            self.stop(intent)

    def probe(self, intent: Intent, receipt: Mapping[str, Any] | None) -> Outcome:  # noqa: ARG002
        """Ask the host what became of the command."""
        if intent.step is not Step.START:
            return NeverBegan()
        outcome = self._host.launcher.probe(intent.token)
        if isinstance(outcome, Alive):
            self._watch(intent.token)
        elif isinstance(outcome, Ended):
            self._told = intent.token
        return outcome

    # --- its end ------------------------------------------------------------------------------------------------

    def exited(self, code: int, *, token: str | None = None) -> None:
        """A status that is not in `ok_codes` is a failure, unless it was told to end."""
        told_to_end = Step.STOP in self.tokens or Step.RELEASE in self.tokens
        if told_to_end or code in self.ok_codes:
            self.ended(code, token=token)
        else:
            self.failed(f"the command ended with exit status {code}{self._last_words()}", code, token=token)

    def _watch(self, token: str) -> None:
        # The host's messenger must not be kept waiting, and an end may be worth a look at the error output.
        self._host.launcher.watch(
            token, lambda outcome: threading.Thread(target=self._tell, args=(token, outcome), daemon=True).start()
        )

    def _tell(self, token: str, outcome: Ended | Gone) -> None:
        """Tell of an end once, whoever hears of it first; the other one waits until it is told."""
        with self._telling:
            if self._told == token:
                return
            if isinstance(outcome, Ended):
                self.exited(outcome.code, token=token)
            else:
                self.failed(outcome.why, token=token)
            self._told = token

    def _last_words(self) -> str:
        """The end of its error output; nothing if that cannot be read, for whatever reason: its end is told anyway."""
        try:
            size = self.trace_size("stderr") or 0
            words = self.read_trace("stderr", max(0, size - _TAIL)) or b""
        except (CommandFailed, TransportLost, ExperimentError, LookupError, OSError) as error:
            self.log.debug("its error output cannot be read", error=str(error))
            return ""
        text = words.decode(errors="replace").strip()
        return f": {text}" if text else ""

    # --- traces -------------------------------------------------------------------------------------------------

    def trace_path(self, name: str) -> str | None:
        """Where a file of its directory is, on its host."""
        token = self.tokens.get(Step.START)
        return None if token is None else self._host.launcher.path(token, name)

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of a file of its directory."""
        path = self.trace_path(name)
        return None if path is None else self._host.transport.read(path, offset, size)

    def trace_size(self, name: str) -> int | None:
        """How many bytes a file of its directory has."""
        path = self.trace_path(name)
        return None if path is None else self._host.transport.size(path)

    @property
    def _host(self) -> Node:
        return cast("Node", self.linked("node")[0])
