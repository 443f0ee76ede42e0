"""A run as spans of OpenTelemetry, in the JSON form of its protocol (OTLP).

The run is the root span. Below it is one for each resource, and below that one for each state that it was in, each step
that it took, and each time that a step was held back. A span is linked to that of what it came from. Whatever else was
recorded is an event of the span that it is about.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding says how it is written: ids in hex, numbers of 64 bits
as texts, enumerations as numbers. https://github.com/open-telemetry/opentelemetry-proto has the fields.
"""

from __future__ import annotations

import hashlib
from importlib.metadata import version
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from engine import journal
from engine.core import events
from engine.core.states import ResourceState
from engine.core.world import EXPERIMENT
from engine.dates import NS
from replay.encoding import with_items
from replay.intervals import HOOK, STATE, WAIT, Recorder
from replay.telling import tell, with_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import eventlog
    from engine.core.events import Entry
    from engine.core.world import World
    from replay.intervals import Interval

_ENDS: Final = (events.StepDone, events.StepFailed, events.StepVoided)
_STEPS: Final = (events.StepBegun, *_ENDS, events.StepPassed)
"""What spans are made of: no events of them."""

_INTERNAL: Final = 1
"""The kind of a span that is neither of a client nor of a server."""

_ERROR: Final = 2
"""The status of a span that failed."""

Attributes = dict[str, str | int | None]
Message = dict[str, Any]

_ROOT: Final = "run"


def to_otlp(records: Iterable[eventlog.Event]) -> Iterator[str]:
    """All of a log as what is posted to ``/v1/traces`` of a collector: a text of JSON in pieces, one for each span."""
    recorder = Recorder()
    told: dict[int, list[Entry]] = {}
    sources = [(EXPERIMENT, 0)]
    for record in records:
        entry = journal.to_entry(record)
        recorder.see(entry)
        sources.append((record.guid, entry.cause if isinstance(entry.event, _ENDS) else entry.seq))
        if not isinstance(entry.event, _STEPS):
            told.setdefault(record.guid, []).append(entry)
    return with_items(_request(recorder.world), _Writer(recorder, told, sources).spans())


def _request(world: World) -> Message:
    """All but the spans."""
    about: Attributes = {"service.name": "netreel", "netreel.experiment": world.exp_id, "netreel.run": world.run_id}
    of_us = {"scope": {"name": "netreel", "version": version("netreel")}, "spans": []}
    return {"resourceSpans": [{"resource": {"attributes": _attributes(about)}, "scopeSpans": [of_us]}]}


def _attributes(values: Attributes) -> list[Message]:
    """Attributes as a message has them; those that are None are left out."""
    return [
        {"key": key, "value": {"intValue": str(value)} if isinstance(value, int) else {"stringValue": value}}
        for key, value in values.items()
        if value is not None
    ]


class _Writer:
    """Makes spans of what a recorder has noted.

    Args:
        recorder: has seen the whole log.
        told: by guid, what is told as events of a span.
        sources: by seq, whose event it is, and the seq of that with which began what it ends, or its own.
    """

    def __init__(self, recorder: Recorder, told: dict[int, list[Entry]], sources: Sequence[tuple[int, int]]) -> None:
        self._world = recorder.world
        self._line = recorder.timeline()
        self._told = told
        self._sources = sources
        self._begun = {(each.guid, each.seq): _of_interval(each) for each in self._line if each.what != WAIT}
        self._trace_id = self._digest("trace")[:32]

    def spans(self) -> Iterator[Message]:
        """All of them."""
        why = "the experiment was aborted" if self._world.aborted else None
        yield self._span(_ROOT, self._world.exp_id, 0, self._line.end, {}, "") | self._events(EXPERIMENT) | _status(why)
        for guid, intervals in groupby(self._line, lambda each: each.guid):
            yield from self._of_resource(guid, list(intervals))

    def _of_resource(self, guid: int, intervals: Sequence[Interval]) -> Iterator[Message]:
        first = intervals[0]
        label = "" if first.label is None else f" ({first.label})"
        about: Attributes = {"netreel.guid": guid, "netreel.type": first.rtype, "netreel.label": first.label}
        name, key, end = f"#{guid} {first.rtype}{label}", _of_resource(guid), max(map(self._end, intervals))
        failed = [each.text for each in intervals if each.what == STATE and each.name == ResourceState.FAILED.name]
        yield self._span(key, name, first.begin, end, about, _ROOT) | self._events(guid) | _status(*failed[-1:])
        for each in intervals:
            yield self._of_interval(each, parent=key)

    def _of_interval(self, it: Interval, parent: str) -> Message:
        about: Attributes = {
            "netreel.guid": it.guid,
            "netreel.what": it.what,
            "netreel.seq": it.seq,
            "netreel.text": it.text or None,
        }
        span = self._span(_of_interval(it), it.name, it.begin, self._end(it), about, parent)
        if it.cause:
            span["links"] = [{"traceId": self._trace_id, "spanId": self._span_id(self._origin(it.cause))}]
        return span | _status((it.text or None) if it.what == HOOK else None)

    def _origin(self, seq: int) -> str:
        """The key of the span that an event stands for: the step that it began or ended, or the state it brought."""
        source = self._sources[seq]
        return self._begun.get(source) or (_of_resource(source[0]) if source[0] else _ROOT)

    # --- parts of a span ----------------------------------------------------------------------------------------

    def _span(self, key: str, name: str, begin: float, end: float, about: Attributes, parent: str) -> Message:
        """A span with what all of them have.

        Args:
            key: names it in this run; its id is made of it.
            name: what it is called.
            begin: in seconds from the start of the run.
            end: the same.
            about: its attributes.
            parent: the key of the span that it is below; "" for the root.
        """
        return {
            "traceId": self._trace_id,
            "spanId": self._span_id(key),
            **({"parentSpanId": self._span_id(parent)} if parent else {}),
            "name": name,
            "kind": _INTERNAL,
            "startTimeUnixNano": self._time(begin),
            "endTimeUnixNano": self._time(end),
            **({"attributes": _attributes(about)} if about else {}),
        }

    def _events(self, guid: int) -> Message:
        """What else was recorded of a resource, or of the run."""
        told = [self._event(entry) for entry in self._told.get(guid, ())]
        return {"events": told} if told else {}

    def _event(self, entry: Entry) -> Message:
        text = with_place(tell(entry, self._world), entry.at)
        about = _attributes({"netreel.seq": entry.seq, "netreel.text": text})
        return {"timeUnixNano": str(entry.time), "name": entry.event.kind, "attributes": about}

    def _end(self, interval: Interval) -> float:
        return self._line.end if interval.end is None else interval.end

    def _time(self, seconds: float) -> str:
        return str(self._world.start + round(seconds * NS))

    def _span_id(self, key: str) -> str:
        return self._digest(key)[:16]

    def _digest(self, key: str) -> str:
        """Ids are the same each time that a run is exported."""
        return hashlib.sha256(f"{self._world.run_id} {key}".encode()).hexdigest()


def _status(why: str | None = None) -> Message:
    """Why something failed; nothing if it did not."""
    return {} if why is None else {"status": {"message": why, "code": _ERROR}}


def _of_resource(guid: int) -> str:
    return f"resource {guid}"


def _of_interval(interval: Interval) -> str:
    return f"{interval.what} {interval.guid} {interval.seq}"
