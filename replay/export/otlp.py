"""A run as spans of OpenTelemetry, in the JSON form of its protocol (OTLP).

The run is the root span. Below it is one for each resource, and below that one for each state that it was in, each step
that it took, and each time that a step was held back. A span is linked to that of what it came from. Whatever else was
recorded is an event of the span that it is about.
"""

from __future__ import annotations

import base64
import hashlib
from importlib.metadata import version
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from engine import journal
from engine.core import events
from engine.core.states import ResourceState
from engine.core.world import EXPERIMENT
from engine.dates import NS
from replay.export import extras
from replay.intervals import HOOK, STATE, WAIT, Recorder
from replay.telling import tell, with_place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import eventlog
    from engine.core.events import Entry
    from replay.intervals import Interval

_ENDS: Final = (events.StepDone, events.StepFailed, events.StepVoided)
_STEPS: Final = (events.StepBegun, *_ENDS, events.StepPassed)
"""What spans are made of: no events of them."""

Attributes = dict[str, str | int | None]

_ROOT: Final = "run"
_IDS: Final = ("traceId", "spanId", "parentSpanId")


def to_otlp(records: Iterable[eventlog.Event]) -> dict[str, Any]:
    """All of a log as JSON has it: what is posted to ``/v1/traces`` of a collector.

    Raises:
        UsageError: opentelemetry-proto is not installed.
    """
    trace = extras.load("opentelemetry.proto.trace.v1.trace_pb2", "otel", "OTLP")
    json_format = extras.load("google.protobuf.json_format", "otel", "OTLP")
    entries = [journal.to_entry(record) for record in records]
    recorder = Recorder()
    for entry in entries:
        recorder.see(entry)
    world, data = recorder.world, trace.TracesData()
    of_run = data.resource_spans.add()
    about: Attributes = {"service.name": "netreel", "netreel.experiment": world.exp_id, "netreel.run": world.run_id}
    _put(of_run.resource.attributes, about)
    of_us = of_run.scope_spans.add()
    of_us.scope.name, of_us.scope.version = "netreel", version("netreel")
    _Writer(of_us.spans, trace.Status.STATUS_CODE_ERROR, recorder, entries).write()
    plain: dict[str, Any] = _with_hex(json_format.MessageToDict(data, use_integers_for_enums=True))
    return plain


def _with_hex(value: Any) -> Any:
    """The same with ids in hex, as OTLP has them; protobuf's own JSON has them in base64."""
    if isinstance(value, list):
        return [_with_hex(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {key: base64.b64decode(item).hex() if key in _IDS else _with_hex(item) for key, item in value.items()}


def _put(attributes: Any, values: Attributes) -> None:
    """Add attributes to a message; those that are None are left out."""
    for key, value in values.items():
        if isinstance(value, int):
            attributes.add(key=key).value.int_value = value
        elif value is not None:
            attributes.add(key=key).value.string_value = value


class _Writer:
    """Makes spans of what a recorder has noted.

    Args:
        spans: the list of messages that they are added to.
        error: the status of one that failed.
        recorder: has seen the whole log.
        entries: the log, from its first event.
    """

    def __init__(self, spans: Any, error: int, recorder: Recorder, entries: Sequence[Entry]) -> None:
        self._spans = spans
        self._error = error
        self._world = recorder.world
        self._line = recorder.timeline()
        self._entries = entries
        self._begun = {(each.guid, each.seq): each for each in self._line if each.what != WAIT}
        self._trace_id = self._digest("trace")[:16]

    def write(self) -> None:
        """Add all of them."""
        told: dict[int, list[Entry]] = {}
        for entry in self._entries:
            if not isinstance(entry.event, _STEPS):
                told.setdefault(entry.event.guid, []).append(entry)
        root = self._span(_ROOT, self._world.exp_id, 0, self._line.end, {})
        self._tell(root, told.get(EXPERIMENT, ()))
        if self._world.aborted:
            self._blame(root, "the experiment was aborted")
        for guid, intervals in groupby(self._line, lambda each: each.guid):
            self._add_resource(list(intervals), told.get(guid, ()))

    def _add_resource(self, intervals: Sequence[Interval], told: Iterable[Entry]) -> None:
        first = intervals[0]
        label = "" if first.label is None else f" ({first.label})"
        about: Attributes = {"netreel.guid": first.guid, "netreel.type": first.rtype, "netreel.label": first.label}
        name, key, end = f"#{first.guid} {first.rtype}{label}", _of_resource(first.guid), max(map(self._end, intervals))
        span = self._span(key, name, first.begin, end, about, parent=_ROOT)
        self._tell(span, told)
        for each in intervals:
            self._add_interval(each, parent=key)
            if each.what == STATE and each.name == ResourceState.FAILED.name:
                self._blame(span, each.text)

    def _add_interval(self, it: Interval, parent: str) -> None:
        about: Attributes = {
            "netreel.guid": it.guid,
            "netreel.what": it.what,
            "netreel.seq": it.seq,
            "netreel.text": it.text or None,
        }
        span = self._span(_of_interval(it), it.name, it.begin, self._end(it), about, parent)
        if it.cause:
            span.links.add(trace_id=self._trace_id, span_id=self._span_id(self._origin(self._entries[it.cause - 1])))
        if it.what == HOOK and it.text:
            self._blame(span, it.text)

    def _origin(self, entry: Entry) -> str:
        """The key of the span that an event stands for: the step that it began or ended, or the state it brought."""
        guid, seq = entry.event.guid, entry.cause if isinstance(entry.event, _ENDS) else entry.seq
        if (guid, seq) in self._begun:
            return _of_interval(self._begun[guid, seq])
        return _of_resource(guid) if guid else _ROOT

    # --- parts of a span ----------------------------------------------------------------------------------------

    def _span(self, key: str, name: str, begin: float, end: float, about: Attributes, parent: str = "") -> Any:
        """Add a span with what all of them have.

        Args:
            key: names it in this run; its id is made of it.
            name: what it is called.
            begin: in seconds from the start of the run.
            end: the same.
            about: its attributes.
            parent: the key of the span that it is below; "" for the root.
        """
        span = self._spans.add(
            trace_id=self._trace_id,
            span_id=self._span_id(key),
            parent_span_id=self._span_id(parent) if parent else b"",
            name=name,
            kind=1,  # internal
            start_time_unix_nano=self._time(begin),
            end_time_unix_nano=self._time(end),
        )
        _put(span.attributes, about)
        return span

    def _tell(self, span: Any, entries: Iterable[Entry]) -> None:
        """Add events to a span."""
        for entry in entries:
            event = span.events.add(name=entry.event.kind, time_unix_nano=entry.time)
            told = with_place(tell(entry, self._world), entry.at)
            _put(event.attributes, {"netreel.seq": entry.seq, "netreel.text": told})

    def _blame(self, span: Any, why: str) -> None:
        span.status.code, span.status.message = self._error, why

    def _end(self, interval: Interval) -> float:
        return self._line.end if interval.end is None else interval.end

    def _time(self, seconds: float) -> int:
        return self._world.start + round(seconds * NS)

    def _span_id(self, key: str) -> bytes:
        return self._digest(key)[:8]

    def _digest(self, key: str) -> bytes:
        """Ids are the same each time that a run is exported."""
        return hashlib.sha256(f"{self._world.run_id} {key}".encode()).digest()


def _of_resource(guid: int) -> str:
    return f"resource {guid}"


def _of_interval(interval: Interval) -> str:
    return f"{interval.what} {interval.guid} {interval.seq}"
