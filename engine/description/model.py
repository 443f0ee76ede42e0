"""What an experiment is before it runs, as plain data: what was said of it, and nothing of what came of it.

The schema of files is made from these classes and from what is said of their fields here.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from engine.core.states import ResourceAction, ResourceState  # noqa: TC001 - the types of the fields are asked for

Value = Annotated[Any, "value"]
"""A plain value as the log takes it: None, bool, int, float, str, bytes, and lists and dicts of these."""


@dataclass(frozen=True)
class Node:
    """A node of a topology.

    Attributes:
        nid: what names it: a whole number or a text.
        annotations: what is noted on it.
    """

    nid: int | str
    annotations: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Edge:
    """An edge of a topology. It has no direction.

    Attributes:
        nid1: the node at one end.
        nid2: the node at the other end.
        annotations: what is noted on it.
    """

    nid1: int | str
    nid2: int | str
    annotations: dict[str, Value] = field(default_factory=dict)


@dataclass(frozen=True)
class Topology:
    """The graph that an experiment is described from.

    Attributes:
        topo_type: how the nodes are linked, such as linear, star or adhoc.
        seed: what sources are chosen by; null if they differ each time.
        nodes: the nodes, in their order.
        edges: the edges, in their order.
    """

    topo_type: str = "adhoc"
    seed: int | None = None
    nodes: tuple[Node, ...] = ()
    edges: tuple[Edge, ...] = ()


@dataclass(frozen=True)
class ResourceDescription:
    """A resource.

    Attributes:
        guid: its number.
        rtype: its type, such as linux::Application.
        label: the user's name for it.
        attributes: those that were given a value.
        connections: those that it is connected to, in order; to say it on one side is enough.
        traces: those that were switched on (true) or off (false).
    """

    guid: int
    rtype: str
    label: str | None = None
    attributes: dict[str, Value] = field(default_factory=dict)
    connections: tuple[int, ...] = ()
    traces: dict[str, bool] = field(default_factory=dict)
    place: str = field(default="", compare=False, repr=False)  # where it stands in its file, for messages

    @property
    def name(self) -> str:
        """How a message names it."""
        return f"#{self.guid} {self.rtype}" + (f" ({self.label})" if self.label is not None else "")


@dataclass(frozen=True)
class ConditionDescription:
    """An action that comes only after others have reached a state.

    Attributes:
        guids: those that wait.
        action: what waits.
        on: those that are waited for.
        state: what all of these must have reached.
        delay_ns: how long after that, in nanoseconds.
    """

    guids: tuple[int, ...]
    action: ResourceAction
    on: tuple[int, ...]
    state: ResourceState
    delay_ns: int = 0
    place: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class SettingDescription:
    """An attribute that is set while its resources run, after others have reached a state.

    Attributes:
        name: the attribute.
        value: what it is set to.
        guids: those whose attribute it is.
        on: those that are waited for.
        state: what all of these must have reached.
        delay_ns: how long after that, in nanoseconds.
    """

    name: str
    value: Value
    guids: tuple[int, ...]
    on: tuple[int, ...]
    state: ResourceState
    delay_ns: int = 0
    place: str = field(default="", compare=False, repr=False)


@dataclass(frozen=True)
class Description:
    """An experiment before it runs.

    Two that mean the same are equal: conditions have no order and count once, and a connection that was told on one
    side is entered on both.

    Attributes:
        exp_id: the name of the experiment: letters, digits, '.', '_' and '-'.
        topology: the graph that it is described from, if it is.
        globals: by type, the values of resources that have none of their own.
        resources: the resources, in order of registration.
        conditions: what holds back their actions.
        settings: attributes that are set while they run.
    """

    exp_id: str
    topology: Topology | None = None
    globals: dict[str, dict[str, Value]] = field(default_factory=dict)
    resources: tuple[ResourceDescription, ...] = ()
    conditions: tuple[ConditionDescription, ...] = ()
    settings: tuple[SettingDescription, ...] = ()
    source: str = field(default="", compare=False, repr=False)  # the file that it was read from, for messages
    remarks: tuple[str, ...] = field(default=(), compare=False, repr=False)  # what of that file was left out

    def __post_init__(self) -> None:
        conditions = dict.fromkeys(map(_ordered, self.conditions))
        object.__setattr__(self, "conditions", tuple(sorted(conditions, key=_key)))
        object.__setattr__(self, "resources", _on_both_sides(self.resources))


def _ordered(condition: ConditionDescription) -> ConditionDescription:
    guids, on = (tuple(sorted(set(side))) for side in (condition.guids, condition.on))
    return replace(condition, guids=guids, on=on)


def _key(condition: ConditionDescription) -> tuple[Any, ...]:
    return condition.guids, condition.action.value, condition.on, condition.state.value, condition.delay_ns


def _on_both_sides(resources: tuple[ResourceDescription, ...]) -> tuple[ResourceDescription, ...]:
    connected = {resource.guid: dict.fromkeys(resource.connections) for resource in resources}
    for resource in resources:
        for other in resource.connections:
            connected.get(other, {}).setdefault(resource.guid)
    return tuple(replace(resource, connections=tuple(connected[resource.guid])) for resource in resources)
