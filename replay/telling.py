"""Resources, times and events in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.core import events
from engine.core.naming import named
from engine.core.states import DEPLOYMENT, ResourceState, Step
from engine.dates import NS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.core.world import Condition, Resource, World

_FEW: Final = 5
_LONGEST: Final = 60
_LONGEST_MESSAGE: Final = 300

REACHED: Final[Mapping[Step, ResourceState]] = {
    Step.DISCOVER: ResourceState.DISCOVERED,
    Step.RESERVE: ResourceState.RESERVED,
    Step.PROVISION: ResourceState.PROVISIONED,
    Step.CONFIGURE: ResourceState.PROVISIONED,
    Step.DEPLOY: ResourceState.READY,
    Step.START: ResourceState.STARTED,
    Step.STOP: ResourceState.STOPPED,
    Step.RELEASE: ResourceState.RELEASED,
}
"""The state that a step leads to, of a resource that has not failed."""


# --- values -----------------------------------------------------------------------------------------------------


def duration(nanoseconds: int) -> str:
    """How long something took, as precisely as one cares."""
    seconds = nanoseconds / NS
    if seconds < 60:
        return f"{seconds:.2f} s" if seconds < 10 else f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"


def count(number: int, noun: str) -> str:
    """So many of them."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(text: str, longest: int = _LONGEST) -> str:
    """A text on one line, cut if it is long."""
    text = " ".join(text.split())
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def numbers(guids: Iterable[int]) -> str:
    """Resources by number: the first few."""
    guids = list(guids)
    shown = " ".join(f"#{guid}" for guid in guids[:_FEW])
    return f"{shown} and {len(guids) - _FEW} more" if len(guids) > _FEW else shown


# --- resources --------------------------------------------------------------------------------------------------


def name(world: World, guid: int) -> str:
    """How a sentence names a resource, also one that was removed."""
    resource = world.resources.get(guid)
    return f"#{guid}" if resource is None else named(world, resource)


def host(world: World, resource: Resource) -> str:
    """On which host it is, to be put behind something that it does; empty if that is not known."""
    hosts = (world.resources[guid] for guid in resource.depends_on if guid in world.resources)
    named = next((each for each in hosts if "hostname" in each.attributes), None)
    return "" if named is None else f" on host {named.attributes['hostname']}"


def with_place(text: str, at: str) -> str:
    """A sentence, and where in his script the user asked for what it tells, if that is known."""
    return f"{text} ({at})" if at else text


def names(world: World, guids: Iterable[int]) -> str:
    """Several resources: the first few with their types and labels."""
    guids = list(guids)
    shown = ", ".join(name(world, guid) for guid in guids[:_FEW])
    return f"{shown} and {len(guids) - _FEW} more" if len(guids) > _FEW else shown


def awaited(world: World, condition: Condition, guids: Iterable[int]) -> str:
    """What a condition waits for: these of its resources."""
    later = f" for {condition.delay / NS:g} s" if condition.delay else ""
    if condition.origin == "group":
        return f"all of its group to be {condition.state.name}"
    linked = ", to which it is connected," if condition.origin == "link" else ""
    return f"{names(world, guids)}{linked} to be {condition.state.name}{later}"


# --- events -----------------------------------------------------------------------------------------------------


def tell(entry: events.Entry, world: World, began: int | None = None) -> str:
    """What happened, as a sentence without its full stop.

    Args:
        entry: the event.
        world: the experiment, for the names of its resources.
        began: when the event's cause was, in ns since 1970, where it is known.
    """
    event = entry.event
    after = "" if began is None else f" after {duration(entry.time - began)}"
    told = _described(event, world) or _asked(event, world) or _stepped(event, world, after)
    return told or _came_about(event, world, after) or event.kind


def _described(event: events.Event, world: World) -> str | None:
    match event:
        case events.ResourceRegistered(guid):
            return f"{name(world, guid)} was described"
        case events.ResourceConnected(guid, other):
            return f"{name(world, guid)} was connected to {name(world, other)}"
        case events.ResourceDisconnected(guid, other):
            return f"{name(world, guid)} was disconnected from {name(world, other)}"
        case events.ConditionRegistered(_, guids, step, on, state, delay):
            what = "deployment" if step is DEPLOYMENT[0] else str(step)
            later = f" for {delay / NS:g} s" if delay else ""
            return f"the {what} of {numbers(guids)} was to wait for {numbers(on)} to be {state.name}{later}"
        case events.ConditionReduced(_, _, guids):
            return f"conditions of {numbers(guids)} were taken back"
        case events.AttributeSet(guid, attribute, value):
            return f"{attribute} of {name(world, guid)} was set to {value!r}"
        case events.AttributePlanned(_, guids, attribute, value):
            return f"{attribute} of {numbers(guids)} was to be {value!r} later"
    return _described_of_all(event, world)


