"""An experiment as it stands. Only `engine.core.apply` changes it.

Beside the state it keeps two indexes, so that nothing ever walks over all resources: which conditions look at a
resource's state, and which resources an event has touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from engine.core.states import FAILED, NEW, RELEASED, ResourceState, Step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.core import events

EXPERIMENT: Final = 0
"""The guid of the experiment itself."""


class Attempt(Struct, gc=False):
    """A step that is under way.

    Attributes:
        seq: the event of its intent.
        doing: what its hook said last that it is doing.
        doing_since: when it said so, in ns since 1970.
    """

    step: Step
    token: str
    seq: int
    doing: str = ""
    doing_since: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for comparison and JSON."""
        return {"step": str(self.step), "token": self.token, "doing": self.doing, "doing_since": self.doing_since}


class Link(Struct):
    """What a type says about its connections to resources of type `rtype` (see `engine.rm.links`)."""

    name: str
    rtype: str
    min: int
    max: int | None
    after: ResourceState
    before: Step


class TypeInfo(Struct):
    """What the engine knows of a resource type, as it was `declared`."""

    declared: events.TypeDeclared
    rtype: str
    lineage: list[str]
    hooks: frozenset[Step]
    links: list[Link]
    attributes: dict[str, Any]
    required: list[str]
    traces: dict[str, bool]


class Condition(Struct, eq=False):
    """`step` of each of `guids` comes only `delay` ns after all of `on` have reached `state`.

    One object however many resources wait by it: what has been reached is counted once, in `missing`.

    Attributes:
        seq: the event that made it; its name.
        origin: "user", "link", "group" or "plan": who asked for it.
        step: what it stands before; None for a planned value, which is no step.
        missing: how many of `on` have not reached `state`.
        met_at: when the last of them did, in ns since 1970.
        met_by: the event by which it did.
        broken_by: a resource that can no longer reach it (0: none). Then it can never be met.
    """

    seq: int
    origin: str
    step: Step | None
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
            "step": None if self.step is None else str(self.step),
            "guids": list(self.guids),
            "on": list(self.on),
            "state": self.state.name,
            "delay": self.delay,
            "missing": self.missing,
            "met_at": self.met_at,
            "met_by": self.met_by,
            "broken_by": self.broken_by,
        }


class Plan(Struct, eq=False):
    """A value that an attribute of those who wait by `condition` gets while they are STARTED."""

    name: str
    value: Any
    condition: Condition

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for comparison and JSON."""
        return {"name": self.name, "value": self.value, "condition": self.condition.to_dict()}


_NONE_YET: Final[Mapping[Any, Any]] = {}


class Resource(Struct, eq=False):
    """One resource.

    Attributes:
        attributes: those that were given a value of their own.
        critical: whether its failure aborts the experiment.
        times: the latest entry into each state that it was in, in ns since 1970.
        walked: how many steps of its deployment are behind it.
        attempt: the step that is under way.
        requested: the step that the user asked for, conditions or not.
        releasing: its release was asked for.
        blockers: how many resources that depend on it are still to be released before it.
        depends_on: those that it is linked to by a link of its own type.
        is_needed: whether any depends on it, or did.
        gates: the conditions that stand before each step.
        receipts: what each step left, by step. Like `tokens` never changed in place, so that it can be handed out.
        tokens: by step, the name of its latest attempt; that of a stop is forgotten when it is started again.
        moved_by: the event of its latest step or turn.
        started_by: the event of its latest start, 0 if it was never started.
        running: it was started, and since then neither has it come to an end nor has a stop been tried.
        unknown_since: when its host was first asked after it in vain, in ns since 1970; None once it has answered.
        remark: what it says is the matter with it; "" if nothing.
        remarked_at: when it said so, in ns since 1970.
        exit_code: of its last end.
        error: why it failed, or why its release did.
        label: the user's name for it.
        traces: those that were switched on or off.
        plans: the values that it is to get later.
    """

    guid: int
    rtype: str
    attributes: dict[str, Any]
    critical: bool
    state: ResourceState = NEW
    times: dict[ResourceState, int] = field(default_factory=dict)
    walked: int = 0
    group: int | None = None
    attempt: Attempt | None = None
    requested: Step | None = None
    releasing: bool = False
    blockers: int = 0
    connections: list[int] = field(default_factory=list)
    depends_on: list[int] = field(default_factory=list)
    is_needed: bool = False
    gates: dict[Step, list[Condition]] = field(default_factory=dict)
    receipts: Mapping[Step, Any] = field(default_factory=lambda: _NONE_YET)
    tokens: Mapping[Step, str] = field(default_factory=lambda: _NONE_YET)
    moved_by: int = 0
    started_by: int = 0
    running: bool = False
    unknown_since: int | None = None
    remark: str = ""
    remarked_at: int = 0
    exit_code: int | None = None
    error: dict[str, Any] | None = None
    label: str | None = None
    traces: Mapping[str, bool] = field(default_factory=lambda: _NONE_YET)
    plans: tuple[Plan, ...] = ()

    @property
    def is_touched(self) -> bool:
        """Whether anything was ever done with it."""
        return self.state is not NEW or self.attempt is not None

    def has_reached(self, state: ResourceState) -> bool:
        """Whether it was ever in that state, or failed without being critical."""
        return state in self.times or (FAILED in self.times and not self.critical)

    def is_lost_for(self, state: ResourceState) -> bool:
        """Whether it will never be in a state that it has not been in."""
        if self.state is FAILED:
            return state is not RELEASED
        return self.state is RELEASED

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for comparison and JSON."""
        return {
            "rtype": self.rtype,
            "label": self.label,
            "state": self.state.name,
            "attributes": dict(self.attributes),
            "traces": dict(self.traces),
            "plans": [plan.condition.seq for plan in self.plans],
            "connections": sorted(self.connections),
            "conditions": sorted(cond.seq for gate in self.gates.values() for cond in gate),
            "times": {state.name: time for state, time in self.times.items()},
            "group": self.group,
            "attempt": None if self.attempt is None else self.attempt.to_dict(),
            "requested": None if self.requested is None else str(self.requested),
            "releasing": self.releasing,
            "receipts": {str(step): receipt for step, receipt in self.receipts.items()},
            "unknown_since": self.unknown_since,
            "remark": self.remark,
            "remarked_at": self.remarked_at,
            "exit_code": self.exit_code,
            "error": self.error,
        }


