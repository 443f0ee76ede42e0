"""An experiment as it stands, and the only code that changes it.

`apply` folds one event into the world. It decides nothing and refuses nothing: an event is a fact. The live engine,
the replayer and a controller that takes over all go through it, so there is no second way to reach a state.

Beside the state it keeps two indexes, so that nothing ever walks over all resources: which conditions look at a
resource's state, and which resources an event has touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import singledispatch
from typing import TYPE_CHECKING, Any, Final

from engine.core import events
from engine.core.events import Entry
from engine.core.states import DEPLOYMENT, TRANSITIONS, ResourceState, Step, Turn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

EXPERIMENT: Final = 0
"""The guid of the experiment itself."""


@dataclass(slots=True)
class Attempt:
    """A step that is under way. `seq` is the event of its intent."""

    step: Step
    token: str
    seq: int


@dataclass(slots=True)
class Link:
    """What a type says about its connections to resources of type `rtype` (see `engine.rm.links`)."""

    name: str
    rtype: str
    min: int
    max: int | None
    after: ResourceState
    before: Step


@dataclass(slots=True)
class TypeInfo:
    """What the engine knows of a resource type, as it was `declared`."""

    declared: events.TypeDeclared
    rtype: str
    lineage: list[str]
    hooks: frozenset[Step]
    links: list[Link]
    attributes: dict[str, Any]
    required: list[str]
    traces: list[str]


@dataclass(slots=True, eq=False)
class Condition:
    """`step` of each of `guids` comes only `delay` ns after all of `on` have reached `state`.

    One object however many resources wait by it: what has been reached is counted once, in `missing`.

    Attributes:
        seq: the event that made it; its name.
        origin: "user", "link" or "group": who asked for it.
        missing: how many of `on` have not reached `state`.
        met_at: when the last of them did, in ns since 1970.
        met_by: the event by which it did.
        broken_by: a resource that can no longer reach it (0: none). Then it can never be met.
    """

    seq: int
    origin: str
    step: Step
    guids: list[int]
    on: list[int]
    state: ResourceState
    delay: int = 0
    missing: int = 0
    met_at: int | None = None
    met_by: int = 0
    broken_by: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for comparison and JSON."""
        return {
            "seq": self.seq,
            "origin": self.origin,
            "step": str(self.step),
            "guids": list(self.guids),
            "on": list(self.on),
            "state": self.state.name,
            "delay": self.delay,
            "missing": self.missing,
            "met_at": self.met_at,
            "met_by": self.met_by,
            "broken_by": self.broken_by,
        }


@dataclass(slots=True, eq=False)
class Resource:
    """One resource.

    Attributes:
        critical: whether its failure aborts the experiment.
        times: the latest entry into each state that it was in, in ns since 1970.
        walked: how many steps of its deployment are behind it.
        attempt: the step that is under way.
        requested: the step that the user asked for, conditions or not.
        releasing: its release was asked for.
        blockers: how many resources that depend on it are still to be released before it.
        depends_on: those that it is linked to by a link of its own type.
        gates: the conditions that stand before each step.
        receipts: what each step left, by step.
        tokens: by step, the name of its latest attempt; that of a stop is forgotten when it is started again.
        started_by: the event of its latest start, 0 if it was never started.
        exit_code: of its last end.
        error: why it failed, or why its release did.
    """

    guid: int
    rtype: str
    attributes: dict[str, Any]
    critical: bool
    state: ResourceState = ResourceState.NEW
    times: dict[ResourceState, int] = field(default_factory=dict)
    walked: int = 0
    group: int | None = None
    attempt: Attempt | None = None
    requested: Step | None = None
    releasing: bool = False
    blockers: int = 0
    connections: list[int] = field(default_factory=list)
    depends_on: list[int] = field(default_factory=list)
    gates: dict[Step, list[Condition]] = field(default_factory=dict)
    receipts: dict[Step, Any] = field(default_factory=dict)
    tokens: dict[Step, str] = field(default_factory=dict)
    started_by: int = 0
    exit_code: int | None = None
    error: dict[str, Any] | None = None

    def has_reached(self, state: ResourceState) -> bool:
        """Whether it was ever in that state, or failed without being critical."""
        return state in self.times or (ResourceState.FAILED in self.times and not self.critical)

    def is_lost_for(self, state: ResourceState) -> bool:
        """Whether it will never be in a state that it has not been in."""
        if self.state is ResourceState.FAILED:
            return state is not ResourceState.RELEASED
        return self.state is ResourceState.RELEASED

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for comparison and JSON."""
        return {
            "rtype": self.rtype,
            "state": self.state.name,
            "attributes": dict(self.attributes),
            "connections": sorted(self.connections),
            "conditions": sorted(cond.seq for gate in self.gates.values() for cond in gate),
            "times": {state.name: time for state, time in self.times.items()},
            "group": self.group,
            "attempt": None if self.attempt is None else {"step": str(self.attempt.step), "token": self.attempt.token},
            "requested": None if self.requested is None else str(self.requested),
            "releasing": self.releasing,
            "receipts": {str(step): receipt for step, receipt in self.receipts.items()},
            "exit_code": self.exit_code,
            "error": self.error,
        }


@dataclass(slots=True)
class Group:
    """What was deployed together. Its barrier, if it has one, is the condition before each member's start."""

    members: list[int]
    barrier: Condition | None


