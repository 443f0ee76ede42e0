"""May a resource take this step now, or be released, and which events does it come to?

As in `engine.core.decide`, every function refuses with a reason or returns events, and changes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.core import events
from engine.core.decide import check_not_aborted, describe, failure, find, standing
from engine.core.errors import BadState
from engine.core.states import FAILED, RELEASED, STOP, TRANSITIONS, Step
from engine.core.world import EXPERIMENT, links_to

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.core.world import Resource, World


def request_step(world: World, guid: int, step: Step) -> list[events.Event]:
    """One step now, whatever the conditions.

    Raises:
        UnknownGuid, BadState: it is not there, or its state does not allow the step.
        ExperimentAborted: nothing is deployed or started any more.
    """
    resource = find(world, guid)
    if step is not STOP:
        check_not_aborted(world)
    if resource.releasing:
        raise BadState(f"{describe(resource)} is {standing(resource)}: nothing else can be done with it any more")
    if resource.attempt is not None:
        raise BadState(f"{describe(resource)} is busy with {resource.attempt.step}")
    if step not in _possible(resource):
        raise BadState(f"{describe(resource)} is {resource.state.name}: it cannot {step}; {_allowed(resource)}")
    return [events.StepRequested(guid, step)]


def _possible(resource: Resource) -> list[Step]:
    """The steps that its state allows."""
    steps = [step for step in TRANSITIONS[resource.state] if isinstance(step, Step)]
    if resource.state is FAILED and not resource.running:
        steps.remove(STOP)
    return steps


def _allowed(resource: Resource) -> str:
    steps = _possible(resource)
    return f"what it can do now: {', '.join(steps)}" if steps else "nothing can be done with it any more"


def check_taken(world: World, guid: int, step: Step, *, taken: bool) -> None:
    """See whether a step that was asked for is taken, now that nobody waits for it any more.

    Raises:
        ResourceFailed: it failed.
        ExperimentAborted, BadState: it was accepted, but something else came first.
    """
    resource = world.resources.get(guid)
    if resource is None:
        raise BadState(f"#{guid} was released and forgotten before anybody could say whether its {step} was taken")
    if resource.error is not None and resource.error.get("step") == step:
        raise failure(resource)
    if not taken:
        check_not_aborted(world)
        raise BadState(f"{describe(resource)} was released before it could {step}")


def release(world: World, guids: Sequence[int] | None) -> list[events.Event]:
    """Undo these, or all. Those that are being released already are left alone.

    Raises:
        UnknownGuid: one is not there.
        BadState: something else still needs one of them.
    """
    wanted = world.resources.values() if guids is None else [find(world, guid) for guid in dict.fromkeys(guids)]
    chosen = {resource.guid: resource for resource in wanted if not _on_its_way_out(resource)}
    if guids is not None:
        for resource in chosen.values():
            _check_not_needed(world, resource, chosen)
    return [events.ReleaseRequested(EXPERIMENT, list(chosen))] if chosen else []


def _on_its_way_out(resource: Resource) -> bool:
    return resource.releasing or resource.state is RELEASED


def _check_not_needed(world: World, resource: Resource, chosen: Mapping[int, Resource]) -> None:
    """Refuse to take away what something else stands on. Who is NEW has not used it yet."""
    staying = [world.resources[guid] for guid in resource.connections if guid not in chosen]
    needing = [
        other
        for other in staying
        if not _on_its_way_out(other) and other.is_touched and links_to(world.types, other, resource)
    ]
    if needing:
        names = ", ".join(f"{describe(other)} ({other.state.name})" for other in needing[:10])
        more = f" and {len(needing) - 10} more" if len(needing) > 10 else ""
        raise BadState(
            f"{describe(resource)} cannot be released: needed by {names}{more}; release them first, or with it"
        )
