"""Can these conditions ever hold? A circle among them is found before anything waits for it.

Only what is concerned is looked at: the search goes from there to what it waits for, as far as that has not happened.
"""

from __future__ import annotations

from collections import ChainMap
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from engine.core.errors import BadCondition
from engine.core.states import DEPLOYMENT, FINAL, ResourceState, Step
from engine.core.world import Condition, describe, links_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.core.world import Resource, TypeInfo, World

_Moment = tuple[int, Step] | Condition
"""When a resource takes a step, or when a condition holds."""

_STEPS: Final = (*DEPLOYMENT, Step.START)
"""The steps that are planned, in order."""

_PLACES: Final = {step: place for place, step in enumerate(_STEPS)}

_NONE: Final[list[Condition]] = []

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


def check_can_hold(world: World, joining: Sequence[int], barrier: Sequence[int]) -> None:
    """Refuse a deployment that waits for a circle of conditions, links and barriers.

    A condition on STOP that waits for STOPPED is no part of a circle: a resource may also end by itself, and "when
    one of the two ends, stop the other" is a fair thing to say.

    Args:
        world: the experiment.
        joining: those that are about to be deployed.
        barrier: those of whom none is about to start before all of them are READY.

    Raises:
        BadCondition: the message spells the circle out.
    """
    everybody = Condition(0, "group", Step.START, list(barrier), list(barrier), ResourceState.READY)
    starts: list[_Moment] = [(guid, Step.START) for guid in joining]
    _refuse_circle(world.resources, _reach(world.resources, _by_moment([everybody]), starts))


def check_still_holds(
    world: World, added: Sequence[Condition], new: Resource | None = None, *, deployed: bool = False
) -> None:
    """Refuse conditions that close a circle through something that is deployed. Others are refused when they would be.

    Args:
        world: the experiment.
        added: what is about to be added.
        new: a resource that is about to be registered, if there is one.
        deployed: whether that is deployed at once.

    Raises:
        BadCondition: the message spells the circle out.
    """
    if not world.groups and not deployed:
        return
    resources = world.resources if new is None else ChainMap({new.guid: new}, world.resources)
    by_moment = _by_moment(added)
    awaited = {guid for condition in added for guid in condition.on}
    for condition in added:
        if any(guid in awaited or _is_awaited(world, guid) for guid in condition.guids):
            graph = _reach(resources, by_moment, [condition])
            ring = _waiting_for(graph, condition)
            members = [resources[moment[0]] for moment in ring if not isinstance(moment, Condition)]
            if any(it.group is not None or (deployed and it is new) for it in members):
                _refuse_circle(resources, {moment: [it for it in graph[moment] if it in ring] for moment in ring})


def through_links(types: Mapping[str, TypeInfo], one: Resource, two: Resource) -> list[Condition]:
    """The conditions that a connection of these two comes to."""
    return [
        Condition(0, "link", link.before, [mine.guid], [other.guid], link.after)
        for mine, other in ((one, two), (two, one))
        for link in links_to(types, mine, other)
    ]


def _is_awaited(world: World, guid: int) -> bool:
    return not _BY.keys().isdisjoint(world.watched.get(guid, ()))


def _by_moment(conditions: Iterable[Condition]) -> dict[tuple[int, Step], list[Condition]]:
    """The conditions that are not in the world yet, by what waits for them."""
    found: dict[tuple[int, Step], list[Condition]] = {}
    for condition in conditions:
        if condition.step is not None:
            for guid in condition.guids:
                found.setdefault((guid, condition.step), []).append(condition)
    return found


_Graph = dict[_Moment, list[_Moment]]
"""By moment, the moments that come before it."""


