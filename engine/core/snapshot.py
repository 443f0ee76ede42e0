"""A world as plain values and back: what a fold of the log can start from, instead of from the first event.

A snapshot is a convenience. It may be deleted, or be of another version, at any time: then the log is folded from the
start, and the same world comes out.
"""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Any, Final

from engine.core import events
from engine.core.encoding import to_data
from engine.core.states import ResourceState, Step
from engine.core.watching import look_out
from engine.core.world import Attempt, Condition, Group, Plan, Resource, Task, World, type_info

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

VERSION: Final = 7
"""Raised whenever the meaning of what is below changes, or what `apply` does with any event."""

_SCALARS: Final = (
    "exp_id",
    "run_id",
    "seq",
    "time",
    "start",
    "epoch",
    "opened",
    "holder",
    "closed",
    "persist",
    "last_guid",
)
_CONDITION: Final = ("seq", "origin", "delay", "missing", "met_at", "met_by", "broken_by")
_ATTEMPT: Final = ("token", "seq", "doing", "doing_since")
_RESOURCE: Final = (
    "guid",
    "rtype",
    "critical",
    "walked",
    "group",
    "releasing",
    "blockers",
    "is_needed",
    "moved_by",
    "started_by",
    "running",
    "unknown_since",
    "remark",
    "remarked_at",
    "exit_code",
    "error",
    "label",
)
_scalars_of: Final = attrgetter(*_RESOURCE)


def to_plain(world: World, pack: Callable[[list[Any]], Any]) -> dict[str, Any]:
    """The world as values that can be written; later changes of the world do not show in them.

    Args:
        world: as it stands.
        pack: makes something small of the values of each resource, which change with it: there may be 100,000.
    """
    conditions = world.all_conditions()
    place = {id(condition): index for index, condition in enumerate(conditions)}
    return {
        "version": VERSION,
        "scalars": [getattr(world, name) for name in _SCALARS],
        "aborted_by": list(world.aborted_by),
        "warnings": [list(warning) for warning in world.warnings],
        "globals": {rtype: dict(values) for rtype, values in world.globals.items()},
        "topology": list(world.topology),
        "types": [to_data(info.declared) for info in world.types.values()],
        "conditions": [_from_condition(condition) for condition in conditions],
        "named": [place[id(condition)] for condition in world.conditions.values()],
        "plans": [[plan.name, plan.value, place[id(plan.condition)]] for plan in world.plans.values()],
        "links": [[guid, state, step, place[id(condition)]] for (guid, state, step), condition in world.links.items()],
        "resources": [pack(_from_resource(resource, place)) for resource in world.resources.values()],
        "groups": [
            [number, list(group.members), None if group.barrier is None else place[id(group.barrier)]]
            for number, group in world.groups.items()
        ],
        "tasks": [[number, task.due, task.state, task.error] for number, task in world.tasks.items()],
    }


def _from_condition(condition: Condition) -> list[Any]:
    scalars = [getattr(condition, name) for name in _CONDITION]
    return [scalars, condition.step, list(condition.guids), list(condition.on), condition.state]


def _from_resource(resource: Resource, place: dict[int, int]) -> list[Any]:
    attempt = resource.attempt
    return [
        _scalars_of(resource),
        resource.state,
        resource.attributes,
        resource.times,
        None if attempt is None else [attempt.step, *(getattr(attempt, name) for name in _ATTEMPT)],
        resource.requested,
        resource.connections,
        resource.depends_on,
        {step: [place[id(condition)] for condition in gate] for step, gate in resource.gates.items()},
        resource.receipts,
        resource.tokens,
        resource.traces,
        [plan.condition.seq for plan in resource.plans],
    ]


def from_plain(plain: dict[str, Any], unpack: Callable[[Any], list[Any]]) -> World | None:
    """The world of these values; None if they are of another version. `unpack` undoes what was done to resources."""
    if plain.get("version") != VERSION:
        return None
    world = World(**dict(zip(_SCALARS, plain["scalars"], strict=True)))
    world.aborted_by, world.globals, world.topology = plain["aborted_by"], plain["globals"], plain["topology"]
    world.warnings = [(seq, guid, message) for seq, guid, message in plain["warnings"]]
    for data in plain["types"]:
        declared = events.TypeDeclared(guid=0, **data)
        world.types[declared.rtype] = type_info(declared)
    conditions = [_to_condition(values) for values in plain["conditions"]]
    world.conditions = {conditions[index].seq: conditions[index] for index in plain["named"]}
    world.links = {
        (guid, ResourceState(state), Step(step)): conditions[index] for guid, state, step, index in plain["links"]
    }
    for name, value, index in plain["plans"]:
        world.plans[conditions[index].seq] = Plan(name, value, conditions[index])
    resources = [_to_resource(unpack(packed), conditions, world.plans) for packed in plain["resources"]]
    world.resources = {resource.guid: resource for resource in resources}
    world.labels = {resource.label: resource.guid for resource in resources if resource.label is not None}
    for number, members, index in plain["groups"]:
        world.groups[number] = Group(members, None if index is None else conditions[index])
    world.tasks = {number: Task(due, state, error) for number, due, state, error in plain["tasks"]}
    _watch_again(world, conditions)
    return world


def _to_condition(values: list[Any]) -> Condition:
    scalars, step, guids, on, state = values
    named = dict(zip(_CONDITION, scalars, strict=True))
    return Condition(step=None if step is None else Step(step), guids=guids, on=on, state=ResourceState(state), **named)


def _to_resource(values: list[Any], conditions: list[Condition], planned: dict[int, Plan]) -> Resource:
    scalars, state, attributes, times, attempt, requested, connections, depends_on, gates = values[:9]
    receipts, tokens, traces, plans = values[9:]
    return Resource(
        **dict(zip(_RESOURCE, scalars, strict=True)),
        state=ResourceState(state),
        attributes=attributes,
        times={ResourceState(number): time for number, time in times.items()},
        attempt=None if attempt is None else Attempt(Step(attempt[0]), *attempt[1:]),
        requested=None if requested is None else Step(requested),
        connections=connections,
        depends_on=depends_on,
        gates={Step(step): [conditions[index] for index in gate] for step, gate in gates.items()},
        receipts={Step(step): receipt for step, receipt in receipts.items()},
        tokens={Step(step): token for step, token in tokens.items()},
        traces=traces,
        plans=tuple(planned[seq] for seq in plans),
    )


def _watch_again(world: World, conditions: Iterable[Condition]) -> None:
    """Rebuild the index of those whom a condition still waits for: it follows from the rest."""
    for condition in conditions:
        if condition.missing == 0:
            continue
        for guid in condition.on:
            resource = world.resources[guid]
            if not resource.has_reached(condition.state) and not resource.is_lost_for(condition.state):
                look_out(world, condition, guid)
