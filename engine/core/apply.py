"""What an event changes. The only code that changes an experiment.

It decides nothing and refuses nothing: an event is a fact. The live engine, the replayer and a controller that takes
over all go through it, so there is no second way to reach a state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.core import events
from engine.core.events import Entry
from engine.core.states import DEPLOYMENT, TRANSITIONS, ResourceState, Step, Turn
from engine.core.world import (
    EXPERIMENT,
    Attempt,
    Condition,
    Group,
    Link,
    Resource,
    Task,
    World,
    links_to,
    tells_an_end,
    type_info,
)

if TYPE_CHECKING:
    from collections.abc import Iterable


def apply(world: World, entry: Entry) -> None:
    """Fold one event into the world."""
    world.seq = entry.seq
    world.time = entry.time
    HANDLERS[type(entry.event)](entry.event, world, entry)


HANDLERS: Final[dict[type[events.Event], Callable[[Any, World, Entry], None]]] = {}
"""By class of event, what it changes."""

_E = TypeVar("_E", bound=events.Event)
_Handler = Callable[[_E, World, Entry], None]


def _on(kind: type[_E]) -> Callable[[_Handler[_E]], _Handler[_E]]:
    """Enter a handler in `HANDLERS`."""

    def enter(handler: _Handler[_E]) -> _Handler[_E]:
        HANDLERS[kind] = handler
        return handler

    return enter


# --- the controller ---------------------------------------------------------------------------------------------


@_on(events.ControllerOpened)
def _(event: events.ControllerOpened, world: World, entry: Entry) -> None:
    if not world.start:
        world.exp_id, world.run_id, world.start = event.exp_id, event.run_id, entry.time
    world.epoch = entry.epoch
    world.opened = entry.seq
    world.holder = event.holder


@_on(events.RunClosed)
def _(event: events.RunClosed, world: World, entry: Entry) -> None:
    world.closed = True


@_on(events.ExperimentAborted)
def _(event: events.ExperimentAborted, world: World, entry: Entry) -> None:
    world.aborted_by.append(event.by)


# --- the description --------------------------------------------------------------------------------------------


@_on(events.TypeDeclared)
def _(event: events.TypeDeclared, world: World, entry: Entry) -> None:
    world.types[event.rtype] = type_info(event)


@_on(events.ResourceRegistered)
def _(event: events.ResourceRegistered, world: World, entry: Entry) -> None:
    attributes = {**world.types[event.rtype].attributes, **event.attributes}
    resource = Resource(event.guid, event.rtype, dict(event.attributes), bool(attributes.get("critical", True)))
    resource.times[ResourceState.NEW] = entry.time
    resource.moved_by = entry.seq
    world.resources[event.guid] = resource
    world.last_guid = max(world.last_guid, event.guid)


@_on(events.ResourceConnected)
def _(event: events.ResourceConnected, world: World, entry: Entry) -> None:
    one, two = world.resources[event.guid], world.resources[event.other]
    one.connections.append(two.guid)
    two.connections.append(one.guid)
    for mine, other in ((one, two), (two, one)):
        for link in links_to(world.types, mine, other):
            _depend(world, mine, other, link, entry)


def _depend(world: World, mine: Resource, other: Resource, link: Link, entry: Entry) -> None:
    # Of two that depend on each other, along whatever ring of links, one must be released first.
    if not (mine.is_needed and _depends(world, other.guid, mine.guid)):
        other.is_needed = True
        mine.depends_on.append(other.guid)
    key = (other.guid, link.after, link.before)
    condition = world.links.get(key)
    if condition is None:
        condition = Condition(entry.seq, "link", link.before, [], [other.guid], link.after)
        world.links[key] = condition
        _watch(world, condition, condition.on, entry)
    condition.guids.append(mine.guid)
    mine.gates.setdefault(link.before, []).append(condition)


def _depends(world: World, guid: int, needed: int) -> bool:
    """Whether a resource depends on another one, directly or through others."""
    ahead, seen = [guid], {guid}
    while ahead and needed not in seen:
        following = set(world.resources[ahead.pop()].depends_on) - seen
        seen |= following
        ahead.extend(following)
    return needed in seen


@_on(events.AttributeSet)
def _(event: events.AttributeSet, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attributes[event.name] = event.value
    if event.name == "critical":
        resource.critical = bool(event.value)


@_on(events.ConditionRegistered)
def _(event: events.ConditionRegistered, world: World, entry: Entry) -> None:
    condition = Condition(entry.seq, "user", event.step, event.guids, event.on, event.state, event.delay)
    world.conditions[entry.seq] = condition
    for guid in event.guids:
        world.resources[guid].gates.setdefault(event.step, []).append(condition)
    _watch(world, condition, condition.on, entry)
    _touch_all(world, event.guids, entry.seq)


# --- what the user asks for -------------------------------------------------------------------------------------


@_on(events.GroupDeployed)
def _(event: events.GroupDeployed, world: World, entry: Entry) -> None:
    group = world.groups.get(event.group)
    if group is None:
        barrier = None
        if event.wait_all_ready:
            barrier = Condition(entry.seq, "group", Step.START, [], [], ResourceState.READY)
        group = world.groups[event.group] = Group([], barrier)
    group.members.extend(event.guids)
    for guid in event.guids:
        world.resources[guid].group = event.group
    if group.barrier is not None:
        _join_barrier(world, group.barrier, event.guids, entry)
    _touch_all(world, event.guids, entry.seq)


def _join_barrier(world: World, barrier: Condition, guids: list[int], entry: Entry) -> None:
    if not guids:
        return
    barrier.guids.extend(guids)
    barrier.on.extend(guids)
    for guid in guids:
        world.resources[guid].gates.setdefault(Step.START, []).append(barrier)
    barrier.met_at = None
    _watch(world, barrier, guids, entry)


@_on(events.StepRequested)
def _(event: events.StepRequested, world: World, entry: Entry) -> None:
    world.resources[event.guid].requested = event.step
    world.touched[event.guid] = entry.seq


@_on(events.ReleaseRequested)
def _(event: events.ReleaseRequested, world: World, entry: Entry) -> None:
    for guid in event.guids:
        world.resources[guid].releasing = True
    for guid in event.guids:
        for needed in world.resources[guid].depends_on:
            world.resources[needed].blockers += 1
    _touch_all(world, event.guids, entry.seq)


@_on(events.TaskScheduled)
def _(event: events.TaskScheduled, world: World, entry: Entry) -> None:
    world.tasks[event.task] = Task(event.due)


@_on(events.TaskBegun)
def _(event: events.TaskBegun, world: World, entry: Entry) -> None:
    world.tasks[event.task].state = "running"


@_on(events.TaskDone)
def _(event: events.TaskDone, world: World, entry: Entry) -> None:
    task = world.tasks[event.task]
    task.error = event.error
    task.state = "lost" if event.lost else "error" if event.error is not None else "done"


# --- what the resources do --------------------------------------------------------------------------------------


@_on(events.StepPassed)
def _(event: events.StepPassed, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    for step in event.steps:
        _take(world, resource, step, entry)


@_on(events.StepBegun)
def _(event: events.StepBegun, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attempt = Attempt(event.step, event.token, entry.seq)
    resource.tokens[event.step] = event.token
    if event.step is Step.START:
        resource.tokens.pop(Step.STOP, None)
        resource.exit_code = None


@_on(events.StepDone)
def _(event: events.StepDone, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attempt = None
    resource.receipts.pop(event.step, None)  # that of an earlier attempt says nothing about this one
    if event.receipt is not None:
        resource.receipts[event.step] = event.receipt
    _take(world, resource, event.step, entry)


@_on(events.StepFailed)
def _(event: events.StepFailed, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attempt = resource.requested = None
    resource.error = event.error
    _take(world, resource, Step.RELEASE if event.step is Step.RELEASE else Turn.FAIL, entry)
    if event.step is Step.STOP:
        resource.running = False  # it was tried: it is not tried for ever


@_on(events.StepVoided)
def _(event: events.StepVoided, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attempt = resource.unknown_since = None
    world.touched[event.guid] = entry.seq


@_on(events.ResourceFound)
def _(event: events.ResourceFound, world: World, entry: Entry) -> None:
    world.resources[event.guid].unknown_since = None
    world.touched[event.guid] = entry.seq


@_on(events.ResourceUnknown)
def _(event: events.ResourceUnknown, world: World, entry: Entry) -> None:
    world.resources[event.guid].unknown_since = entry.time
    world.touched[event.guid] = entry.seq


@_on(events.ResourceEnded)
def _(event: events.ResourceEnded, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.exit_code = event.code
    resource.unknown_since = None
    resource.running = False
    # While it is being stopped, the end is what was asked for: the step says when it is over.
    if resource.attempt is None and resource.state is ResourceState.STARTED:
        resource.requested = None
        _take(world, resource, Turn.END, entry)


@_on(events.ResourceFailed)
def _(event: events.ResourceFailed, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.exit_code = event.code if event.code is not None else resource.exit_code
    resource.error = event.error
    resource.requested = None
    if event.by == EXPERIMENT and tells_an_end(event.error):
        resource.running = False
    _take(world, resource, Turn.FAIL, entry)


# --- states and those who wait for them -------------------------------------------------------------------------


def _take(world: World, resource: Resource, occurrence: Step | Turn, entry: Entry) -> None:
    """Move a resource along the table of transitions."""
    if occurrence == resource.requested:
        resource.requested = None
    if occurrence in DEPLOYMENT:
        resource.walked += 1
    if occurrence is Step.STOP:
        resource.running = False
    resource.unknown_since = None
    resource.moved_by = entry.seq
    before, state = resource.state, TRANSITIONS[resource.state][occurrence]
    world.touched[resource.guid] = entry.seq
    if state is not before:
        resource.state = state
        resource.times[state] = entry.time
        if state is ResourceState.STARTED:
            resource.started_by = entry.seq
            resource.running = True
        _entered(world, resource, entry)


def _entered(world: World, resource: Resource, entry: Entry) -> None:
    """Tell the conditions that count on it."""
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


def _watch(world: World, condition: Condition, guids: Iterable[int], entry: Entry) -> None:
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
    """When it reached a state that it has reached, in ns since 1970."""
    if state in resource.times:
        return resource.times[state]
    return resource.times[ResourceState.FAILED]


def _see(world: World, condition: Condition, entry: Entry) -> None:
    condition.missing -= 1
    if condition.missing == 0:
        condition.met_at = entry.time
        condition.met_by = entry.seq
        _touch_all(world, condition.guids, entry.seq)


def _break(world: World, condition: Condition, entry: Entry) -> None:
    condition.broken_by = entry.event.guid
    _touch_all(world, condition.guids, entry.seq)


def _unblock(world: World, resource: Resource, entry: Entry) -> None:
    for guid in resource.depends_on:
        needed = world.resources[guid]
        if needed.blockers:
            needed.blockers -= 1
            world.touched[guid] = entry.seq


def _touch_all(world: World, guids: Iterable[int], seq: int) -> None:
    touched = world.touched
    for guid in guids:
        touched[guid] = seq
