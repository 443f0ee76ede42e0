"""What a report tells of a run."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

import eventlog
from engine import journal
from engine.core.errors import BadState, ExperimentError
from engine.core.events import AttributePlanned
from engine.core.world import describe
from engine.dates import NS
from engine.plots.drawing import draw, planned
from replay.audit import audit
from replay.critical import path_to
from replay.explaining import explained
from replay.forking import read_note
from replay.intervals import Recorder
from replay.origins import origins
from replay.telling import tell
from replay.traces import Traces, side_by_side
from replay.views import view

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from engine.core.events import Entry
    from engine.core.world import Resource, World
    from engine.plots.drawing import Drawing, Rule
    from engine.plots.gantt import Gantt
    from replay import answers
    from replay.audit import Violation
    from replay.critical import CriticalPath
    from replay.origins import Origins
    from replay.traces import Listed
    from replay.views import World as WorldView

_MOST_EVENTS: Final = 10_000
"""Of more events the first and the last are on the page: half of these each."""

_MOST_STORIES: Final = 20
_MOST_HEADS: Final = 300
_HEAD: Final = 2_000
"""So many bytes of a trace are shown."""

_ESCAPES: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|.)")
"""What moves the cursor of a terminal, or colours a text."""


class Failure(Struct, frozen=True):
    """A resource that failed, or whose release did.

    Attributes:
        name: which one.
        message: why.
        traceback: of what its hook raised; empty if nothing did.
        story: how it came to that; empty where many others have failed, too.
    """

    name: str
    message: str
    traceback: str
    story: str


class Head(Struct, frozen=True):
    """A trace.

    Attributes:
        about: which one it is, and how large.
        text: how it begins; None if it is no text.
    """

    about: Listed
    text: str | None

    @property
    def is_cut(self) -> bool:
        """Whether there is more of it than is shown."""
        return self.text is not None and (self.about.size or 0) > _HEAD


class Recorded(Struct, frozen=True):
    """What resources have recorded.

    Attributes:
        heads: how the traces begin.
        others: more of them, of which nothing is shown.
        unread: why some could not be read.
    """

    heads: Sequence[Head]
    others: Sequence[Listed]
    unread: Sequence[str]


class Told(Struct, frozen=True):
    """An event in words.

    Attributes:
        seconds: when it was, from the start of the run.
        at: where in his script the user asked for it, or "".
        cause: the seq of the event that led to it, or 0.
    """

    seq: int
    seconds: float
    kind: str
    guid: int
    text: str
    at: str
    cause: int


class Findings(Struct, frozen=True):
    """What a report tells.

    Attributes:
        charge: who is in charge: "over", "running" or "gone".
        world: the experiment as it stands.
        names: by resource, what it is called; empty if nothing but a number.
        values: by resource, its attributes.
        drawing: its resources, with what connects them and what waits for what.
        rules: what the user stated: conditions, and values that were planned.
        gantt: when each was in which state.
        path: what took the time; None if nothing has started yet.
        events: what happened.
        left_out: how many events are not among these, from the middle of the log.
        origin: what it came from.
        forked_from: the run that it was forked from.
        violations: what the audit has found.
        failures: what failed.
        recorded: what resources have recorded; None if nobody has looked.
        torn: what a crash cut short at the end of the log; empty if nothing.
    """

    charge: str
    world: WorldView
    names: Mapping[int, str]
    values: Mapping[int, Mapping[str, Any]]
    drawing: Drawing
    rules: Sequence[Rule]
    gantt: Gantt
    path: CriticalPath | None
    events: Sequence[Told]
    left_out: int
    origin: Origins
    forked_from: answers.Origin | None
    violations: Sequence[Violation]
    failures: Sequence[Failure]
    recorded: Recorded | None
    torn: str


def gather(run_dir: Path, *, with_traces: bool = True) -> Findings:
    """Look at a run. It may be live.

    Args:
        run_dir: its directory.
        with_traces: whether the traces are looked at, too, for which hosts may have to be asked.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        UsageError: there is no event in it.
    """
    holder = eventlog.holder(run_dir)  # first: a controller that shuts down meanwhile is in charge or done, never gone
    recorder = Recorder()
    told: list[Told] = []
    entries: list[Entry] = []
    with eventlog.open(run_dir) as log:
        for record in log.read():
            entries.append(entry := journal.to_entry(record))
            recorder.see(entry)
            told.append(_told(entry, recorder.world))
        world = recorder.world
        if not world.seq:
            raise journal.nothing_in(run_dir)
        origin = origins(log.read(), world)
        path = _path(log, world)
        failures = _failures(run_dir, log, world)
        torn = "" if log.torn is None else str(log.torn)
    line, drawing = recorder.timeline(), draw(world)
    return Findings(
        charge="over" if world.closed else "gone" if holder is None else "running",
        world=view(world),
        names=line.names,
        values={guid: world.values(resource) for guid, resource in world.resources.items()},
        drawing=drawing,
        rules=[*(rule for rule in drawing.rules if not rule.is_plan), *planned(_plans(entries))],
        gantt=line.gantt(),
        path=path,
        events=_ends(told),
        left_out=max(0, len(told) - _MOST_EVENTS),
        origin=origin,
        forked_from=read_note(run_dir),
        violations=audit(entries),
        failures=failures,
        recorded=_recorded(Traces(run_dir, world)) if with_traces else None,
        torn=torn,
    )


def _plans(entries: Iterable[Entry]) -> Iterator[AttributePlanned]:
    return (entry.event for entry in entries if isinstance(entry.event, AttributePlanned))


def _told(entry: Entry, world: World) -> Told:
    seconds = (entry.time - world.start) / NS
    return Told(entry.seq, seconds, entry.event.kind, entry.event.guid, tell(entry, world), entry.at, entry.cause)


def _ends(told: Sequence[Told]) -> Sequence[Told]:
    half = _MOST_EVENTS // 2
    return told if len(told) <= _MOST_EVENTS else [*told[:half], *told[-half:]]


def _path(log: eventlog.Log, world: World) -> CriticalPath | None:
    try:
        return path_to(log, world, None)
    except BadState:
        return None


def _failures(run_dir: Path, log: eventlog.Log, world: World) -> list[Failure]:
    failed = [resource for resource in world.resources.values() if resource.error is not None]
    return [
        _failure(resource, str(explained(run_dir, log, world, resource, None)) if number < _MOST_STORIES else "")
        for number, resource in enumerate(failed)
    ]


def _failure(resource: Resource, story: str) -> Failure:
    assert resource.error is not None
    error = resource.error
    return Failure(describe(resource), str(error["message"]), str(error.get("traceback") or ""), story)


# --- traces -------------------------------------------------------------------------------------------------------


def _recorded(traces: Traces) -> Recorded:
    listed = traces.list(traces.world.resources.values())
    there = [each for each in listed if each.size]
    heads = side_by_side(lambda each: _head(traces, each), there[:_MOST_HEADS])
    problems = [each.problem for each in listed if each.problem is not None]
    problems += [head for head in heads if isinstance(head, ExperimentError)]
    return Recorded(
        heads=[head for head in heads if isinstance(head, Head)],
        others=there[_MOST_HEADS:],
        unread=list(dict.fromkeys(map(str, problems))),
    )


def _head(traces: Traces, listed: Listed) -> Head | ExperimentError:
    assert listed.size is not None
    try:
        reader = traces.reader(listed.resource, listed.name)
        return Head(listed, _as_text(b"".join(reader.pieces(0, min(listed.size, _HEAD)))))
    except ExperimentError as error:
        return error


def _as_text(content: bytes) -> str | None:
    """What it says, without what only a terminal understands; None if it is no text."""
    if b"\0" in content:
        return None
    text = _ESCAPES.sub("", content.decode(errors="replace")).replace("\r\n", "\n")
    return "".join(char if char.isprintable() or char in "\n\t" else "\N{REPLACEMENT CHARACTER}" for char in text)
