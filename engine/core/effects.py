"""What is to be done in the world outside because of a turn, once the turn is on disk.

What there may be very many of at once is kept from the collector: no circle can be in plain values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct

from engine.core import events
from engine.core.revise import without_own
from engine.core.states import FINAL

if TYPE_CHECKING:
    from engine.core.world import Attempt, World


class Run(Struct, frozen=True, gc=False):
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


def old_values(world: World, event: events.Event) -> dict[int, Any]:
    """The value that an attribute has before an event, by guid, for those who are to be told of another one."""
    match event:
        case events.AttributeSet(guid, name):
            resources = [world.resources[guid]]
        case events.GlobalSet(_, rtype, name):
            resources = [it for it in without_own(world, rtype, name) if it.state not in FINAL]
        case _:
            return {}
    return {resource.guid: world.value(resource, name) for resource in resources}


def to_be_told(world: World, event: events.Event, old: dict[int, Any]) -> list[Effect]:
    """What an event, now that it has been applied, means for the managers of those that it is about."""
    match event:
        case events.ResourceConnected(guid, other) | events.ResourceDisconnected(guid, other):
            made = isinstance(event, events.ResourceConnected)
            return [Connected(guid, other, made), Connected(other, guid, made)]
        case events.AttributeSet() | events.GlobalSet():
            new = {guid: world.value(world.resources[guid], event.name) for guid in old}
            return [Changed(guid, event.name, value, new[guid]) for guid, value in old.items()]
        case events.ResourceRemoved(_, guids):
            return [Forgotten(guid) for guid in guids]
    return []
