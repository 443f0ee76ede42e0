"""Resources whose attributes are set while they are in use: when each change was made, and what came of it."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final

from engine.core.states import Step
from engine.rm.base import ResourceManager
from engine.rm.traces import Trace
from engine.rm.transport import TransportLost

if TYPE_CHECKING:
    from pathlib import Path

_FIRST_PAUSE: Final = 0.25  # seconds
_LONGEST_PAUSE: Final = 2.0


class Changing(ResourceManager):
    """What such types share. It is no type by itself."""

    traces: ClassVar[tuple[Trace, ...]] = (
        Trace("changes", "One line of JSON for each change: attribute, value, when it was begun and done (ns)."),
    )

    @abstractmethod
    def change(self, name: str, old: Any, new: Any) -> None:
        """Have the kernel hold the new value of an attribute.

        Raises:
            CommandFailed: it does not take it.
            TransportLost: nobody answered; it may be done again.
        """

    def on_set(self, name: str, old: Any, new: Any) -> None:
        """See `ResourceManager.on_set`. Before it is deployed there is nothing to change."""
        if Step.DEPLOY not in self.tokens or self.declared()[name].when != "live" or new == old:
            return
        begun = time.time_ns()
        if self._insist(name, old, new):
            self._note(name, new, begun)

    def held(self) -> dict[str, Any]:
        """What can be set while it is in use, as it stands: for the receipt of its deployment, under "held"."""
        return {name: self.value_of(each) for name, each in self.declared().items() if each.when == "live"}

    def catch_up(self) -> None:
        """Make those changes that an earlier controller was asked for, and did not live to make.

        Raises:
            CommandFailed: one is refused.
            TransportLost: nobody answered.
        """
        made = {**(self.receipts.get(Step.DEPLOY) or {}).get("held", {}), **self._noted()}
        for name, value in self.held().items():
            if name in made and made[name] != value:
                begun = time.time_ns()
                self.change(name, made[name], value)
                self._note(name, value, begun)

    def _note(self, name: str, value: Any, begun: int) -> None:
        line = {"attribute": name, "value": value, "begun": begun, "done": time.time_ns()}
        if self.trace_enabled("changes"):
            with self._changes.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

    def _noted(self) -> dict[str, Any]:
        """The last value of each attribute that was changed."""
        lines = self._changes.read_bytes().split(b"\n") if self._changes.exists() else []
        changes = [json.loads(line) for line in lines if line.endswith(b"}")]  # one may have been cut
        return {each["attribute"]: each["value"] for each in changes}

    def _insist(self, name: str, old: Any, new: Any) -> bool:
        """Change it, again until the host answers: whether that was so before nobody wanted it any more.

        A host that is silent is no reason to fail: what it holds is not known, and is right again when this returns.
        """
        pause = _FIRST_PAUSE
        while not self.releasing:
            try:
                self.change(name, old, new)
            except TransportLost as lost:
                self.log.warning("the host does not answer, trying again", host=lost.host, why=lost.why, pause=pause)
                time.sleep(pause)  # the longest is short: all that is asked of this resource comes after it
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return True
        return False

    @property
    def _changes(self) -> Path:
        return self.run_dir / f"changes-{self.guid}.jsonl"

    def trace_path(self, name: str) -> str | None:
        """Where a trace is, on the controller's machine."""
        return str(self._changes) if name == "changes" and self._changes.exists() else None

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of a trace."""
        path = self.trace_path(name)
        if path is None:
            return None
        with self._changes.open("rb") as file:
            file.seek(offset)
            return file.read(-1 if size is None else size)

    def trace_size(self, name: str) -> int | None:
        """How many bytes a trace has."""
        return None if self.trace_path(name) is None else self._changes.stat().st_size
