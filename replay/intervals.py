"""When was which resource in which state, which of its steps were under way, and for how long did it wait?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from msgspec import Struct

import eventlog
from engine import journal, notebook
from engine.core import conditions, events, plan
from engine.core.apply import apply
from engine.core.errors import UsageError
from engine.core.naming import called
from engine.core.states import ENDS, ResourceState, Step
from engine.core.world import World
from engine.dates import NS, to_datetime
from engine.plots.drawing import clean
from engine.plots.gantt import Bar, Gantt, Row
from replay.telling import awaited, message
from replay.views import fold

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from pandas import DataFrame

    from engine.core.world import Condition, Resource
    from engine.plot import PFormats
    from replay.views import Moment

STATE: Final = "state"
HOOK: Final = "hook"
WAIT: Final = "wait"

_GONE: Final = ResourceState.RELEASED.name

_MOST: Final = 3
"""So many of the conditions that a step waits for are told."""


class Interval(Struct, frozen=True):
    """What was so with a resource for some time.

    Attributes:
        guid: of the resource.
        rtype: its type.
        label: the user's name for it.
        what: "state": one it was in; "hook": a step was under way, or waited for a worker; "wait": one was held back.
        name: of the state, such as "STARTED", or of the step, such as "start".
        begin: in seconds from the start of the run.
        end: the same; None if it was still so at the end.
        text: of a wait, what for; of a failure, why; else empty.
        seq: of the event with which it began.
        cause: the seq of the event that led to that one; 0 for the user.
    """

    guid: int
    rtype: str
    label: str | None
    what: str
    name: str
    begin: float
    end: float | None
    text: str
    seq: int
    cause: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {name: getattr(self, name) for name in _COLUMNS}


_COLUMNS: Final = ("guid", "rtype", "label", "what", "name", "begin", "end", "text", "seq", "cause")


class Timeline(Struct, frozen=True):
    """What was so with each resource of a run, and when. Iterating yields the intervals.

    Attributes:
        start: of the run.
        end: of what was read: seconds from the start to the last event.
        seq: of the last event.
        names: what resources are called that have a label, or a name of their own as hosts and interfaces do.
        intervals: by resource, in order of time; those of one resource that are of one kind do not overlap.
    """

    exp_id: str
    run_id: str
    start: datetime
    end: float
    seq: int
    names: Mapping[int, str]
    intervals: tuple[Interval, ...]

    def __iter__(self) -> Iterator[Interval]:
        return iter(self.intervals)

    def __len__(self) -> int:
        return len(self.intervals)

    def _repr_html_(self) -> str:
        """The states of each resource over time, in a notebook."""
        return notebook.chart(self.gantt())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "exp_id": self.exp_id,
            "run_id": self.run_id,
            "start": self.start.isoformat(),
            "end": self.end,
            "seq": self.seq,
            "intervals": [each.to_dict() for each in self.intervals],
        }

    def plot(self, path: str | os.PathLike[str] = ".", format: PFormats | None = None) -> Path:  # noqa: A002 - as in `ec.plot`
        """Write a Gantt chart: the states of each resource, and when a step of it was under way.

        Args:
            path: a directory, in which the file is called after the experiment and its run; or a file.
            format: what it is written as, FIGURE (PNG) or SVG; by default what the file's ending says, else a PNG.

        Returns:
            The file. One that is there is replaced.

        Raises:
            UsageError: matplotlib is not installed, the format is no picture, or the file cannot be written.
        """
        from engine.plot import format_for, write  # noqa: PLC0415 - most readers plot nothing

        return write(self.gantt(), path, format_for(path, format))

    def gantt(self) -> Gantt:
        """What a Gantt chart shows of it."""
        ids = [self.exp_id, self.run_id]
        moment = f"after event {self.seq}, {self.end:.2f} s from its start"
        found: dict[int, list[Interval]] = {}
        for each in self.intervals:
            found.setdefault(each.guid, []).append(each)
        rows = tuple(self._row(found[guid]) for guid in sorted(found))
        return Gantt("_".join([*ids, "gantt"]), "  ".join(ids), moment, self.end, rows)

    def _row(self, intervals: list[Interval]) -> Row:
        guid = intervals[0].guid
        name = self.names.get(guid, intervals[0].label)
        states = [each for each in intervals if each.what == STATE]
        return Row(
            guid=guid,
            name=f"#{guid} {clean(name)}" if name else f"#{guid}",
            rtype=clean(intervals[0].rtype),
            failed=any(each.name == ResourceState.FAILED.name or each.text for each in states),
            bars=tuple(Bar(*self._span(each), ResourceState[each.name]) for each in states if each.name != _GONE),
            busy=tuple(self._span(each) for each in intervals if each.what == HOOK),
        )

    def _span(self, interval: Interval) -> tuple[float, float]:
        return interval.begin, self.end if interval.end is None else interval.end

    def to_pandas(self) -> DataFrame:
        """A table with a row for each interval; its columns are called as the fields of `Interval`.

        Raises:
            UsageError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415 - an extra, and slow
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "pandas":
                raise
            raise UsageError("a table needs pandas: pip install 'netreel[tables]'; to_dict() needs nothing") from error
        table = pd.DataFrame([each.to_dict() for each in self.intervals], columns=list(_COLUMNS))
        return table.astype({"guid": "int64", "begin": "float64", "end": "float64", "seq": "int64", "cause": "int64"})


