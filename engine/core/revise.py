"""Is this change of a description allowed, and which events does it come to?

As in `engine.core.decide`, every function refuses with a reason or returns events, and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from engine.core import events
from engine.core.decide import awaited, describe, find
from engine.core.errors import BadAttribute, BadCondition, BadConnection, BadState
from engine.core.states import FINAL, GATE, RELEASED, ResourceState
from engine.core.world import EXPERIMENT, Condition, World, links_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from engine.core.states import ResourceAction
    from engine.core.world import Resource


# --- connections ------------------------------------------------------------------------------------------------


def disconnect(world: World, guid: int, other: int) -> list[events.Event]:
    """No connection between these any more, for both sides together. None is what there was not.

    Raises:
        UnknownGuid: one of them is not there.
        BadConnection: one of them stands on the other, and is not released.
    """
    one, two = find(world, guid), find(world, other)
    if two.guid not in one.connections:
        return []
    for mine, needed in ((one, two), (two, one)):
        in_use = mine.is_touched and mine.state is not RELEASED
        if in_use and links_to(world.types, mine, needed):
            raise BadConnection(
                f"{describe(mine)} is {mine.state.name} and stands on {describe(needed)}: release it before it is "
                f"disconnected"
            )
    return [events.ResourceDisconnected(guid, other)]


# --- conditions -------------------------------------------------------------------------------------------------


def drop_conditions(
    world: World, guids: Sequence[int], on: Sequence[int], action: ResourceAction | None
) -> list[events.Event]:
    """Take `on` out of the conditions of `guids`, on one action or on all. One that is left empty is gone.

    Raises:
        UnknownGuid: one of them is not there.
        BadCondition: there is no such condition.
    """
    resources = [find(world, guid) for guid in dict.fromkeys(guids)]
    gone = {find(world, guid).guid for guid in on}
    step = None if action is None else GATE[action]
    made: list[events.Event] = []
    for condition in _user_conditions(resources):
        if gone.isdisjoint(condition.on) or step not in (None, condition.step):
            continue
        leaving = [resource.guid for resource in resources if resource.guid in set(condition.guids)]
        left = [guid for guid in condition.on if guid not in gone]
        made.append(events.ConditionReduced(EXPERIMENT, condition.seq, leaving, left))
    if not made:
        which = "" if action is None else f" on its {action.name}"
        raise BadCondition(f"{_names(guids)}: there is no condition{which} that waits for {_names(on)}")
    return made


def _user_conditions(resources: Iterable[Resource]) -> list[Condition]:
    found = (condition for resource in resources for gate in resource.gates.values() for condition in gate)
    return list({condition.seq: condition for condition in found if condition.origin == "user"}.values())


def _names(guids: Iterable[int]) -> str:
    return ", ".join(f"#{guid}" for guid in guids)


# --- values -----------------------------------------------------------------------------------------------------


def plan_value(
    world: World,
    name: str,
    value: Any,
    when: str,
    guids: Sequence[int],
    on: Sequence[int],
    state: ResourceState,
    delay: int,
) -> list[events.Event]:
    """An attribute of each of `guids` gets a value while they are STARTED, after all of `on` have reached `state`.

    Raises:
        UnknownGuid: one of them is not there.
        BadAttribute: it cannot be set while its resource runs.
        BadCondition: there is nobody on one side.
        BadState: one of them is over.
    """
    waiting, on = awaited(world, guids, on)
    for guid in waiting:
        resource = world.resources[guid]
        if when != "live":
            raise BadAttribute(f"{name} of {describe(resource)} cannot be set while it runs, so not with conditions")
        if resource.state in FINAL or resource.releasing:
            raise BadState(f"{describe(resource)} is {resource.state.name}: {name} cannot be set any more")
    return [events.AttributePlanned(EXPERIMENT, waiting, name, value, on, state, delay)]


def set_global(world: World, rtype: str, name: str, value: Any, when: str) -> list[events.Event]:
    """A value for all resources of a type that have none of their own.

    Raises:
        BadState: one of those has begun, and the attribute can only be set before that.
    """
    if when != "live":
        late = [it for it in without_own(world, rtype, name) if it.is_touched and it.state not in FINAL]
        if late:
            names = ", ".join(describe(it) for it in late[:5])
            raise BadState(f"{name} of {rtype} can be set while they are NEW; these have begun: {names}")
    return [events.GlobalSet(EXPERIMENT, rtype, name, value)]


def without_own(world: World, rtype: str, name: str) -> Iterator[Resource]:
    """The resources of a type, or of one that extends it, that were given no value of their own."""
    for resource in world.resources.values():
        if rtype in world.types[resource.rtype].lineage and name not in resource.attributes:
            yield resource


def switch_trace(world: World, guid: int, name: str, *, enabled: bool) -> list[events.Event]:
    """Have a trace recorded, or not. Its type has been asked whether there is such a trace.

    Raises:
        UnknownGuid: there is no such resource.
        BadState: it has ended for good.
    """
    resource = find(world, guid)
    if resource.state in FINAL:
        raise BadState(f"{describe(resource)} is {resource.state.name}: it records nothing any more")
    if world.trace_enabled(resource, name) is enabled:
        return []
    return [events.TraceSwitched(guid, name, enabled)]


# --- resources that are there no more ---------------------------------------------------------------------------


def remove(world: World, guid: int) -> list[events.Event]:
    """As if it had never been described.

    Raises:
        UnknownGuid: there is no such resource.
        BadState: it is deployed and not released, or others are connected to it or wait for it.
    """
    resource = find(world, guid)
    untouched = not resource.is_touched and resource.group is None and resource.requested is None
    if resource.state is not RELEASED and not untouched:
        raise BadState(f"{describe(resource)} is {resource.state.name} and deployed: release it first")
    if resource.connections:
        raise BadState(
            f"{describe(resource)} is connected to {_names(resource.connections)}: unregister_connection first"
        )
    waiting = _waiting_for(world, guid)
    if waiting:
        raise BadState(f"{_names(sorted(waiting))} wait for {describe(resource)}: unregister_condition first")
    held = _held_by(world, guid)
    if held:
        raise BadState(f"the group of {_names(sorted(held))} cannot start because of {describe(resource)}: release it")
    return [events.ResourceRemoved(EXPERIMENT, [guid])]


def forget(world: World) -> list[events.Event]:
    """Forget those that are released and were to be forgotten then, as far as nobody who is left counts on them."""
    gone = {
        guid
        for guid, resource in world.resources.items()
        if resource.state is RELEASED and world.values(resource).get("hard_release")
    }
    left = {guid for guid in gone if _is_clear(world, guid)}
    return [events.ResourceRemoved(EXPERIMENT, sorted(left))] if left else []


def _is_clear(world: World, guid: int) -> bool:
    """Whether all that stand on a resource or wait for it are released."""
    resource = world.resources[guid]
    connected = (world.resources[other] for other in resource.connections)
    standing = [other.guid for other in connected if links_to(world.types, other, resource)]
    others = {*standing, *_waiting_for(world, guid), *_held_by(world, guid)}
    return all(world.resources[other].state is RELEASED for other in others)


def _waiting_for(world: World, guid: int) -> set[int]:
    """The others who wait for a resource by a condition or a plan, or did."""
    conditions = [*world.conditions.values(), *(plan.condition for plan in world.plans.values())]
    return {other for it in conditions if guid in it.on for other in it.guids} - {guid}


def _held_by(world: World, guid: int) -> set[int]:
    """The others whose group cannot start because of a resource: whoever of them gets ready fails, naming it."""
    barriers = (group.barrier for group in world.groups.values() if group.barrier is not None)
    members = {other for it in barriers if it.broken_by == guid for other in it.guids} - {guid}
    return {other for other in members if world.resources[other].state is not RELEASED}
