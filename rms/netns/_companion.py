"""Processes on the host that belong to an emulation or a resource of it, such as the relay of a link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.rm.outcomes import Alive, NeverBegan
from engine.rm.transport import CommandFailed
from rms._patience import until_answered

if TYPE_CHECKING:
    from engine.rm.base import Intent
    from engine.rm.outcomes import Outcome
    from rms._journal import OnEnd
    from rms.netns.emulation import Emulation


class Companion:
    """One that is found again by its name, also if it is not known whether it was started.

    A start that a takeover has broken off can never begin, nor can any other one of that name. Who has taken over gives
    it another one then, and notes that on the host first.

    Args:
        emulation: what it belongs to.
        name: of this process, unlike all others of the emulation.
    """

    def __init__(self, emulation: Emulation, name: str) -> None:
        self._emulation = emulation
        self._name = name

    @property
    def token(self) -> str:
        """The attempt that it is, or is to be."""
        noted = self._emulation.transport.read(self._note) if self._emulation.epoch > 1 else None
        return noted.decode() if noted else self._name

    def start(self, intent: Intent, command: str, stdin: bytes | None = None) -> None:
        """Have it run, unless it does; otherwise as `Launcher.start`."""
        try:
            self._start(intent, command, stdin)
        except CommandFailed:
            if self._emulation.epoch == 1 or not self._is_void(intent):
                raise
            name = f"{self._name}-{self._emulation.epoch}".encode()
            until_answered(intent, self._emulation.log, self._emulation.transport.write, self._note, name)
            self._start(intent, command, stdin)

    def watch(self, on_end: OnEnd) -> None:
        """Have its end told."""
        self._emulation.launcher.watch(self.token, on_end)

    def probe(self) -> Outcome:
        """What has become of it."""
        return self._emulation.launcher.probe(self.token)

    def runs(self) -> bool:
        """Whether it is there."""
        return isinstance(self.probe(), Alive)

    def stop(self, intent: Intent, name: str = "KILL") -> None:
        """End it by a signal, or see that it never begins."""
        token = until_answered(intent, self._emulation.log, lambda: self.token)
        until_answered(intent, self._emulation.log, self._emulation.launcher.stop, token, name=name)

    def path(self, file: str) -> str:
        """Where a file of its directory is, on the host."""
        return self._emulation.launcher.path(self.token, file)

    def _start(self, intent: Intent, command: str, stdin: bytes | None) -> None:
        token = until_answered(intent, self._emulation.log, lambda: self.token)
        launcher = self._emulation.launcher
        until_answered(intent, self._emulation.log, launcher.start, token, command, stdin=stdin)

    def _is_void(self, intent: Intent) -> bool:
        return isinstance(until_answered(intent, self._emulation.log, self.probe), NeverBegan)

    @property
    def _note(self) -> str:
        return f"{self._emulation.directory}/{self._name}.name"
