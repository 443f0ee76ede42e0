"""Is this request allowed, and which events does it come to?

Every function looks at the world, refuses with a reason or returns events, and changes nothing. So a refused request
leaves nothing behind. What needs the code of a resource type, such as the check of an attribute's value, has been done
before.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.core import events, topology
from engine.core.errors import (
    BadAttribute,
    BadCondition,
    BadConnection,
    BadState,
    ExperimentAborted,
    ResourceFailed,
    UnknownGuid,
    nearest,
)
from engine.core.states import (
    DISCOVERED,
    FINAL,
    GATE,
    NEW,
    PROVISIONED,
    READY,
    RELEASED,
    RESERVED,
    STARTED,
    ResourceAction,
    ResourceState,
)
from engine.core.world import EXPERIMENT, Condition, Resource, World, links_to, type_info, values_of
from engine.core.world import describe as describe  # noqa: PLC0414 - others know it by this module

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Iterator, Mapping, Sequence

    from engine.core.world import Link, TypeInfo

_LAST_GUID: Final = 2**63 - 1
"""What the log has room for."""

_LONGEST_LABEL: Final = 100
"""Characters."""

_READY: Final = (NEW, DISCOVERED, RESERVED, PROVISIONED, READY)

_BEFORE: Final = {
    ResourceAction.DEPLOY: _READY[:1],
    ResourceAction.START: _READY,
    ResourceAction.STOP: (*_READY, STARTED),
}
"""The states that a resource is in before an action of its own: it may wait for itself to have been in one."""


def find(world: World, guid: int) -> Resource:
    """The resource of that number.

    Raises:
        UnknownGuid: there is none.
    """
    resource = world.resources.get(guid)
    if resource is None:
        raise UnknownGuid(f"there is no resource #{guid}; {_numbers(world)}")
    return resource


def rtypes_of(world: World, guids: Iterable[int]) -> list[str]:
    """The types of resources.

    Raises:
        UnknownGuid: one of them is not there.
    """
    return [find(world, guid).rtype for guid in guids]


def find_label(world: World, label: str) -> int:
    """The number of the resource of that label.

    Raises:
        UnknownGuid: there is none.
    """
    if label not in world.labels:
        raise UnknownGuid(f"no resource is labelled {label!r}; {nearest(label, world.labels)}")
    return world.labels[label]


def _numbers(world: World) -> str:
    known = sorted(world.resources)
    if not known:
        return "none has been registered"
    shown = ", ".join(f"#{guid}" for guid in known[:10])
    return f"registered are {shown}" + (f" and {len(known) - 10} more" if len(known) > 10 else "")


def standing(resource: Resource) -> str:
    """Its state, or that it is on its way out."""
    on_its_way = resource.releasing and resource.state is not RELEASED
    return "being released" if on_its_way else resource.state.name


# --- the description --------------------------------------------------------------------------------------------


def register(
    world: World,
    declared: events.TypeDeclared,
    guid: int | None,
    attributes: dict[str, Any],
    *,
    connect_to: Sequence[int] = (),
    auto_deploy: bool = False,
    label: str | None = None,
) -> list[events.Event]:
    """A new resource, connected to others and deployed at once if so wished. Its type is declared with the first one.

    What may be amiss is said last.

    Raises:
        BadState: the number or the label is taken, or cannot be one.
        UnknownGuid, BadConnection: one of the others is not there, or is not taken.
        BadCondition: what is deployed would wait for itself in a circle.
        BadAttribute, ExperimentAborted: it cannot be deployed.
    """
    number = _free_number(world, guid)
    types = {**world.types, declared.rtype: type_info(declared)} if declared.rtype not in world.types else world.types
    new = Resource(number, declared.rtype, attributes, critical=True, label=_free_label(world, label))
    others = [find(world, other) for other in dict.fromkeys(connect_to)]
    for other in others:
        _check_connection(world, types, new, other)
        new.connections.append(other.guid)
    if auto_deploy:
        check_not_aborted(world)
        check_complete(world, types, new)
    links = [condition for other in others for condition in topology.through_links(types, new, other)]
    topology.check_still_holds(world, links, new, deployed=auto_deploy)
    made: list[events.Event] = [] if declared.rtype in world.types else [declared]
    made.append(events.ResourceRegistered(number, declared.rtype, attributes, label))
    made.extend(events.ResourceConnected(number, other.guid) for other in others)
    if auto_deploy:
        made.append(events.GroupDeployed(EXPERIMENT, len(world.groups) + 1, [number], wait_all_ready=True))
        made.extend(_doubts(world, [(new, link) for link in links if number in link.guids], {number}))
    return made


def _free_number(world: World, guid: int | None) -> int:
    number = world.last_guid + 1 if guid is None else guid
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= _LAST_GUID:
        raise BadState(f"a guid is a whole number from 1 to {_LAST_GUID}, not {number!r}")
    if number in world.resources:
        raise BadState(f"guid {number} is taken by {describe(world.resources[number])}; leave it out to get a free one")
    return number


def _free_label(world: World, label: str | None) -> str | None:
    if label is None:
        return None
    if not isinstance(label, str) or not label.isprintable() or not 1 <= len(label.strip()) <= _LONGEST_LABEL:
        shown = repr(label)
        shown = shown if len(shown) <= _LONGEST_LABEL else f"{shown[:_LONGEST_LABEL]}…"
        raise BadState(f"a label is a name of 1 to {_LONGEST_LABEL} printable characters, not {shown}")
    if label in world.labels:
        raise BadState(f"the label {label!r} is that of {describe(world.resources[world.labels[label]])}: take another")
    return label


def connect(world: World, guid: int, other: int) -> list[events.Event]:
    """A connection, for both sides together. Twice is once.

    Raises:
        UnknownGuid: one of them is not there.
        BadConnection: it is one and the same, or one of the types does not take it.
        BadCondition: what is deployed would wait for itself in a circle.
    """
    one, two = find(world, guid), find(world, other)
    if two.guid in one.connections:
        return []
    _check_connection(world, world.types, one, two)
    topology.check_still_holds(world, topology.through_links(world.types, one, two))
    return [events.ResourceConnected(guid, other)]


def _check_connection(world: World, types: Mapping[str, TypeInfo], one: Resource, two: Resource) -> None:
    if one is two:
        raise BadConnection(f"{describe(one)} cannot be connected to itself")
    for mine, other in ((one, two), (two, one)):
        if mine.state in FINAL or mine.releasing:
            raise BadConnection(f"{describe(mine)} is {standing(mine)} and takes no more connections")
        for link in links_to(types, mine, other):
            _check_room(world, mine, other, link)
    _check_accepted(types, one, two)


def _check_accepted(types: Mapping[str, TypeInfo], one: Resource, two: Resource) -> None:
    """A type that declares no link accepts anything; otherwise one side must have declared the other."""
    linked = [resource for resource in (one, two) if types[resource.rtype].links]
    if not linked or links_to(types, one, two) or links_to(types, two, one):
        return
    takes = "; ".join(
        f"{resource.rtype} takes {', '.join(link.rtype for link in types[resource.rtype].links)}" for resource in linked
    )
    raise BadConnection(f"{describe(one)} and {describe(two)} cannot be connected: {takes}")


def _check_room(world: World, mine: Resource, other: Resource, link: Link) -> None:
    there = _linked(world, mine, link)
    if link.max is not None and len(there) >= link.max:
        raise BadConnection(
            f"{describe(mine)} takes {link.max} {link.rtype} at the most as its {link.name!r}, and has "
            f"{', '.join(f'#{guid}' for guid in there)}; {describe(other)} is one too many"
        )


def _linked(world: World, mine: Resource, link: Link) -> list[int]:
    return [guid for guid in mine.connections if link.rtype in world.types[world.resources[guid].rtype].lineage]


def set_attribute(resource: Resource, name: str, value: Any, when: str) -> events.AttributeSet:
    """A value for an attribute that has been checked. `when` is what the type says of the attribute.

    Raises:
        BadState: it is too late, or its type says never.
    """
    if when == "never":
        raise BadState(f"{name} of {describe(resource)} is told by the resource itself and cannot be set")
    if resource.state in FINAL:
        raise BadState(f"{describe(resource)} is {resource.state.name}: {name} cannot be set any more")
    if when == "design" and resource.state is not NEW:
        raise BadState(f"{name} of {describe(resource)} can be set while it is NEW; it is {resource.state.name}")
    return events.AttributeSet(resource.guid, name, value, 0)


def add_condition(
    world: World,
    guids: Sequence[int],
    action: ResourceAction,
    on: Sequence[int],
    state: ResourceState,
    delay: int,
) -> list[events.Event]:
    """`action` on each of `guids` only `delay` ns after all of `on` have reached `state`.

    Raises:
        UnknownGuid: one of them is not there.
        BadCondition: one waits for itself or for nobody, its action has come already, or what is deployed would wait
            for itself in a circle.
    """
    waiting, on = awaited(world, guids, on)
    condition = Condition(0, "user", GATE[action], waiting, on, state)
    for guid in waiting:
        _check_to_come(world.resources[guid], action, condition)
    both = set(waiting) & set(on)
    if both and state not in _BEFORE[action]:
        raise BadCondition(
            f"{action.name} of #{min(both)} would wait for #{min(both)} itself to be {state.name}: it can never hold"
        )
    if action is not ResourceAction.STOP:
        topology.check_still_holds(world, [condition])
    return [events.ConditionRegistered(EXPERIMENT, waiting, GATE[action], on, state, delay)]


def _check_to_come(resource: Resource, action: ResourceAction, condition: Condition) -> None:
    """Refuse to hold back what has come already, or never will: the user counts on an order that there cannot be."""
    if resource.state in FINAL or resource.releasing or topology.is_behind(resource, condition):
        raise BadCondition(
            f"{describe(resource)} is {standing(resource)}: no {action.name} of it is to come that a condition could "
            f"hold back; register conditions before it is deployed"
        )


def awaited(world: World, guids: Sequence[int], on: Sequence[int]) -> tuple[list[int], list[int]]:
    """Both sides of a condition, each resource once.

    Raises:
        UnknownGuid: one is not there.
        BadCondition: nobody is on one side.
    """
    waiting, on = list(dict.fromkeys(guids)), list(dict.fromkeys(on))
    for guid in (*waiting, *on):
        find(world, guid)
    if not waiting or not on:
        raise BadCondition("a condition needs one resource at least on each side")
    return waiting, on


# --- what the user asks for -------------------------------------------------------------------------------------


def deploy(world: World, guids: Sequence[int] | None, group: int | None, *, wait_all_ready: bool) -> list[events.Event]:
    """Deploy and start a group. The first event tells its number; what may be amiss is said after it.

    Raises:
        UnknownGuid, BadState: one is not there, or is deployed already.
        BadAttribute: one has no value for an attribute that needs one.
        BadConnection: one is not connected to what its type needs.
        BadCondition: the conditions can never hold; the message spells the cycle out.
        ExperimentAborted: nothing is deployed any more.
    """
    check_not_aborted(world)
    wanted = _deployable(world, guids)
    if group is not None and group not in world.groups:
        known = ", ".join(map(str, world.groups)) or "none"
        raise BadState(f"there is no group {group}; groups so far: {known}")
    joined = None if group is None else world.groups[group].barrier
    for resource in wanted:
        check_complete(world, world.types, resource)
        _check_not_in_vain(world, resource, joined)
    chosen = [resource.guid for resource in wanted]
    topology.check_can_hold(world, chosen, _barrier(world, group, chosen, wait_all_ready=wait_all_ready))
    number = len(world.groups) + 1 if group is None else group
    waits = [(it, condition) for it in wanted for gate in it.gates.values() for condition in gate]
    return [events.GroupDeployed(EXPERIMENT, number, chosen, wait_all_ready), *_doubts(world, waits, set(chosen))]


def _check_not_in_vain(world: World, resource: Resource, joined: Condition | None) -> None:
    """Refuse one that would wait in vain, by a condition of its own or by the barrier that it joins."""
    waits = [condition for gate in resource.gates.values() for condition in gate]
    for condition in waits if joined is None else [*waits, joined]:
        if condition.broken_by and not topology.is_behind(resource, condition):
            lost = world.resources[condition.broken_by]
            raise BadCondition(
                f"{describe(resource)} would wait for {describe(lost)} to be {condition.state.name}, and that is "
                f"{standing(lost)}: it can never hold; "
                + ("deploy it in another group" if condition is joined else "unregister the condition first")
            )


def _doubts(
    world: World, waits: Sequence[tuple[Resource, Condition]], deployed: Container[int]
) -> Iterator[events.ExperimentWarned]:
    """What a deployment waits for and nobody has deployed. It may still be: that is no mistake yet.

    A condition that many wait by is doubted once, for the first of them.
    """
    conditions = {id(condition): (resource, condition) for resource, condition in reversed(waits)}
    for resource, condition in reversed(conditions.values()):
        missing = [
            other
            for other in map(world.resources.__getitem__, condition.on)
            if other.guid not in deployed and is_left_alone(other) and not other.has_reached(condition.state)
        ]
        if missing:
            names = ", ".join(describe(other) for other in missing[:5])
            more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
            yield events.ExperimentWarned(
                resource.guid,
                f"{describe(resource)} waits for {names}{more} to be {condition.state.name}, "
                f"and nobody has deployed {'it' if len(missing) == 1 else 'them'}",
            )


def is_left_alone(resource: Resource) -> bool:
    """Whether nobody has asked for anything by which a resource would come to another state."""
    return resource.group is None and resource.requested is None and not (resource.releasing or resource.is_touched)


def _barrier(world: World, group: int | None, joining: list[int], *, wait_all_ready: bool) -> list[int]:
    """Those of whom none is to start before all of them are READY. Who joins a group takes it as it was made."""
    if group is None:
        return joining if wait_all_ready else []
    barrier = world.groups[group].barrier
    return [] if barrier is None else [*barrier.on, *joining]


def _deployable(world: World, guids: Sequence[int] | None) -> list[Resource]:
    if guids is None:
        return [
            resource
            for resource in world.resources.values()
            if resource.state is NEW and resource.group is None and not resource.releasing
        ]
    wanted = [find(world, guid) for guid in dict.fromkeys(guids)]
    for resource in wanted:
        if resource.group is not None:
            raise BadState(f"{describe(resource)} is deployed already, in group {resource.group}")
        if STARTED in resource.times or resource.state in FINAL or resource.releasing:
            raise BadState(f"{describe(resource)} is {standing(resource)} and cannot be deployed")
    return wanted


def check_complete(world: World, types: Mapping[str, TypeInfo], resource: Resource) -> None:
    """Refuse a resource that lacks a value or a connection, or whose host, say, is gone.

    Raises:
        BadAttribute, BadConnection, BadState: which is what it lacks.
    """
    given = values_of(types[resource.rtype], world.globals, resource)
    for name in types[resource.rtype].required:
        if name not in given:
            raise BadAttribute(f"{describe(resource)} has no {name}: set({resource.guid}, {name!r}, …) first")
    for link in types[resource.rtype].links:
        linked = _linked(world, resource, link)
        gone = next((guid for guid in linked if world.resources[guid].releasing), None)
        if gone is not None:
            raise BadState(f"{describe(resource)} needs {describe(world.resources[gone])}, which is released")
        if len(linked) < link.min:
            raise BadConnection(
                f"{describe(resource)} is connected to {len(linked)} {link.rtype}; its {link.name!r} needs {link.min}: "
                f"call register_connection({resource.guid}, …) first"
            )


def check_not_aborted(world: World) -> None:
    """Refuse what is not done any more after a critical failure.

    Raises:
        ExperimentAborted: with all the critical failures.
    """
    if world.aborted:
        raise ExperimentAborted(failures(world, world.aborted_by))


def failures(world: World, guids: Iterable[int]) -> list[ResourceFailed]:
    """What is known of why these failed."""
    return [failure(world.resources[guid]) for guid in guids if guid in world.resources]


def failure(resource: Resource) -> ResourceFailed:
    """What is known of why it failed."""
    story = resource.error or {"message": "nothing is known of why"}
    return ResourceFailed(resource.guid, resource.rtype, story.get("step"), story)
