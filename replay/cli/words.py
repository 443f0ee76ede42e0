"""Events, resources and times in words, each short enough for a line."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, Final

from engine.core import plan, story
from engine.core.decide import describe
from engine.core.naming import called
from engine.core.states import ResourceState
from engine.dates import NS
from replay.encoding import to_json as to_json  # noqa: PLC0414 - commands know these by this module
from replay.telling import count as count  # noqa: PLC0414 - as above
from replay.telling import duration as duration  # noqa: PLC0414 - as above
from replay.telling import numbers as numbers  # noqa: PLC0414 - as above
from replay.telling import one_line as one_line  # noqa: PLC0414 - as above

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    import eventlog
    from engine.core.world import Resource, World

STYLES: Final[Mapping[ResourceState, str]] = {
    ResourceState.NEW: "dim",
    ResourceState.DISCOVERED: "cyan",
    ResourceState.RESERVED: "cyan",
    ResourceState.PROVISIONED: "cyan",
    ResourceState.READY: "blue",
    ResourceState.STARTED: "green",
    ResourceState.STOPPED: "yellow",
    ResourceState.FAILED: "bold red",
    ResourceState.RELEASED: "dim",
}
"""How each state looks on a terminal."""

_MOST: Final = 40
_INSIDE: Final = 4
_NARROWEST: Final = 20


# --- values -----------------------------------------------------------------------------------------------------


def folded(text: str, width: int) -> str:
    """A text whose lines are folded where they are longer than so many columns, below themselves and further in."""
    return "\n".join(_folded(line, width) for line in text.splitlines())


def _folded(line: str, width: int) -> str:
    inside = len(line) - len(line.lstrip()) + _INSIDE
    wrapped = textwrap.wrap(line, max(width, inside + _NARROWEST), subsequent_indent=" " * inside)
    return "\n".join(wrapped)


# --- resources --------------------------------------------------------------------------------------------------


def label(world: World, resource: Resource) -> str:
    """What tells a resource from others of its type: its label, command, host, place, or first text."""
    return one_line(resource.label or what(world, resource))


def what(world: World, resource: Resource) -> str:
    """What it does, as far as can be told: its command, what it is called where it is, or its first text."""
    values = resource.attributes
    place = "" if resource.label else called(world, resource)
    texts = [values.get("command"), place, values.get("hostname"), values.get("name"), *values.values()]
    return next((one_line(text) for text in texts if isinstance(text, str) and text), "")


def waiting(world: World, resource: Resource) -> str:
    """What it waits for; empty if it waits for nothing."""
    undisturbed = resource.attempt is None and not resource.releasing
    if resource.state is ResourceState.STARTED and undisturbed and plan.going_on(resource) is None:
        return "; ".join(story.remarks(world, resource))
    return "; ".join(story.waiting_for(world, resource.guid))


def failure(resource: Resource) -> str:
    """Why it failed, or why its release did; empty if nothing did."""
    return "" if resource.error is None else str(resource.error["message"])


def counts(world: World) -> dict[ResourceState, int]:
    """How many resources are in each state, of those in which there are any."""
    return counts_of(world.resources.values())


def counts_of(resources: Iterable[Resource]) -> dict[ResourceState, int]:
    """The same of some of them."""
    found = dict.fromkeys(ResourceState, 0)
    for resource in resources:
        found[resource.state] += 1
    return {state: number for state, number in found.items() if number}


def abortion(world: World) -> str:
    """Which failure has aborted an experiment."""
    guid = world.aborted_by[0]
    resource = world.resources.get(guid)
    return (
        f"#{guid}, which is forgotten"
        if resource is None
        else f"{describe(resource)}: {one_line(failure(resource), 200)}"
    )


def task_errors(world: World) -> list[str]:
    """Each scheduled function that failed, and why."""
    failed = {number: task.error for number, task in world.tasks.items() if task.state == "error"}
    return [f"scheduled function {number}: {error}" for number, error in failed.items()]


def warnings(world: World) -> list[str]:
    """What was warned of: the first ones."""
    told = [message for _, _, message in world.warnings[:_MOST]]
    more = len(world.warnings) - len(told)
    return [*told, f"and {count(more, 'more warning')}"] if more else told


# --- events -----------------------------------------------------------------------------------------------------


def in_words(record: eventlog.Event) -> str:
    """What an event says beside its kind and its resource."""
    tell = _TELLERS.get(record.kind)
    return one_line(tell(record.data) if tell else _pairs(record.data), 100)


def _pairs(data: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={_value(value)}" for name, value in data.items() if value is not None)


def _value(value: Any) -> str:
    return value if isinstance(value, str) and value.isidentifier() else repr(value)


def _opened(data: Mapping[str, Any]) -> str:
    holder = data["holder"]
    return f"by pid {holder.get('pid')} on {holder.get('host')}, netreel {holder.get('netreel')}"


def _condition(data: Mapping[str, Any]) -> str:
    delay = f" + {data['delay'] / NS:g} s" if data["delay"] else ""
    return f"{data['step']} of {numbers(data['guids'])} after {numbers(data['on'])} {data['state']}{delay}"


def _planned(data: Mapping[str, Any]) -> str:
    return _condition({**data, "step": f"{data['name']} = {data['value']!r}"})


def _reduced(data: Mapping[str, Any]) -> str:
    left = f"only for {numbers(data['on'])}" if data["on"] else "for nobody any more"
    return f"condition {data['condition']} of {numbers(data['guids'])} waits {left}"


def _deployed(data: Mapping[str, Any]) -> str:
    together = "" if data["wait_all_ready"] else ", each as soon as it is ready"
    return f"group {data['group']}: {numbers(data['guids'])}{together}"


def _done(data: Mapping[str, Any]) -> str:
    receipt = data["receipt"]
    return f"{data['step']}: {_pairs(receipt)}" if receipt else str(data["step"])


def _task_done(data: Mapping[str, Any]) -> str:
    return f"task {data['task']}" + (f": {data['error']}" if data["error"] is not None else "")


def _failed(data: Mapping[str, Any]) -> str:
    where = f"{data['step']}: " if "step" in data else ""
    return f"{where}{data['error']['message']}"


_TELLERS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "controller.opened": _opened,
    "type.declared": lambda data: data["rtype"],
    "resource.registered": lambda data: _pairs({"label": data.get("label"), **data["attributes"]}),
    "resource.disconnected": lambda data: f"from #{data['other']}",
    "resource.removed": lambda data: numbers(data["guids"]),
    "attribute.planned": _planned,
    "condition.reduced": _reduced,
    "global.set": lambda data: f"{data['rtype']}: {data['name']} = {data['value']!r}",
    "trace.switched": lambda data: f"{data['name']} {'on' if data['enabled'] else 'off'}",
    "topology.described": lambda data: f"{len(data['part']['nodes'])} nodes, {len(data['part']['edges'])} edges",
    "experiment.warned": lambda data: data["message"],
    "resource.connected": lambda data: f"to #{data['other']}",
    "attribute.set": lambda data: f"{data['name']} = {data['value']!r}",
    "condition.registered": _condition,
    "group.deployed": _deployed,
    "step.requested": lambda data: data["step"],
    "release.requested": lambda data: numbers(data["guids"]),
    "task.scheduled": lambda data: f"task {data['task']}",
    "task.begun": lambda data: f"task {data['task']}",
    "task.done": _task_done,
    "effect.begun": lambda data: data["name"],
    "effect.done": lambda data: f"raised {data['error']['message']}" if data["error"] else repr(data["result"]),
    "script.looked": lambda _: "",
    "run.closed": lambda _: "",
    "experiment.aborted": lambda data: f"by #{data['by']}",
    "step.passed": lambda data: ", ".join(data["steps"]),
    "step.begun": lambda data: data["step"],
    "step.done": _done,
    "step.failed": _failed,
    "step.told": lambda data: f"{data['step']}: {data['doing']}",
    "step.voided": lambda data: f"{data['step']}: {data['why']}",
    "resource.ended": lambda data: str(data["why"]) if data["code"] is None else f"exit {data['code']}",
    "resource.unknown": lambda data: f"nobody answers: {data['why']}",
    "resource.remarked": lambda data: data["remark"] or "is all right again",
    "resource.failed": _failed,
}
