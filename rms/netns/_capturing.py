"""The capture of an interface: a tcpdump on its host, or, for a user, `capture.py`; it outlives its controller."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

from engine.core.errors import BadState
from rms import shell
from rms._patience import until_answered
from rms.netns._companion import Companion
from rms.netns._hearing import until_said

if TYPE_CHECKING:
    from engine.rm.base import Intent
    from rms._journal import OnEnd
    from rms.netns._batch import Place
    from rms.netns.emulation import Emulation

_PROGRAM: Final = resources.files("rms.netns").joinpath("capture.py").read_bytes()
_BY_TCPDUMP: Final = """\
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"
command -v tcpdump >/dev/null || { echo 'tcpdump is missing: traces of packets need it' >&2; exit 1; }
exec nsenter %s tcpdump --immediate-mode -U -Z root -i %s -w %s
"""
_BY_OURSELVES: Final = "exec nsenter %s python3 - %s %s\n"


class Capture:
    """That of one interface, by its number: it is found again by that.

    Args:
        emulation: what the interface is part of.
        guid: the number of the interface.
    """

    def __init__(self, emulation: Emulation, guid: int) -> None:
        self._emulation = emulation
        self._process = Companion(emulation, f"pcap-{guid}")

    def path(self, file: str) -> str:
        """Where its file is, on the host."""
        return self._process.path(file)

    def start(self, intent: Intent, place: Place | None, device: str, file: str) -> None:
        """Have it run, unless it does; every packet that comes after this is in it."""
        pid = (place or self._emulation.holder).pid
        words = shell.words(["--target", str(pid), *self._emulation.entrance.split(), "--net", "--"])
        by_tcpdump = not self._emulation.is_sandbox
        command = (_BY_TCPDUMP if by_tcpdump else _BY_OURSELVES) % (words, shell.words([device]), shell.words([file]))
        stdin = b"" if by_tcpdump else _PROGRAM
        self._process.start(intent, command, stdin)
        until_answered(intent, self._emulation.log, self._await_listening)

    def watch(self, on_end: OnEnd) -> None:
        """Have its end told."""
        self._process.watch(on_end)

    def runs(self) -> bool:
        """Whether it is there."""
        return self._process.runs()

    def stop(self, intent: Intent) -> None:
        """End it such that its file is complete."""
        self._process.stop(intent, "INT")

    def _await_listening(self) -> None:
        emulation = self._emulation
        if not until_said(
            emulation.transport, emulation.launcher, self._process.token, "stderr", lambda said: b"listening on" in said
        ):
            said = emulation.transport.read(self.path("stderr")) or b"it has ended"
            raise BadState(f"nothing can be captured: {said.decode(errors='replace').strip()}")
