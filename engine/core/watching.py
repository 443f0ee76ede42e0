"""Those who wait, and the index that tells them: who counts on which state of whom.

The index is what keeps the engine from ever walking over all resources. A group that many conditions share is counted
once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.states import FAILED, FINAL, RELEASED, ResourceState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.core.events import Entry
    from engine.core.world import Condition, Resource, World


def entered(world: World, resource: Resource, entry: Entry) -> None:
    """Tell the conditions that count on the state that a resource has just entered."""
    state = resource.state
    watching = world.watched.get(resource.guid)
    if watching is not None:
        for condition in watching.pop(state, ()):
            _see(world, condition, entry)
    if state is RELEASED:
        _unblock(world, resource, entry)
    if watching is not None:
        if state in FINAL:
            _tell_the_rest(world, watching, resource, entry)
        if not watching:
            del world.watched[resource.guid]


def _tell_the_rest(
    world: World, watching: dict[ResourceState, list[Condition]], resource: Resource, entry: Entry
) -> None:
    """Tell the conditions that count on what a resource will not reach any more."""
    for state in ResourceState:
        if state is RELEASED and resource.state is FAILED and resource.critical:
            continue  # a critical one can still be released; another one counts as having reached that, too
        for condition in watching.pop(state, ()):
            # A group goes on without those of its members that were released before it was ready.
            seen = condition.origin == "group" if resource.state is RELEASED else not resource.critical
            (_see if seen else _break)(world, condition, entry)


def watch(world: World, condition: Condition, guids: Iterable[int], entry: Entry) -> None:
    """Count what a condition still has to see of these, and have it told."""
    for guid in guids:
        resource = world.resources[guid]
        if resource.has_reached(condition.state):
            continue
        condition.missing += 1
        if resource.is_lost_for(condition.state):
            condition.broken_by = guid
        else:
            look_out(world, condition, guid)
    if condition.missing == 0 and condition.met_at is None:
        reached = (_reached_at(world.resources[guid], condition.state) for guid in condition.on)
        condition.met_at = max(reached, default=entry.time)
        condition.met_by = entry.seq


def look_out(world: World, condition: Condition, guid: int) -> None:
    """Have a condition told when a resource reaches its state."""
    world.watched.setdefault(guid, {}).setdefault(condition.state, []).append(condition)


def _reached_at(resource: Resource, state: ResourceState) -> int:
    """When it reached a state that it has reached, in ns since 1970. One that failed first had got there then."""
    counted = (state,) if resource.critical else (state, FAILED)
    return min(resource.times[it] for it in counted if it in resource.times)


def unwatch(world: World, condition: Condition) -> None:
    """Tell a condition nothing any more."""
    for guid in condition.on:
        watching = world.watched.get(guid, {})
        if condition in watching.get(condition.state, ()):
            watching[condition.state].remove(condition)
            if not watching[condition.state]:
                del watching[condition.state]
            if not watching:
                del world.watched[guid]


def _see(world: World, condition: Condition, entry: Entry) -> None:
    condition.missing -= 1
    if condition.missing == 0:
        condition.met_at = entry.time
        condition.met_by = entry.seq
        touch_all(world, condition.guids, entry.seq)


def _break(world: World, condition: Condition, entry: Entry) -> None:
    condition.broken_by = entry.event.guid
    touch_all(world, condition.guids, entry.seq)


def mend(world: World, condition: Condition) -> None:
    """Have a condition be broken by none but those that are left, now that the one that it was broken by is gone.

    Whoever waits by it is released then, but others may still join a group.
    """
    failed = [guid for guid in condition.on if FAILED in world.resources[guid].times]
    lost = [guid for guid in failed if not world.resources[guid].has_reached(condition.state)]
    condition.missing, condition.broken_by = len(lost), lost[-1] if lost else 0


def _unblock(world: World, resource: Resource, entry: Entry) -> None:
    for guid in resource.depends_on:
        needed = world.resources[guid]
        if needed.blockers:
            needed.blockers -= 1
            world.touched[guid] = entry.seq


def touch_all(world: World, guids: Iterable[int], seq: int) -> None:
    """Have these looked at in this turn, because of an event."""
    touched = world.touched
    for guid in guids:
        touched[guid] = seq
