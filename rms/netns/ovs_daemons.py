"""The Open vSwitch of an emulation (`ovs.sh`), as a controller sees it."""

from __future__ import annotations

import re
from importlib import resources
from typing import TYPE_CHECKING, Final

from engine.core.errors import BadState
from engine.rm.transport import CommandFailed
from rms import shell
from rms._patience import until_answered
from rms.netns._batch import Question
from rms.netns._companion import Companion

if TYPE_CHECKING:
    from engine.rm.base import Intent
    from engine.rm.outcomes import Outcome
    from rms._journal import OnEnd
    from rms.netns.emulation import Emulation

_PROGRAM: Final = resources.files("rms.netns").joinpath("ovs.sh").read_text("utf-8")
_REFUSED: Final = "ovs-vsctl: Error"  # its exit status is 0 all the same
_AWAIT: Final = 'cd "$1" && until [ -s ready ] || [ -L ../exit ]; do sleep 0.05; done'
_WRONG: Final = re.compile(r"\|(?:WARN|ERR|EMER)\|(.*)")
_TAIL: Final = 4000  # bytes of it that are looked at
_PATIENCE: Final = 60.0  # seconds: ovs.sh gives up earlier


class Daemons:
    """Those of one emulation: all its switches share them.

    Args:
        emulation: what they are part of.
    """

    def __init__(self, emulation: Emulation) -> None:
        self._emulation = emulation
        self._process = Companion(emulation, "ovs")  # there is one in an emulation: who starts it again finds it

    def start(self, intent: Intent) -> str:
        """Have them run, unless they do; gives the datapath that there is: system, or netdev.

        Raises:
            BadState: they do not; the message says why.
        """
        words = ["--target", str(self._emulation.holder.pid), *self._emulation.entrance.split(), "--net", "--pid", "--"]
        command = f"printf %s {shell.words([_PROGRAM])} >ovs.sh\nexec nsenter {shell.words(words)} sh ./ovs.sh"
        self._process.start(intent, command)
        return until_answered(intent, self._emulation.log, self._await_ready)

    def watch(self, on_end: OnEnd) -> None:
        """Have their end told."""
        self._process.watch(on_end)

    def probe(self) -> Outcome:
        """What has become of them."""
        return self._process.probe()

    def configure(self, *words: str) -> None:
        """Run ovs-vsctl; it returns once that is in force.

        Raises:
            CommandFailed: it was refused.
            TransportLost: nobody answered.
        """
        command = ("ovs-vsctl", "--timeout=10", f"--db=unix:{self._path('db.sock')}", *words)
        (said,) = self._emulation.ask(Question(None, command))
        if _REFUSED in said:
            words = ("ovs-vsctl", *words)
            raise CommandFailed(self._emulation.transport.host, shell.words(words), 1, self._log_of(said))

    def rule(self, switch: str, flows: list[str]) -> None:
        """Have a switch these rules and no others.

        Raises:
            CommandFailed: they were refused.
            TransportLost: nobody answered.
        """
        file = self._path(f"{switch}.flows")
        self._emulation.transport.write(file, "".join(f"{flow}\n" for flow in flows).encode())
        command = ("ovs-ofctl", "--timeout=10", "replace-flows", self._management(switch), file)
        self._emulation.ask(Question(None, command))

    def rules(self, switch: str) -> str:
        """All rules of a switch, with their counters.

        Raises:
            CommandFailed: it is not there.
            TransportLost: nobody answered.
        """
        command = ("ovs-ofctl", "--timeout=10", "dump-flows", self._management(switch))
        (said,) = self._emulation.ask(Question(None, command))
        return said

    def _await_ready(self) -> str:
        transport = self._emulation.transport
        transport.run(_AWAIT, self._path("."), timeout=_PATIENCE)
        said = (transport.read(self._path("ready")) or b"").decode().strip()
        if not said or not self._process.runs():
            why = (transport.read(self._path("stderr")) or b"").decode(errors="replace").strip()
            raise BadState(f"Open vSwitch does not run: {why}")
        return said

    def _log_of(self, said: str) -> str:
        """What is wrong, as their log has it, to which they point; if it has nothing, what they have said."""
        transport, path = self._emulation.transport, self._path("stderr")
        tail = transport.read(path, max(0, (transport.size(path) or 0) - _TAIL)) or b""
        wrong = _WRONG.findall(tail.decode(errors="replace"))
        return "; ".join(wrong[-5:]) or said.strip()

    def _management(self, switch: str) -> str:
        return f"unix:{self._path(f'{switch}.mgmt')}"

    def _path(self, name: str) -> str:
        return self._process.path(name)
