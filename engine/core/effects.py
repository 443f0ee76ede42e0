"""What is to be done in the world outside because of a turn, once the turn is on disk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

if TYPE_CHECKING:
    from engine.core.world import Attempt


class Run(Struct, frozen=True):
    """Call the hook of a step; `attempt` is the intent, which is on disk before."""

    guid: int
    attempt: Attempt


class Probe(Struct, frozen=True):
    """Ask what became of this attempt, or of a running resource: its `start`."""

    guid: int
    attempt: Attempt
    receipt: dict[str, Any] | None


class Cancel(Struct, frozen=True):
    """The result of the step under way is no longer wanted."""

    guid: int


class Call(Struct, frozen=True):
    """Call the user's function of this task."""

    task: int


class Changed(Struct, frozen=True):
    """Tell the resource's manager that an attribute has another value."""

    guid: int
    name: str
    old: Any
    new: Any


class GiveUp(Struct, frozen=True):
    """The step under way did not end in time after its result was no longer wanted: wait for it no longer."""

    guid: int


class Connected(Struct, frozen=True):
    """Tell the resource's manager that it is connected to another one, or, with `made` false, no longer is."""

    guid: int
    other: int
    made: bool


class Forgotten(Struct, frozen=True):
    """The resource is there no more."""

    guid: int


Effect = Run | Probe | Cancel | Call | Changed | GiveUp | Connected | Forgotten
