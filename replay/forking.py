"""What if? An experiment as it was described at some moment of a run, as a new one that can be changed and deployed.

What is carried over is what was said until then: resources under their numbers and labels, attributes with the values
that they had, connections, conditions, switched traces, and values that were planned and had not come yet. Nothing that
runs is: in the new experiment everything is NEW, and what the run has on its hosts is left alone. In which states the
resources were is noted.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

import eventlog
from engine import description, from_graph, home
from engine.core.errors import UsageError
from engine.dates import NS
from replay.encoding import to_json
from replay.views import fold

if TYPE_CHECKING:
    import os

    from engine.controller import ExperimentController
    from engine.core.world import World
    from engine.description import Description
    from replay import answers
    from replay.views import Moment

NOTE: Final = "forked.json"
"""The file in the directory of a run that says which one it was forked from."""


class Origin(Struct, frozen=True):
    """What an experiment was forked from.

    Attributes:
        run_id: the run.
        directory: where that was.
        seq: the event as of which it was forked.
        seconds: when that was, from the start of that run.
        states: in which state each resource was, by number.
    """

    run_id: str
    directory: str
    seq: int
    seconds: float
    states: dict[int, str]

    def to_dict(self) -> answers.Origin:
        """Plain values, for JSON."""
        return {
            "run_id": self.run_id,
            "directory": self.directory,
            "seq": self.seq,
            "seconds": self.seconds,
            "states": {str(guid): state for guid, state in self.states.items()},
        }


def fork(
    run_dir: str | os.PathLike[str], at: Moment | None = None, into: str | None = None, **options: Any
) -> ExperimentController:
    """A new controller with an experiment as it was described at a moment of a run, ready to be changed and deployed.

    Args:
        run_dir: the directory of the run; it may be live, over, or its controller gone.
        at: a seq, a time from the start such as ``"12.5s"``, or a datetime; by default the end of its log.
        into: the name of the new experiment, which must not be there yet; by default that of the old one with the
            number of the event.
        options: as for a new controller.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        UsageError: the moment cannot be read, or is none of the run's; there is an experiment of that name.
        BadDescription: it cannot be made here, such as for a type that is not installed.
    """
    from engine.controller import ExperimentController  # noqa: PLC0415 - whoever only reads needs no threads

    described, origin = as_of(run_dir, at, into)
    local_dir = options.get("local_dir")
    new = (home.default_local_dir() if local_dir is None else Path(local_dir)) / described.exp_id
    if new.exists():
        raise UsageError(f"there is an experiment {described.exp_id!r} already, in {new}; give another name as into=")
    ec = description.build(described, ExperimentController, **options)
    (ec.run_dir / NOTE).write_text(to_json(origin.to_dict()) + "\n", encoding="utf-8")
    return ec


def as_of(
    run_dir: str | os.PathLike[str], at: Moment | None = None, name: str | None = None
) -> tuple[Description, Origin]:
    """The description of an experiment as it was at a moment of a run, under a new name, and what that was; see `fork`.

    Needs no resource type.
    """
    with eventlog.open(run_dir) as log:
        world = fold(run_dir, log, at)
    described = description.from_world(world, from_graph.recorded(world))
    return replace(described, exp_id=name or f"{world.exp_id}-{world.seq}"), _origin(Path(run_dir).absolute(), world)


def _origin(run_dir: Path, world: World) -> Origin:
    states = {guid: resource.state.name for guid, resource in world.resources.items()}
    return Origin(world.run_id, str(run_dir), world.seq, (world.time - world.start) / NS, states)


def read_note(run_dir: Path) -> answers.Origin | None:
    """What a run was forked from, as `Origin.to_dict` has it; None if it was not."""
    try:
        noted: answers.Origin = json.loads((run_dir / NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return noted
