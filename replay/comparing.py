"""What is different between two runs of an experiment, or between two moments of one.

Each run is taken apart into facts: what was described, what became of it, how long each step took, in which order the
resources started. A fact is a difference if no run of the one side had what a run of the other side had. For times that
would say nothing, so for them there is a rule of what counts as noise: see `_is_noise`.
"""

from __future__ import annotations

from contextlib import suppress
from itertools import pairwise, takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

import eventlog
from engine.core.errors import UsageError
from engine.core.states import DEPLOYMENT, ResourceState
from engine.dates import NS
from replay.telling import message, one_line
from replay.views import fold

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from engine.core.world import Condition, Resource, World
    from replay import answers
    from replay.views import Moment

    Side = str | os.PathLike[str] | Sequence[str | os.PathLike[str]]

SECTIONS: Final = ("description", "order", "times", "results")
"""What a difference can be in, in the order in which they are told."""

LEAST: Final = 0.2
"""Seconds. Times that are no further apart are not told."""

SHARE: Final = 0.1
"""Times that are no further apart than this part of the longer one are not told."""

_RUN: Final = "run"
"""What stands in for a step: from its start to its end."""

_TYPE: Final = "described as"
_NOTHING: Final = object()


class Difference(Struct, frozen=True):
    """Something that is different.

    Attributes:
        section: one of `SECTIONS`.
        who: the resource: its label, else its number; "" for the experiment.
        what: what of it, such as the name of an attribute.
        a: the different values on the one side, of all its runs; none where it is not there.
        b: those on the other side.
    """

    section: str
    who: str
    what: str
    a: tuple[Any, ...]
    b: tuple[Any, ...]

    def __str__(self) -> str:
        whose = f"{self.who}: " if self.who else ""
        return f"{whose}{self.what}: {self._side(self.a)} → {self._side(self.b)}"

    def _side(self, values: tuple[Any, ...]) -> str:
        if not values:
            return "nothing"
        if self.section == "times":
            low, high = min(values), max(values)
            return f"{low:.2f} s" if low == high else f"{low:.2f} to {high:.2f} s"
        return one_line(" or ".join(map(_shown, values)), 200)

    def to_dict(self) -> answers.Difference:
        """Plain values, for JSON."""
        return {"section": self.section, "who": self.who, "what": self.what, "a": list(self.a), "b": list(self.b)}


