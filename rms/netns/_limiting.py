"""How much memory and processor time a node has: a control group that all its commands are in."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, Final

from rms import shell
from rms._patience import until_answered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.rm.base import Intent
    from rms.netns.emulation import Emulation

_SCRIPT: Final = resources.files("rms.netns").joinpath("limits.sh").read_text("utf-8")


class Limits:
    """Those of one node, by its number: they are found again by that, also if it is not known whether they were made.

    Args:
        emulation: what the node is part of.
        guid: the number of the node.
    """

    def __init__(self, emulation: Emulation, guid: int) -> None:
        self._emulation = emulation
        self._guid = guid

    def make(self, intent: Intent, memory: int | None, cpu: float | None) -> list[str]:
        """Make the control groups, and give their directories on the host. Those that are there are found.

        Args:
            intent: of the hook that needs them.
            memory: bytes.
            cpu: processors.

        Raises:
            CommandFailed: the host refused; its message says why.
        """
        name = f"netreel-{self._emulation.run_dir.name}-{self._guid}"
        thousandths = None if cpu is None else round(1000 * cpu)
        words = ["" if each is None else str(each) for each in (memory, thousandths)]
        return self._run(intent, "make", self._note, name, *words).split("\n")[:-1]

    def remove(self, intent: Intent) -> None:
        """Remove them, once nothing runs in them; the directories of those that were to be made are noted."""
        self._run(intent, "remove", self._note)

    @property
    def _note(self) -> str:
        return f"{self._emulation.directory}/limits-{self._guid}"

    def _run(self, intent: Intent, *args: str) -> str:
        run = self._emulation.host.run
        return until_answered(intent, self._emulation.log, run, "limiting", _SCRIPT, *args).stdout.decode()


def joining(groups: Sequence[str]) -> str:
    """Shell text that puts the shell that it is run by into these groups, all in one line."""
    return "".join(f"echo $$ >{shell.words([f'{group}/cgroup.procs'])} || exit; " for group in groups)
