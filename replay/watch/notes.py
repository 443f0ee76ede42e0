"""What there is to say of a resource in half a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.core.states import ResourceState
from engine.dates import NS
from replay.cli import words
from replay.intervals import held_back

if TYPE_CHECKING:
    from engine.core.world import Condition, Resource, World

_LONGEST: Final = 300


def note(world: World, resource: Resource) -> str:
    """Why it failed or what it waits for, and what it does."""
    what = words.what(world, resource)
    notes = words.failure(resource) or waiting(world, resource), "" if what == resource.label else what
    return "  ".join(words.one_line(each, _LONGEST) for each in notes if each)


def waiting(world: World, resource: Resource) -> str:
    """What it waits for; empty if it waits for nothing."""
    held = held_back(world, resource)
    if held is None or not held.by:
        return words.waiting(world, resource)
    return f"its {held.step} waits for {' and '.join(_condition(world, each) for each in held.by)}"


def _condition(world: World, condition: Condition) -> str:
    if condition.met_at is not None:
        return f"{condition.delay / NS:g} s to go by"
    missing = [world.resources[guid] for guid in condition.on if not _counts(condition, world.resources[guid])]
    first = f"#{missing[0].guid} {missing[0].label or ''}".rstrip() if missing else "nobody"
    more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
    return f"{first}{more} to be {condition.state.name}"


def _counts(condition: Condition, resource: Resource) -> bool:
    """Whether a condition need not wait for a resource; a group goes on without those that were released."""
    gone = condition.origin == "group" and resource.state is ResourceState.RELEASED
    return gone or resource.has_reached(condition.state)