def _shown(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() and value else repr(value)


def diff(
    a: Side,
    b: Side,
    at_a: Moment | None = None,
    at_b: Moment | None = None,
) -> list[Difference]:
    """What is different between two runs, between several runs and others, or between two moments of one.

    Resources are the same if they have the same label, or the same number without one.

    Args:
        a: the directory of a run, that of an experiment for all of its runs, or several of these.
        b: the other side; the same as `a` for two moments of it.
        at_a: up to when the one side is looked at: a seq, a time from the start such as ``"12.5s"``, or a datetime.
        at_b: the same of the other side.

    Raises:
        NoLog, Corrupt, WrongVersion: a log cannot be read.
        UsageError: there is no run, or a moment cannot be read, or a log does not reach it.
    """
    one, other = ([_facts(run, at) for run in _runs(side)] for side, at in ((a, at_a), (b, at_b)))
    found = [*_different(one, other), *_late(one, other), *_order(one, other)]
    return sorted(found, key=lambda each: SECTIONS.index(each.section))


def _runs(side: Side) -> list[Path]:
    paths = [Path(side)] if isinstance(side, str) or hasattr(side, "__fspath__") else list(map(Path, side))
    found = [run for path in paths for run in ([path] if _is_run(path) else runs_in(path))]
    if not found:
        raise UsageError(f"there is no run in {', '.join(map(str, paths))}; a run is a directory with a log/ in it")
    return found


def runs_in(exp_dir: Path) -> list[Path]:
    """The runs of an experiment, in order. What ended before there was an event in it is none.

    Raises:
        Corrupt, WrongVersion: it cannot be told of one.
    """
    inside = sorted(exp_dir.iterdir()) if exp_dir.is_dir() else []
    return [path for path in inside if _is_run(path) and _has_begun(path)]


def _is_run(path: Path) -> bool:
    return (path / "log").is_dir()


def _has_begun(path: Path) -> bool:
    with suppress(eventlog.NoLog), eventlog.open(path) as log:
        return next(log.read(), None) is not None
    return False


# --- the facts of a run -------------------------------------------------------------------------------------------


class _Facts(Struct, frozen=True):
    """A run, taken apart.

    Attributes:
        values: by section, who and what.
        spans: how long each step of each resource took, in seconds, by who and step.
        starts: when each resource was first started, in seconds from the start of the run, in this order.
    """

    values: Mapping[tuple[str, str, str], Any]
    spans: Mapping[tuple[str, str], float]
    starts: Mapping[str, float]


def _facts(run: Path, at: Moment | None) -> _Facts:
    with eventlog.open(run) as log:
        world = fold(run, log, at)
        who = {guid: resource.label or f"#{guid}" for guid, resource in world.resources.items()}
        spans, starts = _times(takewhile(lambda record: record.seq <= world.seq, log.read()), world, who)
    values = dict(_described(world, who))
    values.update(_became(world, who))
    return _Facts(values, spans, starts)


def _described(world: World, who: Mapping[int, str]) -> Iterator[tuple[tuple[str, str, str], Any]]:
    for guid, resource in world.resources.items():
        yield ("description", who[guid], _TYPE), resource.rtype
        for name, value in world.values(resource).items():
            yield ("description", who[guid], name), value
        for other in resource.connections:
            yield ("description", who[guid], f"connected to {who.get(other, f'#{other}')}"), "yes"
        for name, enabled in resource.traces.items():
            yield ("description", who[guid], f"trace {name}"), "on" if enabled else "off"
        for condition in _conditions(resource):
            yield ("description", who[guid], _told(condition, who)), "yes"


def _conditions(resource: Resource) -> Iterator[Condition]:
    return (each for gate in resource.gates.values() for each in gate if each.origin == "user")


def _told(condition: Condition, who: Mapping[int, str]) -> str:
    step = "deployment" if condition.step is DEPLOYMENT[0] else condition.step
    later = f" for {condition.delay / NS:g} s" if condition.delay else ""
    return f"its {step} waits for {', '.join(who[guid] for guid in condition.on)} to be {condition.state.name}{later}"


def _became(world: World, who: Mapping[int, str]) -> Iterator[tuple[tuple[str, str, str], Any]]:
    yield ("results", "", "aborted"), "yes" if world.aborted else "no"
    for guid, resource in world.resources.items():
        yield ("results", who[guid], "state"), resource.state.name
        yield ("results", who[guid], "failed"), "yes" if ResourceState.FAILED in resource.times else "no"
        if resource.exit_code is not None:
            yield ("results", who[guid], "exit status"), resource.exit_code
        if resource.error is not None:
            yield ("results", who[guid], "error"), message(resource.error)


def _times(
    records: Iterable[eventlog.Event], world: World, who: Mapping[int, str]
) -> tuple[dict[tuple[str, str], float], dict[str, float]]:
    """How long each step took, the latest time that it was made, and when each resource was first started."""
    begun: dict[tuple[int, str], int] = {}
    spans: dict[tuple[str, str], float] = {}
    starts: dict[str, float] = {}
    for record in records:
        name = who.get(record.guid)
        if name is None:
            continue
        if record.kind == "step.begun":
            begun[record.guid, record.data["step"]] = record.time
        elif record.kind in ("step.done", "step.failed"):
            step = record.data["step"]
            spans[name, step] = (record.time - begun.get((record.guid, step), record.time)) / NS
        if _starts(record):
            begun[record.guid, _RUN] = record.time
            starts.setdefault(name, (record.time - world.start) / NS)
        elif record.kind == "resource.ended" and (record.guid, _RUN) in begun:
            spans[name, _RUN] = (record.time - begun.pop((record.guid, _RUN))) / NS
    return spans, starts


def _starts(record: eventlog.Event) -> bool:
    if record.kind == "step.passed":
        return "start" in record.data["steps"]
    return record.kind == "step.done" and record.data["step"] == "start"


# --- what is different --------------------------------------------------------------------------------------------


def _different(one: list[_Facts], other: list[_Facts]) -> Iterator[Difference]:
    """Facts of which no run of the one side has what a run of the other side has."""
    keys = dict.fromkeys(key for facts in (*one, *other) for key in facts.values)
    alone: set[str] = set()
    for section, who, what in keys:
        a, b = ([facts.values.get((section, who, what), _NOTHING) for facts in side] for side in (one, other))
        if who in alone or any(value in b for value in a):
            continue
        known_a, known_b = _known(a), _known(b)
        if what == _TYPE and not (known_a and known_b):
            alone.add(who)  # whatever else there is of it is different, too
        yield Difference(section, who, what, known_a, known_b)


def _known(values: Iterable[Any]) -> tuple[Any, ...]:
    """Each value once, without those that are not there."""
    found: list[Any] = []
    for value in values:
        if value is not _NOTHING and value not in found:
            found.append(value)
    return tuple(found)


def _late(one: list[_Facts], other: list[_Facts]) -> Iterator[Difference]:
    """Steps that took longer or shorter, and not by noise."""
    for key in dict.fromkeys(key for facts in one for key in facts.spans):
        a, b = (tuple(facts.spans[key] for facts in side if key in facts.spans) for side in (one, other))
        if b and not _is_noise(a, b):
            yield Difference("times", key[0], key[1], a, b)


def _is_noise(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    """Whether times, in seconds, say nothing by being different.

    Those of the one side are all to be shorter than those of the other. The gap between the two sides is to be larger
    than `LEAST`, than `SHARE` of the longest time, and than the spread of either side. A side with one run has none, so
    what is known of it is only how much computers differ from one time to the next.
    """
    shorter, longer = sorted((a, b), key=min)
    gap = min(longer) - max(shorter)
    return gap <= max(LEAST, SHARE * max(longer), *(max(side) - min(side) for side in (a, b)))


def _order(one: list[_Facts], other: list[_Facts]) -> Iterator[Difference]:
    """Those that started one right after the other on the one side, and in the other order on the other."""
    for first, second in pairwise(one[0].starts):
        if _came_first(one, first, second) and _came_first(other, second, first):
            yield Difference("order", first, f"started before {second}", ("yes",), ("no",))


def _came_first(side: list[_Facts], first: str, second: str) -> bool:
    """Whether that was so in every run of a side, and by more than noise."""
    starts = [facts.starts for facts in side]
    return all(first in each and second in each and each[second] - each[first] > LEAST for each in starts)
