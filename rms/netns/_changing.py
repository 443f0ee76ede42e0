"""Resources whose attributes are set while they are in use: when each change was made, and what came of it."""

from __future__ import annotations

import json
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from engine.core.states import Step
from engine.rm.base import ResourceManager
from engine.rm.traces import Trace

if TYPE_CHECKING:
    from pathlib import Path


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
            TransportLost: nobody answered.
        """

    def on_set(self, name: str, old: Any, new: Any) -> None:
        """See `ResourceManager.on_set`. Before it is deployed there is nothing to change."""
        if Step.DEPLOY not in self.tokens or self.declared()[name].when != "live" or new == old:
            return
        begun = time.time_ns()
        self.change(name, old, new)
        line = {"attribute": name, "value": new, "begun": begun, "done": time.time_ns()}
        if self.trace_enabled("changes"):
            with self._changes.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")

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
