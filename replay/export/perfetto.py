"""When was what, as a trace for Perfetto, in the Trace Event Format of Chrome's tracing.

A resource is a track. Its states are slices of it; its steps, and what holds a step back, are slices within these.
Where something came from an event on another track, an arrow leads from there. The first track is the experiment's.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain, groupby, pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from engine import journal
from engine.core.world import EXPERIMENT
from engine.dates import NS, to_datetime
from replay.encoding import with_items
from replay.intervals import STATE, WAIT, Recorder
from replay.telling import tell, with_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import eventlog
    from engine.core.events import Entry
    from engine.core.world import World
    from replay.intervals import Interval, Timeline

_PID: Final = 1
"""Of the one process that has all tracks; the experiment's is that of its main thread."""

_MOMENT: Final = 1
"""The length of what has none, in ns: an arrow needs a slice that it leads from."""

_MOST: Final = 100
"""So many events of one moment are told."""

_ORDER: Final = {"E": 0, "B": 0, "s": 1, "f": 2}
"""What comes first of what begins at the same time: an arrow binds to the slice that is open on its track."""

TraceEvent = dict[str, Any]


class _Place(NamedTuple):
    """Whom an event of the log is about, and when it was: in ns from the start."""

    guid: int
    time: int


def to_perfetto(records: Iterable[eventlog.Event]) -> Iterator[str]:
    """All of a log as a text of JSON, in pieces. Times are in microseconds from the start of the run."""
    recorder = Recorder()
    places: dict[int, _Place] = {}
    moments: dict[int, list[Entry]] = {}
    for record in records:
        entry = journal.to_entry(record)
        recorder.see(entry)
        time = entry.time - recorder.world.start
        places[entry.seq] = _Place(record.guid, time)
        if not record.guid:
            moments.setdefault(time, []).append(entry)
    line = recorder.timeline()
    tracks = {guid: list(intervals) for guid, intervals in groupby(line, lambda each: each.guid)}
    made = list(_put(EXPERIMENT, (_moment(time, entries, recorder.world) for time, entries in moments.items())))
    for guid, intervals in tracks.items():
        made += _put(guid, _slices(intervals, _ns(line.end)))
    made += _arrows(line, places, {guid: _ns(intervals[0].begin) for guid, intervals in tracks.items()})
    made.sort(key=lambda event: (event["ts"], _ORDER[event["ph"]]))  # and of each track as it is
    about = {"traceEvents": [], "displayTimeUnit": "ms", "otherData": _about(recorder.world)}
    return with_items(about, chain(_names(recorder.world, tracks), made))


def _ns(seconds: float) -> int:
    return round(seconds * NS)


# --- slices -------------------------------------------------------------------------------------------------------


class _Slice(NamedTuple):
    """Something on a track, from `begin` to `end`: in ns from the start."""

    begin: int
    end: int
    name: str
    category: str
    args: Mapping[str, Any]


def _moment(time: int, entries: Sequence[Entry], world: World) -> _Slice:
    """What happened to the experiment at one moment, in one slice: several would hide each other."""
    kinds = Counter(entry.event.kind for entry in entries)
    name = ", ".join(kind if number == 1 else f"{kind} x {number}" for kind, number in kinds.items())
    told = {str(entry.seq): with_place(tell(entry, world), entry.at) for entry in entries[:_MOST]}
    return _Slice(time, time + _MOMENT, name, "event", told)


def _slices(intervals: Sequence[Interval], last: int) -> Iterator[_Slice]:
    """The slices of a resource: its states, and what else there is, cut where a state ends, for slices do not cross."""
    bounds = [_ns(each.begin) for each in intervals if each.what == STATE]
    for each in intervals:
        begin, end = _ns(each.begin), max(last, _ns(each.begin) + _MOMENT) if each.end is None else _ns(each.end)
        cuts = [] if each.what == STATE else [bound for bound in bounds if begin < bound < end]
        for one, other in pairwise([begin, *cuts, end]):
            if one < other:
                yield _Slice(one, other, _title(each), each.what, _args(each))


def _title(interval: Interval) -> str:
    return f"wait: {interval.name}" if interval.what == WAIT else interval.name


def _args(interval: Interval) -> dict[str, Any]:
    text = {"text": interval.text} if interval.text else {}
    unfinished = {"unfinished": True} if interval.end is None else {}
    return {"seq": interval.seq, **text, **unfinished}


def _put(guid: int, slices: Iterable[_Slice]) -> Iterator[TraceEvent]:
    """The slices of a track: where each begins and where it ends, in the order in which a reader can nest them.

    The format could say instead how long each takes. But times are fractions, and where one more than fills another
    by the error of an addition, the next one is taken to be inside it.
    """
    open_ones: list[_Slice] = []
    for each in sorted(slices, key=lambda it: (it.begin, -it.end, it.category != STATE)):
        while open_ones and open_ones[-1].end <= each.begin:
            yield _close(guid, open_ones.pop())
        open_ones.append(each)
        yield {**_event("B", guid, each.begin, each.name), "cat": each.category, "args": each.args}
    while open_ones:
        yield _close(guid, open_ones.pop())


def _close(guid: int, it: _Slice) -> TraceEvent:
    return _event("E", guid, it.end, it.name)


def _event(phase: str, guid: int, time: int, name: str) -> TraceEvent:
    return {"ph": phase, "pid": _PID, "tid": guid + _PID, "ts": time / 1000, "name": name}


# --- arrows -------------------------------------------------------------------------------------------------------


def _arrows(line: Timeline, places: Mapping[int, _Place], firsts: Mapping[int, int]) -> Iterator[TraceEvent]:
    """From cause to effect, where they are on two tracks.

    Args:
        line: what came about.
        places: of the events, by seq.
        firsts: by resource, when its first slice begins.
    """
    for number, each in enumerate(line, 1):
        cause = places.get(each.cause)
        if cause is None or each.what == WAIT or cause.guid == each.guid or cause.guid not in {0, *firsts}:
            continue
        # What something came from ended a slice of its resource: the last moment of that is where the arrow begins.
        begin = max(cause.time - 1, firsts[cause.guid]) if cause.guid else cause.time
        name = {"cat": "cause", "id": number}
        yield _event("s", cause.guid, begin, "cause") | name
        yield _event("f", each.guid, _ns(each.begin), "cause") | name | {"bp": "e"}


# --- what it is about ---------------------------------------------------------------------------------------------


def _names(world: World, tracks: Mapping[int, list[Interval]]) -> Iterator[TraceEvent]:
    yield _meta("process_name", 0, {"name": f"{world.exp_id} {world.run_id}"})
    yield _meta("thread_name", 0, {"name": "experiment"})
    for guid, (first, *_) in tracks.items():
        label = "" if first.label is None else f" ({first.label})"
        yield _meta("thread_name", guid, {"name": f"#{guid} {first.rtype}{label}"})
        yield _meta("thread_sort_index", guid, {"sort_index": guid})


def _meta(name: str, guid: int, args: Mapping[str, Any]) -> TraceEvent:
    return {**_event("M", guid, 0, name), "args": args}


def _about(world: World) -> dict[str, Any]:
    start = to_datetime(world.start).isoformat()
    return {"experiment": world.exp_id, "run": world.run_id, "start": start, "start_ns": world.start}
