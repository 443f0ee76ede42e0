"""What does this resource wait for? Its state in words."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from engine.core import conditions, plan
from engine.core.naming import called, named
from engine.core.states import ENDS, FAILED, RELEASED, STARTED, STOP

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.core.world import Condition, Resource, World

_NS = 1_000_000_000

_NEAR: Final = 100
"""Of no more of those that a resource depends on is it asked whether anything is the matter with them."""


def waiting_for(world: World, guid: int) -> list[str]:
    """The reasons why nothing happens to a resource right now, each in words; none if it has ended."""
    resource = world.resources[guid]
    if resource.state in ENDS and not resource.releasing:
        return []
    return [*_reasons(world, resource), *remarks(world, resource)]


def _reasons(world: World, resource: Resource) -> list[str]:
    if resource.unknown_since is not None:
        return [f"its host has not answered since {_time_of_day(resource.unknown_since)}"]
    if resource.attempt is not None:
        doing = f": it is {resource.attempt.doing}" if resource.attempt.doing else ""
        return [f"its {resource.attempt.step} is under way{doing}"]
    if resource.releasing:
        return [f"{resource.blockers} that depend on it are still to be released"] if resource.blockers else []
    if resource.group is None:
        return ["nobody has deployed it"]
    return _obstacles(world, resource)


def remarks(world: World, resource: Resource) -> list[str]:
    """What is the matter with a resource, and, while it runs, with what it depends on, as they themselves say."""
    return [f"{whose(world, resource, each)} {each.remark}" for each in remarking(world, resource)]


def remarking(world: World, resource: Resource) -> Iterator[Resource]:
    """Of a resource and, while it runs, what it depends on, those that say that something is the matter with them."""
    runs = resource.state is STARTED and resource.attempt is None
    near = islice(_needed(world, resource), _NEAR if runs else 1)
    return (each for each in near if each.remark)


def _needed(world: World, resource: Resource) -> Iterator[Resource]:
    """A resource, and what it depends on, directly or through others: the nearest first."""
    ahead, seen = [resource], {resource.guid}
    for each in ahead:
        yield each
        new = [guid for guid in each.depends_on if guid not in seen]
        seen.update(new)
        ahead.extend(world.resources[guid] for guid in new)


def whose(world: World, resource: Resource, other: Resource) -> str:
    """How a remark begins that another one, or it itself, has made: of a host also by its name."""
    if other is resource:
        return "it"
    name, place = named(world, other), called(world, other)
    return name if not place or name.endswith(f"({place})") else f"{name} ({place})"


def _obstacles(world: World, resource: Resource) -> list[str]:
    step = plan.going_on(resource)
    if step is None:
        return ["it runs until it ends or is stopped", *_planned(world, resource)]
    if world.aborted and step is not STOP:
        return ["the experiment was aborted"]
    open_ones = [condition for condition in conditions.gates(resource, step) if not _holds(world, condition)]
    steps = [f"before its {step}, {_in_words(world, condition)}" for condition in open_ones]
    return steps + (_planned(world, resource) if resource.state is STARTED else [])


def _planned(world: World, resource: Resource) -> list[str]:
    return [f"before its {it.name} is {it.value!r}, {_in_words(world, it.condition)}" for it in resource.plans]


def _holds(world: World, condition: Condition) -> bool:
    due = conditions.due_at(condition)
    return due is not None and due <= world.time


def _in_words(world: World, condition: Condition) -> str:
    if condition.met_at is not None:
        return f"{condition.delay / _NS:g} s are to go by"
    missing = [guid for guid in condition.on if not world.resources[guid].has_reached(condition.state)]
    if condition.origin == "group":  # it goes on without those that were released
        missing = [guid for guid in missing if world.resources[guid].state is not RELEASED]
    first = [world.resources[guid] for guid in missing[:5]]
    names = ", ".join(f"{named(world, each)} ({each.state.name})" for each in first)
    more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
    whose = "of its group " if condition.origin == "group" else ""
    return f"{names}{more} {whose}{'is' if len(missing) == 1 else 'are'} to be {condition.state.name}"


def _time_of_day(nanoseconds: int) -> str:
    """The time of day of a moment, which is in ns since 1970."""
    minutes, seconds = divmod(nanoseconds // _NS % 86400, 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02} UTC"


def tell(world: World, guid: int) -> str:
    """One line: the resource, its state, and what it waits for."""
    resource = world.resources[guid]
    reasons = waiting_for(world, guid)
    if resource.state is FAILED and resource.error:
        reasons = [str(resource.error["message"])]
    line = f"{named(world, resource)} is {resource.state.name}"
    return f"{line}: {'; '.join(reasons)}" if reasons else line
