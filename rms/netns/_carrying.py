"""The processes that carry the frames of a tunnel (`carrier.py`), one at each end, as a controller sees them."""

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

_PROGRAM: Final = resources.files("rms.netns").joinpath("carrier.py").read_bytes()
_START: Final = """\
command -v python3 >/dev/null || { echo 'python3 is missing: tunnels in UDP need it' >&2; exit 1; }
exec nsenter %s python3 - %s
"""


class Carrier:
    """That at one end of one tunnel, by their numbers: it is found again by those.

    Args:
        emulation: what the tunnel is part of.
        tunnel: the number of the tunnel.
        end: the number of the interface.
    """

    def __init__(self, emulation: Emulation, tunnel: int, end: int) -> None:
        self._emulation = emulation
        self._process = Companion(emulation, f"carrier-{tunnel}-{end}")

    def start(self, intent: Intent, place: Place, *words: str) -> None:
        """Have it run in a node, unless it does, with these arguments.

        Raises:
            BadState: it cannot; the message has what it said.
        """
        entrance = ["--target", str(place.pid), *self._emulation.entrance.split(), "--net", "--pid", "--"]
        command = _START % (shell.words(entrance), shell.words(words))
        self._process.start(intent, command, _PROGRAM)
        until_answered(intent, self._emulation.log, self._await_carrying)

    def watch(self, on_end: OnEnd) -> None:
        """Have its end told."""
        self._process.watch(on_end)

    def runs(self) -> bool:
        """Whether it is there."""
        return self._process.runs()

    def stop(self, intent: Intent) -> None:
        """End it, or see that it never begins."""
        self._process.stop(intent)

    def _await_carrying(self) -> None:
        launcher, transport = self._emulation.launcher, self._emulation.transport
        if not until_said(transport, launcher, self._process.token, "stdout", lambda said: b"carrying" in said):
            said = transport.read(self._process.path("stderr")) or b"it has ended"
            raise BadState(f"a tunnel cannot be had: {said.decode(errors='replace').strip()}")