def timeline(run_dir: str | os.PathLike[str], at: Moment | None = None) -> Timeline:
    """When each resource of a run was in which state, which of its steps were under way, and what it waited for.

    A state that was left with the very event that brought it is not in it, nor is a wait that took no time.

    Args:
        run_dir: the directory of the run; it may be live.
        at: a seq, a time from the start such as ``"12.5s"``, or a datetime: only what was until then counts.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        UsageError: the moment cannot be read, or the log does not reach it; or it holds no event.
    """
    recorder = Recorder()
    with eventlog.open(run_dir) as log:
        last = None if at is None else fold(run_dir, log, at).seq
        for record in log.read():
            recorder.see(journal.to_entry(record))
            if record.seq == last:
                break
    if not recorder.world.seq:
        raise journal.nothing_in(run_dir)
    return recorder.timeline()


class _Open(NamedTuple):
    """An interval that goes on."""

    resource: Resource
    name: str
    entry: events.Entry
    text: str


class Recorder:
    """Notes intervals as a log goes by.

    Attributes:
        world: the experiment after the last event that was seen.
    """

    def __init__(self) -> None:
        self.world = World()
        self._open: dict[tuple[int, str], _Open] = {}
        self._closed: list[Interval] = []

    def see(self, entry: events.Entry) -> None:
        """The next event of the log."""
        apply(self.world, entry)
        self._note_hook(entry)
        touched = self.world.take_touched()
        if entry.event.guid:
            touched[entry.event.guid] = entry.seq
        for guid in touched:
            if guid in self.world.resources:
                self._look_at(self.world.resources[guid], entry)
        if isinstance(entry.event, events.ResourceRemoved):
            for guid in entry.event.guids:
                self._end_all(guid, entry)

    def timeline(self) -> Timeline:
        """What has been noted so far."""
        world = self.world
        going_on = [self._interval(each, what, None) for (_, what), each in self._open.items()]
        noted = sorted(
            [*self._closed, *going_on], key=lambda each: (each.guid, each.begin, each.seq, _ORDER[each.what])
        )
        end = (world.time - world.start) / NS
        names = {guid: called(world, resource) for guid, resource in world.resources.items()}
        return Timeline(world.exp_id, world.run_id, to_datetime(world.start), end, world.seq, names, tuple(noted))

    def _note_hook(self, entry: events.Entry) -> None:
        match entry.event:
            case events.StepBegun(guid, step):
                self._begin(self.world.resources[guid], HOOK, str(step), entry)
            case events.StepDone(guid) | events.StepVoided(guid):
                self._end(guid, HOOK, entry)
            case events.StepFailed(guid, _, error):
                self._end(guid, HOOK, entry, message(error))

    def _look_at(self, resource: Resource, entry: events.Entry) -> None:
        """Note what is different with a resource since it was looked at last."""
        before = self._open.get((resource.guid, STATE))
        if before is None or before.name != resource.state.name:
            self._end(resource.guid, STATE, entry)
            self._begin(resource, STATE, resource.state.name, entry, _why(entry.event))
        waiting = self._open.get((resource.guid, WAIT))
        held = held_back(self.world, resource)
        if waiting is not None and (held is None or waiting.name != held.step):
            self._end(resource.guid, WAIT, entry)
            waiting = None
        if waiting is None and held is not None:
            self._begin(resource, WAIT, str(held.step), entry, self._wait(held))

    def _wait(self, held: Held) -> str:
        told = [awaited(self.world, each, each.on) for each in held.by[:_MOST]]
        if len(held.by) > _MOST:
            told.append(f"{len(held.by) - _MOST} more conditions")
        return "; ".join(told) or "those that depend on it to be released"

    def _begin(self, resource: Resource, what: str, name: str, entry: events.Entry, text: str = "") -> None:
        self._open[resource.guid, what] = _Open(resource, name, entry, text)

    def _end(self, guid: int, what: str, entry: events.Entry, text: str = "") -> None:
        going_on = self._open.pop((guid, what), None)
        if going_on is not None and not (what == WAIT and going_on.entry.time == entry.time):
            self._closed.append(self._interval(going_on, what, entry, text))

    def _end_all(self, guid: int, entry: events.Entry) -> None:
        for what in _ORDER:
            self._end(guid, what, entry)

    def _interval(self, it: _Open, what: str, ended: events.Entry | None, text: str = "") -> Interval:
        resource, entry, start = it.resource, it.entry, self.world.start
        end = None if ended is None else (ended.time - start) / NS
        begin = (entry.time - start) / NS
        return Interval(
            resource.guid,
            resource.rtype,
            resource.label,
            what,
            it.name,
            begin,
            end,
            text or it.text,
            entry.seq,
            entry.cause,
        )


_ORDER: Final = {STATE: 0, HOOK: 1, WAIT: 2}


def _why(event: events.Event) -> str:
    return message(event.error) if isinstance(event, events.StepFailed | events.ResourceFailed) else ""


class Held(NamedTuple):
    """A step that is held back.

    Attributes:
        by: the conditions that do not hold; none if it is a release that waits for those of others.
    """

    step: Step
    by: list[Condition]


def held_back(world: World, resource: Resource) -> Held | None:
    """The step that a resource would take now if something did not hold it back; None if nothing is to come."""
    if resource.attempt is not None or resource.requested is not None:
        return None
    if resource.releasing:
        return Held(Step.RELEASE, []) if resource.blockers else None
    if resource.group is None or resource.state in ENDS:
        return None
    step = plan.going_on(resource)
    if step is None or (world.aborted and step is not Step.STOP):
        return None
    closed = list(_not_holding(conditions.gates(resource, step), world.time))
    return Held(step, closed) if closed else None


def _not_holding(gate: Iterable[Condition], now: int) -> Iterator[Condition]:
    for condition in gate:
        due = conditions.due_at(condition)
        if due is None or due > now:
            yield condition
