"""An experiment on trial: what would be recorded of a description, and what is wrong with it."""

from __future__ import annotations

from functools import partial
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, TypeVar

from engine.core import decide, revise
from engine.core.apply import apply
from engine.core.errors import BadConnection, UsageError, nearest
from engine.core.events import Entry
from engine.core.topology import check_can_hold
from engine.core.values import check_plain
from engine.core.world import World
from engine.description.problems import BadDescription, UnknownTypes, at
from engine.rm import attributes as declarations
from engine.rm.registry import ResourceFactory, declare, told_in_full

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from engine.core.events import Event, TypeDeclared
    from engine.core.world import Resource
    from engine.description.model import (
        ConditionDescription,
        Description,
        ResourceDescription,
        SettingDescription,
        Topology,
    )
    from engine.netgraph import NetGraph
    from engine.rm.base import ResourceManager

_T = TypeVar("_T")


class Draft:
    """An experiment on trial.

    Attributes:
        world: the experiment as it would stand.
        events: what makes it so.
        problems: what is wrong, each in a line.
        netgraph: its topology.
    """

    def __init__(self, description: Description) -> None:
        self.world = World()
        self.events: list[Event] = []
        self.problems: list[str] = []
        self.netgraph: NetGraph | None = None
        self._description = description
        self._types: dict[str, type[ResourceManager] | None] = {}
        self._declared: dict[str, TypeDeclared] = {}
        self._left_out: set[int] = set()  # what was refused: what is said of these is no news

    def draw_up(self) -> None:
        """Take in all that the description says."""
        description = self._description
        if description.topology is not None:
            self.netgraph = self._attempt("topology", partial(_netgraph, description.topology))
        for resource in description.resources:
            self._register(resource)
        for rtype, values in description.globals.items():
            self._set_globals(rtype, values)
        for resource in description.resources:
            self._switch_traces(resource)
        self._connect()
        for condition in description.conditions:
            if self._left_out.isdisjoint((*condition.guids, *condition.on)):
                self._take(condition.place, partial(self._conditioned, condition))
        for setting in description.settings:
            if self._left_out.isdisjoint((*setting.guids, *setting.on)):
                self._take(setting.place, partial(self._planned, setting))
        self._attempt("", partial(check_can_hold, self.world, list(self.world.resources), []))

    def try_to_deploy(self) -> None:
        """See what a deployment of everything would say: of each resource that is not complete, else of all of them."""
        found = len(self.problems)
        for resource in self._description.resources:
            described = self.world.resources[resource.guid]
            self._attempt(resource.place, partial(self._check_complete, described))
        if len(self.problems) == found:
            self._attempt("", partial(decide.deploy, self.world, None, None, wait_all_ready=True))

    def _check_complete(self, resource: Resource) -> None:
        try:
            decide.check_complete(self.world, self.world.types, resource)
        except BadConnection as refused:
            raise told_in_full(refused, [resource.rtype]) from None

    def refuse_problems(self) -> None:
        """See that there are none.

        Raises:
            BadDescription: there are.
        """
        if self.problems:
            raise (UnknownTypes if None in self._types.values() else BadDescription)(self.problems)

    # --- what is taken in -----------------------------------------------------------------------------------------

    def _attempt(self, place: str, act: Callable[[], _T]) -> _T | None:
        """What a call returns; None if it refuses, which is noted."""
        try:
            return act()
        except UsageError as error:
            self.problems.append(at(self._description.source, at(place, error)))
            return None

    def _take(self, place: str, decided: Callable[[], list[Event]]) -> bool:
        """Have something decided, and let it be so; whether it was accepted."""
        made = self._attempt(place, decided)
        for event in made or ():
            apply(self.world, Entry(self.world.seq + 1, 0, 0, 1, event))
            self.events.append(event)
        return made is not None

    def _type(self, rtype: str, place: str) -> type[ResourceManager] | None:
        """The type of that name; None if there is none, which is noted once."""
        if rtype not in self._types:
            self._types[rtype] = self._attempt(place, partial(ResourceFactory.get_resource_type, rtype))
        return self._types[rtype]

    def _values(self, cls: type[ResourceManager], given: Mapping[str, Any], place: str) -> dict[str, Any]:
        """These values as the attributes of the type have them, as far as it takes them."""
        made: dict[str, Any] = {}
        for name, value in given.items():
            made |= self._attempt(place, partial(declarations.convert, cls.declared(), {name: value}, cls.rtype)) or {}
        return made

    def _register(self, resource: ResourceDescription) -> None:
        cls = self._type(resource.rtype, resource.place)
        if cls is None or not self._take(resource.place, partial(self._registered, cls, resource)):
            self._left_out.add(resource.guid)

    def _registered(self, cls: type[ResourceManager], resource: ResourceDescription) -> list[Event]:
        if cls.rtype not in self._declared:
            self._declared[cls.rtype] = declare(cls)
        values = self._values(cls, resource.attributes, at(resource.place, resource.name))
        check_plain(values, f"the attributes of {resource.name} together")
        return decide.register(self.world, self._declared[cls.rtype], resource.guid, values, label=resource.label)

    def _set_globals(self, rtype: str, given: Mapping[str, Any]) -> None:
        place = f"globals of {rtype}"
        cls = self._type(rtype, place)
        if cls is None:
            return
        for name, value in self._values(cls, given, place).items():
            when = cls.declared()[name].when
            self._take(place, partial(revise.set_global, self.world, rtype, name, value, when))

    def _switch_traces(self, resource: ResourceDescription) -> None:
        if resource.guid not in self._left_out:
            for name, enabled in resource.traces.items():
                self._take(resource.place, partial(self._switched, resource, name, enabled=enabled))

    def _switched(self, resource: ResourceDescription, name: str, *, enabled: bool) -> list[Event]:
        names = self.world.types[resource.rtype].traces
        if name not in names:
            raise UsageError(f"{resource.name} has no trace {name!r} to switch; {nearest(name, names)}")
        return revise.switch_trace(self.world, resource.guid, name, enabled=enabled)

    def _connect(self) -> None:
        places = {resource.guid: resource.place for resource in self._description.resources}
        for guid, other in _in_order(self._description.resources):
            if self._left_out.isdisjoint((guid, other)):
                self._take(places[guid], partial(decide.connect, self.world, guid, other))

    def _conditioned(self, condition: ConditionDescription) -> list[Event]:
        return decide.add_condition(
            self.world, condition.guids, condition.action, condition.on, condition.state, condition.delay_ns
        )

    def _planned(self, setting: SettingDescription) -> list[Event]:
        """As `ec.set_with_conditions` does it: types may differ in how they take the value."""
        made: list[Event] = []
        for guids, attribute, value in self._by_attribute(setting):
            made += revise.plan_value(
                self.world, attribute.name, value, attribute.when, guids, setting.on, setting.state, setting.delay_ns
            )
        return made

    def _by_attribute(self, setting: SettingDescription) -> Iterable[tuple[list[int], declarations.Attribute, Any]]:
        found: dict[int, tuple[list[int], declarations.Attribute, Any]] = {}
        for guid in setting.guids:
            rtype = decide.find(self.world, guid).rtype
            attribute = declarations.resolve(ResourceFactory.get_resource_type(rtype).declared(), setting.name, rtype)
            if id(attribute) not in found:
                found[id(attribute)] = [], attribute, attribute.convert(setting.value, rtype)
            found[id(attribute)][0].append(guid)
        return found.values()


