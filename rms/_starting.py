"""Starting an attempt: by a shell that stays with it and tells its end for nothing, if the host can spare one."""

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from msgspec.structs import replace

from engine.rm.transport import Completed, Transport, TransportLost
from rms._journal import Journal, parse_end
from rms._report import Report
from rms._script import Attending, Script

__all__ = ["Starter"]

# How the launch script begins a report, and what it says last of an attempt that it has stayed with.
_REPORT: Final = b"boot "
_END: Final = re.compile(rb"\nend (.+)\n\Z")


class Starter:
    """Starts attempts on one host, for one launcher. May be called from any thread."""

    def __init__(self, transport: Transport, script: Script, journal: Journal, on_left: Callable[[str], None]) -> None:
        """Nothing is done yet.

        Args:
            transport: The host.
            script: The launch script there.
            journal: That of the run there.
            on_left: Told of an attempt whose shell cannot tell its end any more. Called on a thread of the transport.
        """
        self._transport = transport
        self._script = script
        self._journal = journal
        self._on_left = on_left

    def start(self, token: str, *args: str, stdin: bytes) -> Report:
        """Has the launch script start an attempt, and says what that one says. Raises what `Script.call` does."""
        said = self._attend(self._transport, token, args, stdin) if isinstance(self._transport, Attending) else None
        if said is None:
            return Report.parse(self._script.call("start", token, *args, stdin=stdin))
        return Report.parse(said) if isinstance(said, bytes) else self._not_begun(token, said)

    def _attend(self, host: Attending, token: str, args: tuple[str, ...], stdin: bytes) -> bytes | Completed | None:
        self._journal.promise(token)  # first: it may be told before anything else is
        said: bytes | Completed | None = None
        try:
            said = self._script.attend(host, token, *args, stdin=stdin, on_end=partial(self._tell, token))
        finally:
            if not isinstance(said, bytes):
                self._journal.withdraw(token)
        return said

    def _not_begun(self, token: str, done: Completed) -> Report:
        if done.stdout.startswith(_REPORT):
            report = Report.parse(done.stdout)
        else:
            report = Report.parse_all(self._script.call("probe", "-", token))[token]
        return replace(report, reply=done.stderr.decode(errors="replace"))

    def _tell(self, token: str, done: Completed | TransportLost) -> None:
        end = _END.search(done.stdout) if isinstance(done, Completed) else None
        if end:
            self._journal.settle(token, parse_end(end[1].decode()))
        else:
            self._journal.withdraw(token)
            self._on_left(token)
