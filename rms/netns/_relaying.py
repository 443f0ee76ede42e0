"""The process that holds back the frames of a link (`relay.py`), as a controller sees it."""

from __future__ import annotations

import json
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from engine.rm.transport import CommandFailed, TransportLost
from rms import shell
from rms._patience import until_answered
from rms.netns._batch import Lines
from rms.netns._companion import Companion

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.rm.base import Intent
    from engine.rm.outcomes import Outcome
    from rms._journal import OnEnd
    from rms.netns.emulation import Emulation

_PROGRAM: Final = resources.files("rms.netns").joinpath("relay.py").read_bytes()
_START: Final = """\
command -v python3 >/dev/null || { echo 'python3 is missing: links with a delay need it' >&2; exit 1; }
exec nsenter %s python3 - %s
"""
_PREPARE: Final = 'for fifo; do [ -p "$fifo" ] || mkfifo -m 600 "$fifo" || exit; done'
_PATIENCE: Final = 10.0  # seconds
# To open a FIFO waits for who opens its other end. If that never comes, and the controller is gone as well, nobody else
# would end this.
_ASK: Final = (
    f'''exec timeout {_PATIENCE + 1:g} sh -c 'cat >"$1" && read -r line <"$2" && printf "%s\\n" "$line"' sh "$@"'''
)
_LARGEST: Final = 65535  # bytes of a frame: whatever the ends of the link take


class Relay:
    """That of one link, by its number: it is found again by that.

    Args:
        emulation: what the link is part of.
        guid: the number of the link.
    """

    def __init__(self, emulation: Emulation, guid: int) -> None:
        self._emulation = emulation
        self._process = Companion(emulation, f"relay-{guid}")
        self._fifos = [f"{emulation.directory}/relay-{guid}.{name}" for name in ("control", "answer")]
        self.devices = (f"r{guid}a", f"r{guid}b")
        """Its interfaces, one for each end of the link; they are in the emulation itself."""

    def start(self, intent: Intent, settings: Mapping[str, float]) -> None:
        """Have it run, unless it does, with these settings."""
        up = tuple(f"link set {each} mtu {_LARGEST} addrgenmode none up" for each in self.devices)
        until_answered(intent, self._emulation.log, self._emulation.change_once, Lines(None, "ip", up))
        words = ["--target", str(self._emulation.holder.pid), *self._emulation.entrance.split(), "--net", "--pid"]
        command = _START % (shell.words([*words, "--"]), shell.words([*self.devices, *self._fifos]))
        until_answered(intent, self._emulation.log, self._emulation.host.run, "relaying", _PREPARE, *self._fifos)
        self._process.start(intent, command, _PROGRAM)
        self.set(settings)

    def set(self, settings: Mapping[str, float]) -> None:
        """Have it take settings, and see that it holds them.

        Raises:
            CommandFailed: it does not, since it has ended.
            TransportLost: nobody answered.
        """
        host = self._emulation.host
        asked = json.dumps(dict(settings)).encode() + b"\n"
        try:
            done = host.run("relaying", _ASK, *self._fifos, stdin=asked, timeout=_PATIENCE)
        except TransportLost:
            if self._process.runs():
                raise
            raise CommandFailed(self._emulation.transport.host, "relaying", 1, self._last_words()) from None
        held: dict[str, Any] = json.loads(done.stdout)
        if held != settings:
            why = f"the relay holds {held} in place of {dict(settings)}"
            raise CommandFailed(self._emulation.transport.host, "relaying", 1, why)

    def watch(self, on_end: OnEnd) -> None:
        """Have its end told."""
        self._process.watch(on_end)

    def probe(self) -> Outcome:
        """What has become of it."""
        return self._process.probe()

    def stop(self, intent: Intent) -> None:
        """End it, or see that it never begins."""
        self._process.stop(intent)

    def _last_words(self) -> str:
        return (self._emulation.transport.read(self._process.path("stderr")) or b"it has ended").decode(
            errors="replace"
        )