class Group(Struct):
    """What was deployed together. Its barrier, if it has one, is the condition before each member's start."""

    members: list[int]
    barrier: Condition | None


class Task(Struct):
    """A function of the user's that is called at `due` (ns since 1970)."""

    due: int
    state: str = "pending"
    error: str | None = None


class World(Struct, eq=False):
    """An experiment as it stands after `seq`.

    Attributes:
        opened: the event with which the present controller took charge.
        persist: whether the description is to be saved at the release of all.
        conditions: by the seq of the event that made them.
        plans: the values that are to be set later, by the seq of the event that planned them.
        globals: by type, the values of resources that have none of their own.
        topology: the parts of the graph that the experiment is described from.
        labels: by label, the resource.
        warnings: the events that warned of something.
        watched: by resource and state, the conditions that count on it and have not seen it.
        touched: the resources that something has changed for since it was last taken, each with the event.
    """

    exp_id: str = ""
    run_id: str = ""
    seq: int = 0
    time: int = 0
    start: int = 0
    epoch: int = 0
    opened: int = 0
    holder: dict[str, Any] = field(default_factory=dict)
    aborted_by: list[int] = field(default_factory=list)
    closed: bool = False
    persist: bool = False
    types: dict[str, TypeInfo] = field(default_factory=dict)
    resources: dict[int, Resource] = field(default_factory=dict)
    conditions: dict[int, Condition] = field(default_factory=dict)
    plans: dict[int, Plan] = field(default_factory=dict)
    globals: dict[str, dict[str, Any]] = field(default_factory=dict)
    topology: list[dict[str, Any]] = field(default_factory=list)
    labels: dict[str, int] = field(default_factory=dict)
    warnings: list[tuple[int, int, str]] = field(default_factory=list)
    groups: dict[int, Group] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    last_guid: int = 0
    watched: dict[int, dict[ResourceState, list[Condition]]] = field(default_factory=dict)
    links: dict[tuple[int, ResourceState, Step], Condition] = field(default_factory=dict)
    touched: dict[int, int] = field(default_factory=dict)

    @property
    def aborted(self) -> bool:
        """Whether a critical resource has failed."""
        return bool(self.aborted_by)

    def values(self, resource: Resource) -> dict[str, Any]:
        """The attributes of a resource that have a value beside their default: its own, else that of its type."""
        return values_of(self.types[resource.rtype], self.globals, resource)

    def value(self, resource: Resource, name: str) -> Any:
        """What an attribute of a resource comes to, its default included."""
        return self.values(resource).get(name, self.types[resource.rtype].attributes.get(name))

    def trace_enabled(self, resource: Resource, name: str) -> bool:
        """Whether a trace of a resource is recorded. One that its type does not declare is, unless switched off."""
        return resource.traces.get(name, self.types[resource.rtype].traces.get(name, True))

    def all_conditions(self) -> list[Condition]:
        """Those of users, links, groups and plans."""
        barriers = [group.barrier for group in self.groups.values() if group.barrier is not None]
        plans = [plan.condition for plan in self.plans.values()]
        return [*self.conditions.values(), *self.links.values(), *barriers, *plans]

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
            "plans": [plan.to_dict() for plan in self.plans.values()],
            "globals": {rtype: dict(values) for rtype, values in self.globals.items()},
            "topology": list(self.topology),
            "warnings": [list(warning) for warning in self.warnings],
            "groups": {group: list(entry.members) for group, entry in self.groups.items()},
            "tasks": {
                task: {"due": entry.due, "state": entry.state, "error": entry.error}
                for task, entry in self.tasks.items()
            },
        }


def describe(resource: Resource) -> str:
    """How a message names a resource."""
    name = f"#{resource.guid} {resource.rtype}"
    return name if resource.label is None else f"{name} ({resource.label})"


def tells_an_end(error: Mapping[str, Any]) -> bool:
    """Whether a failure is that of what was started, not of code of its type: such code is named as its `step`."""
    return "step" not in error


def type_info(event: events.TypeDeclared) -> TypeInfo:
    """What the engine knows of the type that was declared."""
    links = [
        Link(**{**link, "after": ResourceState[link["after"]], "before": Step(link["before"])}) for link in event.links
    ]
    hooks = frozenset(Step(hook) for hook in event.hooks)
    return TypeInfo(event, event.rtype, event.lineage, hooks, links, event.attributes, event.required, event.traces)


def values_of(info: TypeInfo, of_types: Mapping[str, Mapping[str, Any]], resource: Resource) -> dict[str, Any]:
    """See `World.values`. What was set for a nearer type of its lineage counts more."""
    values: dict[str, Any] = {}
    for rtype in reversed(info.lineage) if of_types else ():
        values.update(of_types.get(rtype, {}))
    values.update(resource.attributes)
    return values


def links_to(types: Mapping[str, TypeInfo], mine: Resource, other: Resource) -> list[Link]:
    """What `mine`'s type says about a connection to `other`."""
    lineage = types[other.rtype].lineage
    return [link for link in types[mine.rtype].links if link.rtype in lineage]
