"""Those who wait, and the index that tells them: who counts on which state of whom.

The index is what keeps the engine from ever walking over all resources. A group that many conditions share is counted
once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.states import ResourceState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.core.events import Entry
    from engine.core.world import Condition, Resource, World


def entered(world: World, resource: Resource, entry: Entry) -> None:
    """Tell the conditions that count on the state that a resource has just entered."""
    guid, state = resource.guid, resource.state
    for condition in world.watched.pop((guid, state), ()):
        _see(world, condition, entry)
    if state is ResourceState.FAILED:
        handle = _break if resource.critical else _see
        # A critical one can still be released; another one counts as having reached that, too.
        for condition in _still_watching(world, guid, keep=ResourceState.RELEASED if resource.critical else None):
            handle(world, condition, entry)
    elif state is ResourceState.RELEASED:
        _unblock(world, resource, entry)
        for condition in _still_watching(world, guid):
            # A group goes on without those of its members that were released before it was ready.
            handle = _see if condition.origin == "group" else _break
            handle(world, condition, entry)


def _still_watching(world: World, guid: int, keep: ResourceState | None = None) -> list[Condition]:
    return [
        condition for state in ResourceState if state is not keep for condition in world.watched.pop((guid, state), ())
    ]


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
            world.watched.setdefault((guid, condition.state), []).append(condition)
    if condition.missing == 0 and condition.met_at is None:
        reached = (_reached_at(world.resources[guid], condition.state) for guid in condition.on)
        condition.met_at = max(reached, default=entry.time)
        condition.met_by = entry.seq


def _reached_at(resource: Resource, state: ResourceState) -> int:
    """When it reached a state that it has reached, in ns since 1970. One that failed first had got there then."""
    counted = (state,) if resource.critical else (state, ResourceState.FAILED)
    return min(resource.times[it] for it in counted if it in resource.times)


def unwatch(world: World, condition: Condition) -> None:
    """Tell a condition nothing any more."""
    for guid in condition.on:
        watching = world.watched.get((guid, condition.state), [])
        if condition in watching:
            watching.remove(condition)
            if not watching:
                del world.watched[guid, condition.state]


def _see(world: World, condition: Condition, entry: Entry) -> None:
    condition.missing -= 1
    if condition.missing == 0:
        condition.met_at = entry.time
        condition.met_by = entry.seq
        touch_all(world, condition.guids, entry.seq)


def _break(world: World, condition: Condition, entry: Entry) -> None:
    condition.broken_by = entry.event.guid
    touch_all(world, condition.guids, entry.seq)


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
