"""Cables as lines: what connects two resources, and has nothing else to tell, needs no boxes of its own.

A network of 200 nodes is a thousand resources: its interfaces, links and routes hide who is connected to whom. So of a
cable (see `engine.core.naming.is_cable`) that is in order, its ends, and what belongs to these alone, there remains a
line; and what all of its nodes are part of stands by itself, since lines to each of them say nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

from engine.core.naming import is_cable, is_end
from engine.core.states import ResourceState

if TYPE_CHECKING:
    from engine.core.world import Resource, World


class Folds(Struct):
    """What a plot does not show as it is.

    Attributes:
        hidden: the resources that have no box.
        cables: what is connected in their place, the lower number first.
        wholes: those to which no lines lead from what is a part of them, by each of these.
    """

    hidden: set[int] = field(default_factory=set)
    cables: set[tuple[int, int]] = field(default_factory=set)
    wholes: dict[int, set[int]] = field(default_factory=dict)


def fold(world: World) -> Folds:
    """Find what can be told by lines."""
    folds = Folds()
    busy = _with_rules(world)
    for resource in world.resources.values():
        if is_cable(world.types[resource.rtype]):
            _fold(world, resource, busy, folds)
    for pair in folds.cables:
        wholes = set.intersection(*(set(world.resources[guid].depends_on) for guid in pair))
        for guid in pair:
            folds.wholes.setdefault(guid, set()).update(wholes)
    return folds


def _with_rules(world: World) -> set[int]:
    """Those that the user's conditions and plans are about: arrows lead to and from them."""
    conditions = [it for it in world.conditions.values() if it.origin == "user"]
    conditions += [plan.condition for plan in world.plans.values()]
    return {guid for condition in conditions for guid in (*condition.on, *condition.guids)}


def _fold(world: World, cable: Resource, busy: set[int], folds: Folds) -> None:
    between, hidden = [], {cable.guid}
    for guid in cable.connections:
        end = world.resources[guid]
        if not is_end(world, end):
            between.append(guid)
            continue
        hidden.add(guid)
        alone = {it for it in end.connections if set(world.resources[it].connections) == {guid}}
        hidden |= alone
        between += [it for it in end.connections if it not in hidden]
    if len(between) == 2 and not hidden & busy and all(map(_is_well, (world.resources[it] for it in hidden))):
        folds.hidden |= hidden
        folds.cables.add((min(between), max(between)))


def _is_well(resource: Resource) -> bool:
    return resource.error is None and resource.state is not ResourceState.FAILED