def _netgraph(topology: Topology) -> NetGraph:
    from engine.netgraph import NetGraph  # noqa: PLC0415 - networkx takes a tenth of a second, and few need it

    nodes = [{"nid": node.nid, "annotations": node.annotations} for node in topology.nodes]
    edges = [{"nid1": edge.nid1, "nid2": edge.nid2, "annotations": edge.annotations} for edge in topology.edges]
    return NetGraph.from_dict({"topo_type": topology.topo_type, "seed": topology.seed, "nodes": nodes, "edges": edges})


def _in_order(resources: Iterable[ResourceDescription]) -> list[tuple[int, int]]:
    """The connections in an order in which each resource gets its own in the order that it lists them."""
    after: dict[frozenset[int], tuple[int, int]] = {}
    order: TopologicalSorter[frozenset[int]] = TopologicalSorter()
    for resource in resources:
        mine = [frozenset((resource.guid, other)) for other in resource.connections]
        for edge, other in zip(mine, resource.connections, strict=True):
            after.setdefault(edge, (resource.guid, other))
            order.add(edge)
        for earlier, later in pairwise(mine):
            order.add(later, earlier)
    try:
        return [after[edge] for edge in order.static_order()]
    except CycleError:  # no script can have made such lists, so nobody counts on their order
        return list(after.values())
