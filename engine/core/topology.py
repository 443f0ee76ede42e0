"""Can these conditions ever hold? A cycle among them is found before anything is started."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Final

from engine.core.errors import BadCondition
from engine.core.states import DEPLOYMENT, FINAL, ResourceState, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.core.world import Condition, Resource, World

_Node = tuple[str, int, Step | None]
"""A moment: ("step", guid, step) when a resource takes a step; ("condition", number, None) when a condition holds."""

_BY: Final = {
    # The step with which a state is entered. STOPPED, FAILED and RELEASED come by themselves or on demand, so what
    # waits for them waits for nothing that is planned but the start.
    ResourceState.DISCOVERED: Step.DISCOVER,
    ResourceState.RESERVED: Step.RESERVE,
    ResourceState.PROVISIONED: Step.PROVISION,
    ResourceState.READY: Step.DEPLOY,
    ResourceState.STARTED: Step.START,
    ResourceState.STOPPED: Step.START,
}


def check_can_hold(world: World, barrier: Sequence[int]) -> None:
    """Refuse a deployment whose conditions, links and barrier wait for each other in a circle.

    A condition on STOP that waits for STOPPED is no part of a circle: a resource may also end by itself, and "when
    one of the two ends, stop the other" is a fair thing to say.

    Args:
        world: the experiment.
        barrier: those of whom none is about to start before all of them are READY.

    Raises:
        BadCondition: the message spells the circle out.
    """
    graph = _graph(world)
    everybody: _Node = ("condition", 0, None)
    graph[everybody] = {("step", guid, Step.DEPLOY) for guid in barrier}
    for guid in barrier:
        graph[("step", guid, Step.START)].add(everybody)
    for resource in world.resources.values():
        for step in _behind(resource):
            graph[("step", resource.guid, step)].clear()  # what has happened waits for nothing any more
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # The error lists a node before what waits for it; a reader wants it the other way round.
        raise BadCondition(_spell_out(world, error.args[1][::-1])) from None


def _graph(world: World) -> dict[_Node, set[_Node]]:
    """By moment, the moments that come before it."""
    graph: dict[_Node, set[_Node]] = {}
    for resource in world.resources.values():
        _add_resource(graph, resource)
    seen: set[int] = set()
    for resource in world.resources.values():
        for condition in _conditions(resource):
            if id(condition) not in seen:
                seen.add(id(condition))
                _add_condition(graph, condition, len(seen))
    return graph


def _behind(resource: Resource) -> tuple[Step, ...]:
    """The steps that a resource has taken, or never will."""
    if resource.state in FINAL or ResourceState.STARTED in resource.times:
        return (*DEPLOYMENT, Step.START)
    return DEPLOYMENT[: resource.walked]


def _conditions(resource: Resource) -> Iterable[Condition]:
    return (condition for step, gate in resource.gates.items() if step is not Step.STOP for condition in gate)


def _add_resource(graph: dict[_Node, set[_Node]], resource: Resource) -> None:
    before: set[_Node] = set()
    for step in (*DEPLOYMENT, Step.START):
        node: _Node = ("step", resource.guid, step)
        graph[node] = before
        before = {node}


def _add_condition(graph: dict[_Node, set[_Node]], condition: Condition, number: int) -> None:
    step = _BY.get(condition.state)
    if step is None:
        return
    node: _Node = ("condition", number, None)
    graph[node] = {("step", guid, step) for guid in condition.on}
    for guid in condition.guids:
        graph[("step", guid, condition.step)].add(node)


def _spell_out(world: World, circle: list[_Node]) -> str:
    """The circle in words: who waits for whom, step by step."""
    moments = [(guid, step) for what, guid, step in circle if what == "step"]
    moves = [moments[0]]
    for moment in moments[1:]:
        if moment[0] != moves[-1][0]:
            moves.append(moment)
    if moves[-1][0] != moves[0][0]:
        moves.append(moves[0])
    names = [f"{step} of #{guid} {world.resources[guid].rtype}" for guid, step in moves]
    return (
        "these conditions wait for each other in a circle and can never hold: "
        + " waits for ".join(names)
        + "; take one of them out"
    )
