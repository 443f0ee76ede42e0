"""What an event changes. The only code that changes an experiment.

It decides nothing and refuses nothing: an event is a fact. The live engine, the replayer and a controller that takes
over all go through it, so there is no second way to reach a state.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import Any, Final, TypeVar

from engine.core import events
from engine.core.events import Entry
from engine.core.states import (
    DEPLOYMENT,
    END,
    FAIL,
    NEW,
    READY,
    RELEASE,
    RELEASED,
    START,
    STARTED,
    STOP,
    TRANSITIONS,
    ResourceState,
    Step,
    Turn,
)
from engine.core.watching import entered, mend, touch_all, unwatch, watch
from engine.core.world import (
    EXPERIMENT,
    Attempt,
    Condition,
    Group,
    Link,
    Plan,
    Resource,
    Task,
    World,
    links_to,
    tells_an_end,
    type_info,
)


def apply(world: World, entry: Entry) -> None:
    """Fold one event into the world."""
    world.seq = entry.seq
    world.time = entry.time
    HANDLERS[type(entry.event)](entry.event, world, entry)


HANDLERS: Final[dict[type[events.Event], Callable[[Any, World, Entry], None]]] = {}
"""By class of event, what it changes."""

_DEPLOYING: Final = frozenset(DEPLOYMENT)

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
    world.persist = event.persist


@_on(events.RunClosed)
def _(event: events.RunClosed, world: World, entry: Entry) -> None:
    world.closed = True


@_on(events.ExperimentAborted)
def _(event: events.ExperimentAborted, world: World, entry: Entry) -> None:
    world.aborted_by.append(event.by)


@_on(events.ExperimentWarned)
def _(event: events.ExperimentWarned, world: World, entry: Entry) -> None:
    world.warnings.append((entry.seq, event.guid, event.message))


# --- the description --------------------------------------------------------------------------------------------


@_on(events.TopologyDescribed)
def _(event: events.TopologyDescribed, world: World, entry: Entry) -> None:
    world.topology.append(event.part)


@_on(events.TypeDeclared)
def _(event: events.TypeDeclared, world: World, entry: Entry) -> None:
    world.types[event.rtype] = type_info(event)


@_on(events.ResourceRegistered)
def _(event: events.ResourceRegistered, world: World, entry: Entry) -> None:
    resource = Resource(event.guid, event.rtype, dict(event.attributes), critical=True, label=event.label)
    resource.critical = _is_critical(world, resource)
    resource.times[NEW] = entry.time
    resource.moved_by = entry.seq
    world.resources[event.guid] = resource
    world.last_guid = max(world.last_guid, event.guid)
    if event.label is not None:
        world.labels[event.label] = event.guid


def _is_critical(world: World, resource: Resource) -> bool:
    default = world.types[resource.rtype].attributes.get("critical", True)
    return bool(world.values(resource).get("critical", default))


@_on(events.ResourceRemoved)
def _(event: events.ResourceRemoved, world: World, entry: Entry) -> None:
    gone = {guid: world.resources.pop(guid) for guid in event.guids}
    for guid, resource in gone.items():
        for other in resource.connections:
            if other in world.resources:
                _let_go(world.resources[other], guid)
        if resource.label is not None:
            del world.labels[resource.label]
        world.touched.pop(guid, None)
    for group in world.groups.values():
        group.members[:] = [guid for guid in group.members if guid not in gone]
    for condition in world.all_conditions():
        _forget(world, condition, gone)


def _let_go(resource: Resource, gone: int) -> None:
    resource.connections.remove(gone)
    resource.depends_on[:] = [guid for guid in resource.depends_on if guid != gone]


def _forget(world: World, condition: Condition, gone: Container[int]) -> None:
    """Let a condition be as if these had never been. One that is left without a side is gone itself."""
    waiting = [guid for guid in condition.guids if guid not in gone]
    on = [guid for guid in condition.on if guid not in gone]
    if condition.origin != "group" and not (waiting and on):
        for guid in waiting:
            _take_out(world.resources[guid], condition)
        _drop(world, condition)
    condition.guids[:], condition.on[:] = waiting, on
    if condition.broken_by in gone:
        mend(world, condition)


def _take_out(resource: Resource, condition: Condition) -> None:
    if condition.step is None:
        resource.plans = tuple(plan for plan in resource.plans if plan.condition is not condition)
        return
    gate = resource.gates[condition.step]
    gate.remove(condition)
    if not gate:
        del resource.gates[condition.step]


def _drop(world: World, condition: Condition) -> None:
    """Forget a condition by which nobody waits any more."""
    unwatch(world, condition)
    if condition.origin == "link":
        assert condition.step is not None
        del world.links[condition.on[0], condition.state, condition.step]
    elif condition.origin == "plan":
        del world.plans[condition.seq]
    else:
        del world.conditions[condition.seq]


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
    key = _key(other, link)
    condition = world.links.get(key)
    if condition is None:
        condition = Condition(entry.seq, "link", link.before, [], [other.guid], link.after)
        world.links[key] = condition
        watch(world, condition, condition.on, entry)
    condition.guids.append(mine.guid)
    mine.gates.setdefault(link.before, []).append(condition)


def _key(other: Resource, link: Link) -> tuple[int, ResourceState, Step]:
    return other.guid, link.after, link.before


def _depends(world: World, guid: int, needed: int) -> bool:
    """Whether a resource depends on another one, directly or through others."""
    ahead, seen = [guid], {guid}
    while ahead and needed not in seen:
        following = set(world.resources[ahead.pop()].depends_on) - seen
        seen |= following
        ahead.extend(following)
    return needed in seen


@_on(events.ResourceDisconnected)
def _(event: events.ResourceDisconnected, world: World, entry: Entry) -> None:
    one, two = world.resources[event.guid], world.resources[event.other]
    for mine, other in ((one, two), (two, one)):
        if mine.releasing and mine.state is not RELEASED:
            other.blockers -= mine.depends_on.count(other.guid)
        _let_go(mine, other.guid)
        for link in links_to(world.types, mine, other):
            _leave(world, mine, world.links[_key(other, link)])
    touch_all(world, (one.guid, two.guid), entry.seq)


def _leave(world: World, resource: Resource, condition: Condition) -> None:
    """Have a resource wait by a condition no more."""
    _take_out(resource, condition)
    condition.guids.remove(resource.guid)
    if not condition.guids:
        _drop(world, condition)


@_on(events.AttributeSet)
def _(event: events.AttributeSet, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attributes[event.name] = event.value
    if event.name == "critical":
        resource.critical = bool(event.value)
    if event.plan:
        _leave(world, resource, world.plans[event.plan].condition)


@_on(events.AttributePlanned)
def _(event: events.AttributePlanned, world: World, entry: Entry) -> None:
    condition = Condition(entry.seq, "plan", None, list(event.guids), list(event.on), event.state, event.delay)
    plan = world.plans[entry.seq] = Plan(event.name, event.value, condition)
    for guid in event.guids:
        world.resources[guid].plans += (plan,)
    watch(world, condition, condition.on, entry)
    touch_all(world, event.guids, entry.seq)


@_on(events.GlobalSet)
def _(event: events.GlobalSet, world: World, entry: Entry) -> None:
    world.globals.setdefault(event.rtype, {})[event.name] = event.value
    if event.name == "critical":
        for resource in world.resources.values():
            resource.critical = _is_critical(world, resource)


@_on(events.TraceSwitched)
def _(event: events.TraceSwitched, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.traces = {**resource.traces, event.name: event.enabled}


@_on(events.ConditionRegistered)
def _(event: events.ConditionRegistered, world: World, entry: Entry) -> None:
    waiting, on = list(event.guids), list(event.on)  # those of the event are not to change with the condition
    condition = Condition(entry.seq, "user", event.step, waiting, on, event.state, event.delay)
    world.conditions[entry.seq] = condition
    for guid in event.guids:
        world.resources[guid].gates.setdefault(event.step, []).append(condition)
    watch(world, condition, condition.on, entry)
    touch_all(world, event.guids, entry.seq)


@_on(events.ConditionReduced)
def _(event: events.ConditionReduced, world: World, entry: Entry) -> None:
    old = world.conditions[event.condition]
    assert old.step is not None
    if event.on:
        new = Condition(entry.seq, "user", old.step, list(event.guids), list(event.on), old.state, old.delay)
        world.conditions[entry.seq] = new
        watch(world, new, new.on, entry)
        for guid in event.guids:
            world.resources[guid].gates[old.step].append(new)
    for guid in event.guids:
        _leave(world, world.resources[guid], old)
    touch_all(world, event.guids, entry.seq)


# --- what the user asks for -------------------------------------------------------------------------------------


@_on(events.GroupDeployed)
def _(event: events.GroupDeployed, world: World, entry: Entry) -> None:
    group = world.groups.get(event.group)
    if group is None:
        barrier = None
        if event.wait_all_ready:
            barrier = Condition(entry.seq, "group", START, [], [], READY)
        group = world.groups[event.group] = Group([], barrier)
    group.members.extend(event.guids)
    for guid in event.guids:
        world.resources[guid].group = event.group
    if group.barrier is not None:
        _join_barrier(world, group.barrier, event.guids, entry)
    touch_all(world, event.guids, entry.seq)


def _join_barrier(world: World, barrier: Condition, guids: list[int], entry: Entry) -> None:
    if not guids:
        return
    barrier.guids.extend(guids)
    barrier.on.extend(guids)
    for guid in guids:
        world.resources[guid].gates.setdefault(START, []).append(barrier)
    barrier.met_at = None
    watch(world, barrier, guids, entry)


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
    touch_all(world, event.guids, entry.seq)


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


def _change_nothing(event: events.Event, world: World, entry: Entry) -> None:
    """What a script does by itself, and sees, changes no experiment."""


for _kind in (events.EffectBegun, events.EffectDone, events.ScriptLooked):
    _on(_kind)(_change_nothing)


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
    tokens = {**resource.tokens, event.step: event.token}
    if event.step is START:
        tokens.pop(STOP, None)
        resource.exit_code = None
    resource.tokens = tokens


@_on(events.StepTold)
def _(event: events.StepTold, world: World, entry: Entry) -> None:
    attempt = world.resources[event.guid].attempt
    assert attempt is not None
    attempt.doing, attempt.doing_since = event.doing, entry.time


@_on(events.StepDone)
def _(event: events.StepDone, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attempt = None
    if event.receipt is not None:
        resource.receipts = {**resource.receipts, event.step: event.receipt}
    elif event.step in resource.receipts:  # that of an earlier attempt says nothing about this one
        resource.receipts = {step: receipt for step, receipt in resource.receipts.items() if step is not event.step}
    _take(world, resource, event.step, entry)


@_on(events.StepFailed)
def _(event: events.StepFailed, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attempt = resource.requested = None
    resource.error = event.error
    _take(world, resource, RELEASE if event.step is RELEASE else FAIL, entry)
    if event.step is STOP:
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


@_on(events.ResourceRemarked)
def _(event: events.ResourceRemarked, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.remark, resource.remarked_at = event.remark, entry.time


@_on(events.ResourceEnded)
def _(event: events.ResourceEnded, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.exit_code = event.code
    resource.unknown_since = None
    resource.running = False
    # While it is being stopped, the end is what was asked for: the step says when it is over.
    if resource.attempt is None and resource.state is STARTED:
        resource.requested = None
        _take(world, resource, END, entry)


@_on(events.ResourceFailed)
def _(event: events.ResourceFailed, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.exit_code = event.code if event.code is not None else resource.exit_code
    resource.error = event.error
    resource.requested = None
    if event.by == EXPERIMENT and tells_an_end(event.error):
        resource.running = False
    _take(world, resource, FAIL, entry)


# --- states and those who wait for them -------------------------------------------------------------------------


def _take(world: World, resource: Resource, occurrence: Step | Turn, entry: Entry) -> None:
    """Move a resource along the table of transitions."""
    if occurrence is resource.requested:
        resource.requested = None
    if occurrence in _DEPLOYING:
        resource.walked += 1
    if occurrence is STOP:
        resource.running = False
    resource.unknown_since = None
    resource.moved_by = entry.seq
    before, state = resource.state, TRANSITIONS[resource.state][occurrence]
    world.touched[resource.guid] = entry.seq
    if state is not before:
        resource.state = state
        resource.times[state] = entry.time
        if state is STARTED:
            resource.started_by = entry.seq
            resource.running = True
        elif state is RELEASED:
            resource.remark = ""
        entered(world, resource, entry)