@dataclass(slots=True)
class Task:
    """A function of the user's that is called at `due` (ns since 1970)."""

    due: int
    state: str = "pending"
    error: str | None = None


@dataclass(slots=True, eq=False)
class World:
    """An experiment as it stands after `seq`.

    Attributes:
        conditions: by the seq of the event that made them.
        watched: by resource and state, the conditions that count on it and have not seen it.
        touched: the resources that something has changed for since it was last taken, each with the event.
    """

    exp_id: str = ""
    run_id: str = ""
    seq: int = 0
    time: int = 0
    start: int = 0
    epoch: int = 0
    holder: dict[str, Any] = field(default_factory=dict)
    aborted_by: list[int] = field(default_factory=list)
    closed: bool = False
    types: dict[str, TypeInfo] = field(default_factory=dict)
    resources: dict[int, Resource] = field(default_factory=dict)
    conditions: dict[int, Condition] = field(default_factory=dict)
    groups: dict[int, Group] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    last_guid: int = 0
    watched: dict[tuple[int, ResourceState], list[Condition]] = field(default_factory=dict)
    links: dict[tuple[int, ResourceState, Step], Condition] = field(default_factory=dict)
    touched: dict[int, int] = field(default_factory=dict)

    @property
    def aborted(self) -> bool:
        """Whether a critical resource has failed."""
        return bool(self.aborted_by)

    def take_touched(self) -> dict[int, int]:
        """The resources that something has changed for, each with the event that did it; and forget them."""
        touched, self.touched = self.touched, {}
        return touched

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for comparison and JSON."""
        return {
            "exp_id": self.exp_id,
            "run_id": self.run_id,
            "seq": self.seq,
            "time": self.time,
            "start": self.start,
            "epoch": self.epoch,
            "aborted_by": list(self.aborted_by),
            "closed": self.closed,
            "resources": {guid: resource.to_dict() for guid, resource in self.resources.items()},
            "conditions": [condition.to_dict() for condition in self.conditions.values()],
            "groups": {group: list(entry.members) for group, entry in self.groups.items()},
            "tasks": {
                task: {"due": entry.due, "state": entry.state, "error": entry.error}
                for task, entry in self.tasks.items()
            },
        }


def apply(world: World, entry: Entry) -> None:
    """Fold one event into the world."""
    world.seq = entry.seq
    world.time = entry.time
    _apply(entry.event, world, entry)


@singledispatch
def _apply(event: events.Event, world: World, entry: Entry) -> None:
    raise TypeError(f"apply does not know {event.kind}")  # pragma: no cover - a test walks over all kinds


# --- the controller ---------------------------------------------------------------------------------------------


@_apply.register
def _(event: events.ControllerOpened, world: World, entry: Entry) -> None:
    if not world.start:
        world.exp_id, world.run_id, world.start = event.exp_id, event.run_id, entry.time
    world.epoch = entry.epoch
    world.holder = event.holder


@_apply.register
def _(event: events.RunClosed, world: World, entry: Entry) -> None:
    world.closed = True


@_apply.register
def _(event: events.ExperimentAborted, world: World, entry: Entry) -> None:
    world.aborted_by.append(event.by)


# --- the description --------------------------------------------------------------------------------------------


@_apply.register
def _(event: events.TypeDeclared, world: World, entry: Entry) -> None:
    world.types[event.rtype] = type_info(event)


def type_info(event: events.TypeDeclared) -> TypeInfo:
    """What the engine knows of the type that was declared."""
    links = [
        Link(**{**link, "after": ResourceState[link["after"]], "before": Step(link["before"])}) for link in event.links
    ]
    hooks = frozenset(Step(hook) for hook in event.hooks)
    return TypeInfo(event, event.rtype, event.lineage, hooks, links, event.attributes, event.required, event.traces)


@_apply.register
def _(event: events.ResourceRegistered, world: World, entry: Entry) -> None:
    attributes = {**world.types[event.rtype].attributes, **event.attributes}
    resource = Resource(event.guid, event.rtype, dict(event.attributes), bool(attributes.get("critical", True)))
    resource.times[ResourceState.NEW] = entry.time
    world.resources[event.guid] = resource
    world.last_guid = max(world.last_guid, event.guid)


@_apply.register
def _(event: events.ResourceConnected, world: World, entry: Entry) -> None:
    one, two = world.resources[event.guid], world.resources[event.other]
    one.connections.append(two.guid)
    two.connections.append(one.guid)
    for mine, other in ((one, two), (two, one)):
        for link in links_to(world.types, mine, other):
            _depend(world, mine, other, link, entry)


def links_to(types: Mapping[str, TypeInfo], mine: Resource, other: Resource) -> list[Link]:
    """What `mine`'s type says about a connection to `other`."""
    lineage = types[other.rtype].lineage
    return [link for link in types[mine.rtype].links if link.rtype in lineage]


