"""What is to be done in the world outside because of a turn, once the turn is on disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engine.core.world import Attempt


@dataclass(frozen=True, slots=True)
class Run:
    """Call the hook of a step; `attempt` is the intent, which is on disk before."""

    guid: int
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Probe:
    """Ask what became of this attempt, or of a running resource: its `start`."""

    guid: int
    attempt: Attempt
    receipt: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Cancel:
    """The result of the step under way is no longer wanted."""

    guid: int


@dataclass(frozen=True, slots=True)
class Call:
    """Call the user's function of this task."""

    task: int


@dataclass(frozen=True, slots=True)
class Changed:
    """Tell the resource's manager that an attribute has another value."""

    guid: int
    name: str
    old: Any
    new: Any


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The step under way did not end in time after its result was no longer wanted: wait for it no longer."""

    guid: int


@dataclass(frozen=True, slots=True)
class Connected:
    """Tell the resource's manager that it is connected to another one, or, with `made` false, no longer is."""

    guid: int
    other: int
    made: bool


@dataclass(frozen=True, slots=True)
class Forgotten:
    """The resource is there no more."""

    guid: int


Effect = Run | Probe | Cancel | Call | Changed | GiveUp | Connected | Forgotten
