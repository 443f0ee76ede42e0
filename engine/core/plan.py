"""What may happen next to a resource.

The question is asked of the world as it stands, never of the event that changed it. After a takeover the same question
gives the right answer, so recovery is no second way through the code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from engine.core import conditions
from engine.core.states import DEPLOYMENT, FAILED, READY, RELEASE, RELEASED, START, STARTED, STOP, Step

if TYPE_CHECKING:
    from engine.core.world import Condition, Resource, World


class Begin(Struct, frozen=True, gc=False):
    """The step may begin; its hook is to be called. `cause` is the event that opened the way, 0 if none did."""

    step: Step
    cause: int


class Pass(Struct, frozen=True, gc=False):
    """These steps need no code of the type: the state just moves on."""

    steps: list[Step]
    cause: int


class Later(Struct, frozen=True, gc=False):
    """Everything holds but a delay: look again at `due` (ns since 1970)."""

    due: int


class Fail(Struct, frozen=True, gc=False):
    """It waits for something that can no longer come."""

    condition: Condition


Next = Begin | Pass | Later | Fail | None


def next_for(world: World, resource: Resource, now: int) -> Next:
    """What comes next for a resource at `now` (ns since 1970); None if nothing does."""
    step = _wish(resource)
    if step is None:
        return None
    gate = _gate(resource, step)
    opened = conditions.latest(gate)
    if opened is None:
        obstacle = _obstacle(world, gate)
        return None if obstacle is None else Fail(obstacle)
    if world.aborted and not _may_go_on(resource, step):
        return None
    due, cause = opened
    if due > now:
        return Later(due)
    if step in world.types[resource.rtype].hooks:
        return Begin(step, cause)
    return Pass(_run_of_passes(world, resource, step, now), cause)


def _obstacle(world: World, gate: list[Condition]) -> Condition | None:
    """The first of these conditions that can never be met."""
    for condition in gate:
        # The barrier of a group that was aborted holds its members where they are: READY, and free to be released.
        if condition.broken_by and (condition.origin != "group" or not world.aborted):
            return condition
    return None


def _wish(resource: Resource) -> Step | None:
    """The step that it is to take next, whether or not it may."""
    if resource.attempt is not None or resource.state is RELEASED:
        return None
    if resource.releasing:
        return _undoing(resource)
    if resource.requested is not None:
        return resource.requested
    if resource.group is None or resource.state is FAILED:
        return None
    return going_on(resource)


def _undoing(resource: Resource) -> Step | None:
    if resource.blockers:
        return None
    failed_while_running = resource.state is FAILED and resource.running
    return STOP if failed_while_running or resource.state is STARTED else RELEASE


def going_on(resource: Resource) -> Step | None:
    """The step that comes next in the life of a deployed resource, if nothing special was asked for."""
    if resource.walked < len(DEPLOYMENT):
        return DEPLOYMENT[resource.walked]
    if resource.state is READY:
        return START
    if resource.state is STARTED and STOP in resource.gates:
        return STOP
    return None


def _gate(resource: Resource, step: Step) -> list[Condition]:
    """The conditions that are asked before it: none where the user said "now"."""
    if resource.releasing or resource.requested is not None:
        return []
    return conditions.gates(resource, step)


def _may_go_on(resource: Resource, step: Step) -> bool:
    """After an abort nothing is deployed or started any more; stopping and releasing go on."""
    return resource.releasing or step in (STOP, RELEASE)


def _run_of_passes(world: World, resource: Resource, step: Step, now: int) -> list[Step]:
    """The step and those right behind it in the deployment that are as free: one event serves them all."""
    steps = [step]
    if step not in DEPLOYMENT or resource.requested is not None:
        return steps
    hooks = world.types[resource.rtype].hooks
    for following in DEPLOYMENT[resource.walked + 1 :]:
        if following in hooks:
            break
        opened = conditions.latest(conditions.gates(resource, following))
        if opened is None or opened[0] > now:
            break
        steps.append(following)
    return steps