def _depend(world: World, mine: Resource, other: Resource, link: Link, entry: Entry) -> None:
    # Of two that depend on each other, along whatever ring of links, one must be released first.
    if not _depends(world, other.guid, mine.guid):
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
    while ahead:
        following = set(world.resources[ahead.pop()].depends_on) - seen
        seen |= following
        ahead.extend(following)
    return needed in seen


@_apply.register
def _(event: events.AttributeSet, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attributes[event.name] = event.value
    if event.name == "critical":
        resource.critical = bool(event.value)


@_apply.register
def _(event: events.ConditionRegistered, world: World, entry: Entry) -> None:
    condition = Condition(entry.seq, "user", event.step, event.guids, event.on, event.state, event.delay)
    world.conditions[entry.seq] = condition
    for guid in event.guids:
        world.resources[guid].gates.setdefault(event.step, []).append(condition)
    _watch(world, condition, condition.on, entry)
    _touch_all(world, event.guids, entry.seq)


# --- what the user asks for -------------------------------------------------------------------------------------


@_apply.register
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


@_apply.register
def _(event: events.StepRequested, world: World, entry: Entry) -> None:
    world.resources[event.guid].requested = event.step
    world.touched[event.guid] = entry.seq


@_apply.register
def _(event: events.ReleaseRequested, world: World, entry: Entry) -> None:
    for guid in event.guids:
        world.resources[guid].releasing = True
    for guid in event.guids:
        for needed in world.resources[guid].depends_on:
            world.resources[needed].blockers += 1
    _touch_all(world, event.guids, entry.seq)


@_apply.register
def _(event: events.TaskScheduled, world: World, entry: Entry) -> None:
    world.tasks[event.task] = Task(event.due)


@_apply.register
def _(event: events.TaskBegun, world: World, entry: Entry) -> None:
    world.tasks[event.task].state = "running"


@_apply.register
def _(event: events.TaskDone, world: World, entry: Entry) -> None:
    task = world.tasks[event.task]
    task.error = event.error
    task.state = "lost" if event.lost else "error" if event.error is not None else "done"


# --- what the resources do --------------------------------------------------------------------------------------


@_apply.register
def _(event: events.StepPassed, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    for step in event.steps:
        _take(world, resource, step, entry)


@_apply.register
def _(event: events.StepBegun, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attempt = Attempt(event.step, event.token, entry.seq)
    resource.tokens[event.step] = event.token
    if event.step is Step.START:
        resource.tokens.pop(Step.STOP, None)
        resource.exit_code = None


@_apply.register
def _(event: events.StepDone, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attempt = None
    resource.receipts.pop(event.step, None)  # that of an earlier attempt says nothing about this one
    if event.receipt is not None:
        resource.receipts[event.step] = event.receipt
    _take(world, resource, event.step, entry)


@_apply.register
def _(event: events.StepFailed, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.attempt = resource.requested = None
    resource.error = event.error
    if event.step is Step.RELEASE:
        _take(world, resource, Step.RELEASE, entry)
    else:
        _take(world, resource, Turn.FAIL, entry)


@_apply.register
def _(event: events.StepVoided, world: World, entry: Entry) -> None:
    world.resources[event.guid].attempt = None
    world.touched[event.guid] = entry.seq


@_apply.register
def _(event: events.ResourceFound, world: World, entry: Entry) -> None:
    world.touched[event.guid] = entry.seq


@_apply.register
def _(event: events.ResourceEnded, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.exit_code = event.code
    # While it is being stopped, the end is what was asked for: the step says when it is over.
    if resource.attempt is None and resource.state is ResourceState.STARTED:
        resource.requested = None
        _take(world, resource, Turn.END, entry)


@_apply.register
def _(event: events.ResourceFailed, world: World, entry: Entry) -> None:
    resource = world.resources[event.guid]
    resource.exit_code = event.code if event.code is not None else resource.exit_code
    resource.error = event.error
    resource.requested = None
    _take(world, resource, Turn.FAIL, entry)


# --- states and those who wait for them -------------------------------------------------------------------------


def _take(world: World, resource: Resource, occurrence: Step | Turn, entry: Entry) -> None:
    """Move a resource along the table of transitions."""
    if occurrence == resource.requested:
        resource.requested = None
    if occurrence in DEPLOYMENT:
        resource.walked += 1
    before, state = resource.state, TRANSITIONS[resource.state][occurrence]
    world.touched[resource.guid] = entry.seq
    if state is not before:
        resource.state = state
        resource.times[state] = entry.time
        if state is ResourceState.STARTED:
            resource.started_by = entry.seq
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