def _reach(
    resources: Mapping[int, Resource], added: Mapping[tuple[int, Step], list[Condition]], starts: Iterable[_Moment]
) -> _Graph:
    """All that these wait for, directly or through others, and that has not happened yet."""
    graph: _Graph = {}
    ahead = list(starts)
    while ahead:
        moment = ahead.pop()
        if moment in graph:
            continue
        if isinstance(moment, Condition):
            graph[moment] = _before_condition(moment)
        else:
            graph[moment] = _before_step(resources[moment[0]], moment[1], added)
        ahead.extend(graph[moment])
    return graph


def _before_condition(condition: Condition) -> list[_Moment]:
    step = _BY.get(condition.state)
    return [] if step is None or condition.met_at is not None else [(guid, step) for guid in condition.on]


def _before_step(resource: Resource, step: Step, added: Mapping[tuple[int, Step], list[Condition]]) -> list[_Moment]:
    """The conditions that a step waits for, and the step before it: the nearest that waits for any in its turn."""
    place, behind = _PLACES[step], _behind(resource)
    if place < behind:
        return []
    asked: list[_Moment] = [*_asked_before(resource, place, behind, added)]
    for earlier in range(place - 1, behind - 1, -1):
        if _asked_before(resource, earlier, behind, added):
            return [(resource.guid, _STEPS[earlier]), *asked]
    return asked


def _asked_before(
    resource: Resource, place: int, behind: int, added: Mapping[tuple[int, Step], list[Condition]]
) -> list[Condition]:
    step = _STEPS[place]
    asked = resource.gates.get(step, _NONE)
    new = added.get((resource.guid, step))
    if new is not None:
        asked = [*asked, *new]
    if place != behind or step is _STEPS[0] or step is Step.START:
        return asked
    # What the user asks before a deployment is asked before all that is left of it, so again before the next step.
    first = _asked_before(resource, 0, behind, added)
    return [*(condition for condition in first if condition.origin == "user"), *asked]


def is_behind(resource: Resource, condition: Condition) -> bool:
    """Whether a resource has come past a condition, so that it is asked no more."""
    if condition.step not in _PLACES:
        return False  # who has stopped may be started, and stopped, again
    # What the user asks before a deployment is asked before all of it.
    is_of_deploy = condition.origin == "user" and condition.step is _STEPS[0]
    return _behind(resource) > _PLACES[DEPLOYMENT[-1] if is_of_deploy else condition.step]


def _behind(resource: Resource) -> int:
    """How many of its steps a resource has taken, is at, or never will take."""
    if resource.state in FINAL or ResourceState.STARTED in resource.times:
        return len(_STEPS)
    if resource.attempt is not None and resource.attempt.step in _PLACES:
        return _PLACES[resource.attempt.step] + 1
    return resource.walked


def _waiting_for(graph: _Graph, goal: _Moment) -> set[_Moment]:
    """Those in a graph that wait for a moment, directly or through others, and itself."""
    waiting: _Graph = {}
    for moment, before in graph.items():
        for earlier in before:
            waiting.setdefault(earlier, []).append(moment)
    found, ahead = {goal}, [goal]
    while ahead:
        following = [moment for moment in waiting.get(ahead.pop(), ()) if moment not in found]
        found.update(following)
        ahead.extend(following)
    return found


def _refuse_circle(resources: Mapping[int, Resource], graph: _Graph) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # The error lists a moment before what waits for it; a reader wants it the other way round.
        raise BadCondition(_spell_out(resources, error.args[1][::-1])) from None


def _spell_out(resources: Mapping[int, Resource], circle: list[_Moment]) -> str:
    """The circle in words: who waits for whom, step by step."""
    moments = [moment for moment in circle[1:] if not isinstance(moment, Condition)]
    # The first one of each resource, from where the circle comes to another resource.
    moves = [moment for before, moment in pairwise([moments[-1], *moments]) if moment[0] != before[0]]
    moves = [*moves, moves[0]] if moves else moments[:1] * 2
    names = [f"{step} of {describe(resources[guid])}" for guid, step in moves]
    return (
        "these conditions wait for each other in a circle and can never hold: "
        + " waits for ".join(names)
        + "; take one of them out"
    )
