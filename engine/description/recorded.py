"""The description of an experiment that a world holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core.states import GATE
from engine.core.values import copied
from engine.description.model import (
    ConditionDescription,
    Description,
    Edge,
    Node,
    ResourceDescription,
    SettingDescription,
    Topology,
)

if TYPE_CHECKING:
    from engine.core.world import Condition, Plan, Resource, World
    from engine.netgraph import NetGraph

_ACTIONS = {step: action for action, step in GATE.items()}


def from_world(world: World, netgraph: NetGraph | None = None) -> Description:
    """What was said of an experiment: nothing of its states, of when, and of what came of it.

    Attributes have the values that they have now. What is planned and has not come yet is a setting.

    Args:
        world: the experiment.
        netgraph: the topology that it is described from, if it is.
    """
    return Description(
        exp_id=world.exp_id,
        topology=None if netgraph is None else _topology(netgraph),
        globals={rtype: copied(values) for rtype, values in world.globals.items()},
        resources=tuple(_resource(world, resource) for resource in world.resources.values()),
        conditions=tuple(_condition(condition) for condition in world.conditions.values()),
        settings=tuple(_setting(plan) for plan in world.plans.values()),
    )


def _topology(netgraph: NetGraph) -> Topology:
    data = netgraph.to_dict()
    return Topology(
        topo_type=data["topo_type"],
        seed=data["seed"],
        nodes=tuple(Node(**node) for node in data["nodes"]),
        edges=tuple(Edge(**edge) for edge in data["edges"]),
    )


def _resource(world: World, resource: Resource) -> ResourceDescription:
    usual = world.types[resource.rtype].traces
    return ResourceDescription(
        guid=resource.guid,
        rtype=resource.rtype,
        label=resource.label,
        attributes=copied(resource.attributes),
        connections=tuple(resource.connections),
        # One that was switched there and back is as its type has it.
        traces={name: enabled for name, enabled in resource.traces.items() if enabled is not usual.get(name, True)},
    )


def _condition(condition: Condition) -> ConditionDescription:
    assert condition.step is not None, "it is none of a planned value"
    return ConditionDescription(
        guids=tuple(condition.guids),
        action=_ACTIONS[condition.step],
        on=tuple(condition.on),
        state=condition.state,
        delay_ns=condition.delay,
    )


def _setting(plan: Plan) -> SettingDescription:
    condition = plan.condition
    return SettingDescription(
        name=plan.name,
        value=copied(plan.value),
        guids=tuple(condition.guids),
        on=tuple(condition.on),
        state=condition.state,
        delay_ns=condition.delay,
    )