def _described_of_all(event: events.Event, world: World) -> str | None:
    match event:
        case events.ResourceRemoved(_, guids):
            return f"{numbers(guids)} {'was' if len(guids) == 1 else 'were'} taken back"
        case events.GlobalSet(_, rtype, attribute, value):
            return f"{attribute} of all {rtype} was set to {value!r}"
        case events.TraceSwitched(guid, trace, enabled):
            return f"trace {trace} of {name(world, guid)} was switched {'on' if enabled else 'off'}"
        case events.TypeDeclared(_, rtype):
            return f"type {rtype} was used for the first time"
        case events.TopologyDescribed():
            return "a topology was described"
    return None


def _asked(event: events.Event, world: World) -> str | None:
    match event:
        case events.ControllerOpened(_, _, _, holder):
            return f"the controller with pid {holder.get('pid')} on {holder.get('host')} took charge"
        case events.GroupDeployed(_, group, guids):
            return f"the deployment of {numbers(guids)} was asked for, as group {group}"
        case events.StepRequested(guid, step):
            return f"the {step} of {name(world, guid)} was asked for"
        case events.ReleaseRequested(_, guids):
            return f"the release of {numbers(guids)} was asked for"
        case events.TaskScheduled(_, task):
            return f"function {task} was scheduled"
        case events.TaskBegun(_, task):
            return f"the scheduled function {task} was called"
        case events.TaskDone(_, task, error):
            return f"the scheduled function {task} {'returned' if error is None else f'failed: {error}'}"
        case events.EffectBegun(_, function):
            return f"the script began to do {function}, a step of its own"
        case events.EffectDone(_, begun, _, raised):
            return f"the script's step of event {begun} {'was done' if raised is None else f'raised {message(raised)}'}"
        case events.ScriptLooked():
            return "the script looked for long"
        case events.RunClosed():
            return "the controller was shut down"
    return None


def _stepped(event: events.Event, world: World, after: str) -> str | None:
    match event:
        case events.StepPassed(guid, steps):
            return f"{name(world, guid)} was {REACHED[steps[-1]].name}: nothing was to do for {', '.join(steps)}"
        case events.StepBegun(guid, step):
            return f"the {step} of {name(world, guid)} began"
        case events.StepTold(guid, step, doing):
            return f"the {step} of {name(world, guid)} went on: {doing or 'it no longer says with what'}"
        case events.StepDone(guid, step):
            return f"the {step} of {name(world, guid)} was done{after}: it was {REACHED[step].name}"
        case events.StepFailed(guid, step, error):
            return f"the {step} of {name(world, guid)} failed{after}: {message(error)}"
        case events.StepVoided(guid, step, why):
            return f"the {step} of {name(world, guid)} was void: {why}"
    return None


def _came_about(event: events.Event, world: World, after: str) -> str | None:
    match event:
        case events.ResourceFound(guid):
            return f"{name(world, guid)} was found running"
        case events.ResourceUnknown(guid, why):
            return f"nobody answered for {name(world, guid)}: {why}"
        case events.ResourceRemarked(guid, remark):
            return f"{name(world, guid)} {remark}" if remark else f"{name(world, guid)} is all right again"
        case events.ResourceEnded(guid, code, why):
            return f"{name(world, guid)} came to its end{after}, {end(code, why)}"
        case events.ResourceFailed(guid, error, _, by):
            return f"{name(world, guid)} failed{'' if by else after}: {message(error)}"
        case events.ExperimentAborted(_, by):
            return f"the experiment was aborted by the failure of {name(world, by)}"
        case events.ExperimentWarned(_, text):
            return f"it was warned that {text}"
    return None


def end(code: int | None, why: str | None) -> str:
    """How something came to its end."""
    return f"with exit status {code}" if code is not None else f"and no exit status is known: {why}"


def message(error: Mapping[str, Any]) -> str:
    """Why something failed, on one line."""
    return one_line(str(error["message"]), _LONGEST_MESSAGE)
