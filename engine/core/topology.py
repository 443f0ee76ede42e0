"""Can these conditions ever hold? A cycle among them is found before anything is started."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Final

from engine.core.errors import BadCondition
from engine.core.states import DEPLOYMENT, ResourceState, Step

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


def check_can_hold(world: World, guids: Sequence[int], *, wait_all_ready: bool) -> None:
    """Refuse a deployment whose conditions, links and barrier wait for each other in a circle.

    A condition on STOP that waits for STOPPED is no part of a circle: a resource may also end by itself, and "when
    one of the two ends, stop the other" is a fair thing to say.

    Args:
        world: the experiment.
        guids: what is about to be deployed.
        wait_all_ready: whether none of it starts before all of it is READY.

    Raises:
        BadCondition: the message spells the circle out.
    """
    graph = _graph(world)
    if wait_all_ready:
        barrier: _Node = ("condition", 0, None)
        graph[barrier] = {("step", guid, Step.DEPLOY) for guid in guids}
        for guid in guids:
            graph[("step", guid, Step.START)].add(barrier)
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
