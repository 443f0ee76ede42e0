"""Can these conditions ever hold? A circle among them is found before anything waits for it.

Only what is concerned is looked at: the search goes from there to what it waits for, as far as that has not happened.
"""

from __future__ import annotations

from collections import ChainMap
from graphlib import CycleError, TopologicalSorter
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Final

from engine.core.errors import BadCondition
from engine.core.states import (
    DEPLOY,
    DEPLOYMENT,
    DISCOVER,
    DISCOVERED,
    FINAL,
    PROVISION,
    PROVISIONED,
    READY,
    RESERVE,
    RESERVED,
    START,
    STARTED,
    STOPPED,
    Step,
)
from engine.core.world import Condition, describe, links_to

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from engine.core.world import Resource, TypeInfo, World

_PLACES: Final[Mapping[Step | None, int]] = {step: place for place, step in enumerate((*DEPLOYMENT, START))}
"""The place of each step that is planned, in order."""

_TAKEN: Final = len(_PLACES)
"""Behind all of them."""

_BY: Final = {
    # The step with which a state is entered. STOPPED, FAILED and RELEASED come by themselves or on demand, so what
    # waits for them waits for nothing that is planned but the start.
    DISCOVERED: DISCOVER,
    RESERVED: RESERVE,
    PROVISIONED: PROVISION,
    READY: DEPLOY,
    STARTED: START,
    STOPPED: START,
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
    everybody = Condition(0, "group", START, list(barrier), list(barrier), READY)
    waits = _Waits(world.resources, [everybody])
    starts = (condition for guid in joining for condition in waits.asked(world.resources[guid], START))
    _refuse_circle(waits, _reach(waits, starts))


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
    waits = _Waits(world.resources if new is None else ChainMap({new.guid: new}, world.resources), added)
    awaited = {guid for condition in added for guid in condition.on}
    for condition in added:
        if any(guid in awaited or _is_awaited(world, guid) for guid in condition.guids):
            ring = _ring(_reach(waits, [condition]), condition)
            members = (it for each in ring for it, asked in waits.of(each) if not ring.keys().isdisjoint(asked))
            if any(it.group is not None or (deployed and it is new) for it in members):
                _refuse_circle(waits, ring)


def through_links(types: Mapping[str, TypeInfo], one: Resource, two: Resource) -> list[Condition]:
    """The conditions that a connection of these two comes to."""
    return [
        Condition(0, "link", link.before, [mine.guid], [other.guid], link.after)
        for mine, other in ((one, two), (two, one))
        for link in links_to(types, mine, other)
    ]


def is_behind(resource: Resource, condition: Condition) -> bool:
    """Whether a resource has come past a condition, so that it is asked no more."""
    # Who has stopped may be started, and stopped, again.
    return condition.step in _PLACES and _last_place(condition) < _behind(resource)


def _is_awaited(world: World, guid: int) -> bool:
    return not _BY.keys().isdisjoint(world.watched.get(guid, ()))


def _behind(resource: Resource) -> int:
    """How many of its steps a resource has taken, is at, or never will take."""
    if resource.state in FINAL or STARTED in resource.times:
        return _TAKEN
    if resource.attempt is not None and resource.attempt.step in _PLACES:
        return _PLACES[resource.attempt.step] + 1
    return resource.walked


def _last_place(condition: Condition) -> int:
    """The place of the last step before which a condition is asked."""
    # What the user asks before a deployment is asked before all of it.
    is_of_deploy = condition.origin == "user" and condition.step is DISCOVER
    return _PLACES[DEPLOY if is_of_deploy else condition.step]


class _Waits:
    """Who waits for what, as far as it has not happened yet.

    Args:
        resources: those that may wait.
        added: conditions that are not in the world yet.
    """

    def __init__(self, resources: Mapping[int, Resource], added: Iterable[Condition]) -> None:
        self._resources = resources
        self._added: dict[int, list[Condition]] = {}  # by who waits
        for condition in added:
            for guid in condition.guids:
                self._added.setdefault(guid, []).append(condition)

    def of(self, condition: Condition) -> Iterator[tuple[Resource, list[Condition]]]:
        """The resources that a condition waits for, each with the conditions that it must come past to get there."""
        step = _BY.get(condition.state)
        if step is not None and condition.met_at is None:
            for guid in condition.on:
                resource = self._resources[guid]
                yield resource, self.asked(resource, step)

    def asked(self, resource: Resource, step: Step) -> list[Condition]:
        """The conditions that a resource must still come past to take a step."""
        place, behind = _PLACES[step], _behind(resource)
        if place < behind:
            return []
        gates = chain(*resource.gates.values(), self._added.get(resource.guid, ()))
        return [it for it in gates if _PLACES.get(it.step, _TAKEN) <= place and _last_place(it) >= behind]


_Graph = dict[Condition, list[Condition]]
"""By condition, those that must hold before it can be met."""


def _reach(waits: _Waits, starts: Iterable[Condition]) -> _Graph:
    """These and all that they wait for, directly or through others."""
    graph: _Graph = {}
    ahead = list(starts)
    while ahead:
        condition = ahead.pop()
        if condition not in graph:
            graph[condition] = list({it: None for _, asked in waits.of(condition) for it in asked})
            ahead.extend(graph[condition])
    return graph


def _ring(graph: _Graph, goal: Condition) -> _Graph:
    """The part of a graph that waits for a condition, directly or through others, and itself."""
    waiting: _Graph = {}
    for condition, before in graph.items():
        for earlier in before:
            waiting.setdefault(earlier, []).append(condition)
    found, ahead = {goal}, [goal]
    while ahead:
        following = [condition for condition in waiting.get(ahead.pop(), ()) if condition not in found]
        found.update(following)
        ahead.extend(following)
    return {
        condition: [it for it in before if it in found] for condition, before in graph.items() if condition in found
    }


def _refuse_circle(waits: _Waits, graph: _Graph) -> None:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        # The error lists a condition before what waits for it; a reader wants it the other way round.
        raise BadCondition(_spell_out(waits, error.args[1][::-1])) from None


def _spell_out(waits: _Waits, circle: list[Condition]) -> str:
    """The circle in words: who waits for whom, step by step."""
    moments = [
        (_BY[one.state], next(it for it, asked in waits.of(one) if two in asked)) for one, two in pairwise(circle)
    ]
    # The first one of each resource, from where the circle comes to another resource.
    moves = [moment for before, moment in pairwise([moments[-1], *moments]) if moment[1] is not before[1]]
    moves = [*moves, moves[0]] if moves else moments[:1] * 2
    return (
        "these conditions wait for each other in a circle and can never hold: "
        + " waits for ".join(f"{step} of {describe(resource)}" for step, resource in moves)
        + "; take one of them out"
    )
