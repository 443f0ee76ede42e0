"""What a run came from: who was in charge of it, which scripts asked, and what its hosts are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from engine import journal
from engine.core.states import Step
from engine.core.world import describe
from engine.dates import to_datetime

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import eventlog
    from engine.core.world import World

_FACTS: Final = "facts"


class Controller(Struct, frozen=True):
    """One that was in charge.

    Attributes:
        epoch: 1 is the first, 2 took over from it, and so on.
        since: when it took charge, in ns since 1970.
        holder: as it said: host, pid, versions of netreel, Python and the system.
    """

    epoch: int
    since: int
    holder: Mapping[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"epoch": self.epoch, "since": to_datetime(self.since).isoformat(), **self.holder}


class Script(Struct, frozen=True):
    """A file whose lines asked for something.

    Attributes:
        name: as the log has it: from the working directory, if it was below that.
        path: where it was, as far as is known.
        sha256: of its content then, in hex; None if that is not known.
    """

    name: str
    path: Path
    sha256: str | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"name": self.name, "path": str(self.path), "sha256": self.sha256}


class Origins(Struct, frozen=True):
    """What a run came from.

    Attributes:
        controllers: in their order.
        scripts: by name.
        hosts: by resource, what a host told of itself.
    """

    controllers: tuple[Controller, ...]
    scripts: tuple[Script, ...]
    hosts: Mapping[str, Mapping[str, Any]]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "controllers": [each.to_dict() for each in self.controllers],
            "scripts": [each.to_dict() for each in self.scripts],
            "hosts": {name: dict(facts) for name, facts in self.hosts.items()},
        }


def origins(records: Iterable[eventlog.Event], world: World) -> Origins:
    """What a run came from.

    Args:
        records: all of its log.
        world: what they come to.
    """
    controllers: list[Controller] = []
    scripts: dict[str, Script] = {}
    run: Mapping[str, Any] = {}
    for record in records:
        if record.kind == "controller.opened":
            controllers.append(Controller(record.epoch, record.time, record.data["holder"]))
            run = record.data["holder"].get("script") or {}
        name = journal.place(record).rpartition(":")[0]
        if name and name not in scripts:
            scripts[name] = _script(name, run)
    hosts = {describe(each): facts for each in world.resources.values() if (facts := _facts(each.receipts))}
    return Origins(tuple(controllers), tuple(scripts[name] for name in sorted(scripts)), hosts)


def _script(name: str, run: Mapping[str, Any]) -> Script:
    """A file that the log names.

    Args:
        name: of it.
        run: what the controller said of the script that was run; nothing, if it did not.
    """
    path = Path(run.get("cwd", ""), name)
    is_run = os.path.realpath(path) == run.get("path")
    return Script(name, path, run["sha256"] if is_run else None)


def _facts(receipts: Mapping[Step, Any]) -> Mapping[str, Any] | None:
    """What is in the receipt of a host's provision."""
    receipt = receipts.get(Step.PROVISION)
    facts = receipt.get(_FACTS) if isinstance(receipt, dict) else None
    return facts if isinstance(facts, dict) else None
