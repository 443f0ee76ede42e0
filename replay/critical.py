"""Why was it so late? The critical path of a run: what each moment of it went by with."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Final

from msgspec import Struct

import eventlog
from engine.core import events
from engine.core.errors import BadState
from engine.dates import NS
from replay.history import History, last_of
from replay.telling import awaited, duration, host, name, tell, with_place
from replay.views import find, fold

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from engine.core.events import Entry
    from engine.core.world import Resource, World
    from replay import answers
    from replay.history import Cause, Links
    from replay.views import Moment

_SHORT: Final = 0.01
"""Where a path is told as a text, parts that took less than so many seconds are told together."""


class Part(Struct, frozen=True):
    """A part of a critical path: one thing that had to be over before the next could be.

    Attributes:
        kind: "script", "hook", "worker", "delay", "running" or "other".
        begin: seconds from the start of the run.
        seconds: how long it took.
        guid: whose it was; 0 for the experiment.
        text: what it was.
        at: where in his script the user asked for it; "" if he did not, or nobody knows.
        seq: of the event with which it ended.
    """

    kind: str
    begin: float
    seconds: float
    guid: int
    text: str
    at: str
    seq: int

    def to_dict(self) -> answers.Part:
        """Plain values, for JSON."""
        return {
            "kind": self.kind,
            "begin": self.begin,
            "seconds": self.seconds,
            "guid": self.guid,
            "text": self.text,
            "at": self.at,
            "seq": self.seq,
        }


class CriticalPath(Struct, frozen=True):
    """What a moment had to wait for. As a text it is what `netreel why --late` says.

    Attributes:
        text: what happened at that moment, as a sentence without its full stop.
        seconds: when that was, from the start of the run.
        parts: in order of time. Each begins where the one before it ended, so together they took `seconds`.
    """

    text: str
    seconds: float
    parts: tuple[Part, ...]

    def __str__(self) -> str:
        return "\n".join([f"{self.text}. What the {self.seconds:.2f} s until then went by with:", *self._lines()])

    def _lines(self) -> Iterator[str]:
        rest = self.seconds
        for part in self.parts:
            if part.seconds >= _SHORT:
                rest -= part.seconds
                yield f"{part.begin:>10.2f} s  {self._took(part.seconds)}  {with_place(part.text, part.at)}"
        if rest >= _SHORT:
            yield f"{'':>12}  {self._took(rest)}  the rest, each part of it less than {_SHORT:g} s"

    def _took(self, seconds: float) -> str:
        return f"{duration(round(seconds * NS)):>12} {seconds / self.seconds:4.0%}"

    def to_dict(self) -> answers.CriticalPath:
        """Plain values, for JSON."""
        return {"text": self.text, "seconds": self.seconds, "parts": [part.to_dict() for part in self.parts]}


def critical_path(
    run_dir: str | os.PathLike[str], guid: int | str | None = None, at: Moment | None = None
) -> CriticalPath:
    """What took the time until a resource got where it is, or until the last one did.

    That is its start or its end, whichever came last; what comes of a release does not count.

    Args:
        run_dir: the directory of the run; it may be live.
        guid: which resource, by its number or its label; by default the last one that started or ended.
        at: a seq, a time from the start such as ``"12.5s"``, or a datetime: only what was before counts.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        UsageError: the moment cannot be read, or the log does not reach it.
        UnknownGuid: there was no such resource then.
        BadState: it had not started by then, nor had it ended.
    """
    with eventlog.open(run_dir) as log:
        world = fold(run_dir, log, at)
        return path_to(log, world, None if guid is None else find(world, guid))


def path_to(log: eventlog.Log, world: World, resource: Resource | None) -> CriticalPath:
    """The same in a world that a log came to.

    Raises:
        BadState: it had not started by then, nor had it ended.
    """
    history = History(log, world.seq)
    links = last_of(history, world, list(world.resources.values()) if resource is None else [resource])
    if links is None:
        who = "no resource has" if resource is None else f"{name(world, resource.guid)} has not"
        raise BadState(f"{who} started or ended by then: netreel why says what it waits for")
    entry, led = links[0]
    parts = tuple(_parts(history, world, links, _queued(log, links, world.holder.get("workers"))))
    text = tell(entry, world, history.get(led.seq).time if led.seq else None)
    return CriticalPath(text, (entry.time - world.start) / NS, parts)


# --- the parts ----------------------------------------------------------------------------------------------------


def _parts(history: History, world: World, links: Links, waited: Mapping[int, int]) -> Iterator[Part]:
    """What took the time between each event of a chain and the next, from the start of the run."""
    first, _ = links[-1]
    yield _part(world, "script", world.start, first, "the script came to this", first.at)
    for (entry, led), (before, before_led) in reversed(list(pairwise(links))):
        if isinstance(before.event, events.StepBegun):
            yield from _hook(history, world, entry, before, before_led, waited.get(before.seq, 0))
        else:
            yield _between(history, world, entry, led, before)


def _hook(history: History, world: World, entry: Entry, begun: Entry, led: Cause, waited: int) -> Iterator[Part]:
    """What took the time from the intent of a step to its end."""
    assert isinstance(begun.event, events.StepBegun)
    text, place = f"the {begun.event.step} of {name(world, begun.event.guid)}", ""
    if waited:
        queued = f"{text} waited for a worker: all {world.holder.get('workers')} were busy"
        yield Part("worker", *_span(world, begun.time, begun.time + waited), begun.event.guid, queued, "", begun.seq)
    text += _where(world, begun)
    if led.condition is not None and not led.condition.delay:
        text += f"; it had waited for {awaited(world, led.condition, led.condition.on)}"
        place = history.place(led.condition)
    yield _part(world, "hook", begun.time + waited, entry, text, place)


def _between(history: History, world: World, entry: Entry, led: Cause, before: Entry) -> Part:
    if isinstance(entry.event, events.ResourceEnded | events.ResourceFailed) and entry.event.guid == before.event.guid:
        return _part(world, "running", before.time, entry, f"{name(world, before.event.guid)} ran", "")
    if led.condition is not None and led.condition.delay:
        text = f"{name(world, entry.event.guid)} waited for {awaited(world, led.condition, led.condition.on)}"
        return _part(world, "delay", before.time, entry, text, history.place(led.condition))
    return _part(world, "other", before.time, entry, tell(entry, world), entry.at)


def _where(world: World, begun: Entry) -> str:
    resource = world.resources.get(begun.event.guid)
    return "" if resource is None else host(world, resource)


def _part(world: World, kind: str, begin: int, entry: Entry, text: str, at: str) -> Part:
    return Part(kind, *_span(world, begin, entry.time), entry.event.guid, text, at, entry.seq)


def _span(world: World, begin: int, end: int) -> tuple[float, float]:
    """When it began, from the start of the run, and how long it took: in seconds."""
    return (begin - world.start) / NS, (end - begin) / NS


# --- workers --------------------------------------------------------------------------------------------------------


def _queued(log: eventlog.Log, links: Links, workers: object) -> dict[int, int]:
    """By the event of its intent, how long each hook of a run waited for a worker, in ns.

    The log says when a hook could have begun and when it ended. How many run at once, and that the first to come is the
    first to be served, says the rest. Of those that undo one more may run than that; they are not counted apart.
    """
    if not isinstance(workers, int):  # the log is of a version that did not say
        return {}
    queue = _Queue(workers)
    last = links[0][0].seq
    for record in log.read():
        if record.seq > last:
            break
        queue.see(record)
    return queue.waited


class _Queue:
    """The hooks that run and those that wait for a worker, as a log goes by."""

    def __init__(self, workers: int) -> None:
        self.waited: dict[int, int] = {}
        self._size = workers
        self._workless: dict[str, list[str]] = {}  # by type, the steps that hold no worker while they wait
        self._types: dict[int, str] = {}
        self._running: set[int] = set()  # by guid: each runs one at a time
        self._waiting: dict[int, tuple[int, int]] = {}  # by guid: seq and time, in order of arrival

    def see(self, record: eventlog.Event) -> None:
        """An event of the log."""
        match record.kind:
            case "type.declared":
                self._workless[record.data["rtype"]] = record.data.get("waiting", [])
            case "resource.registered":
                self._types[record.guid] = record.data["rtype"]
            case "step.begun" if record.data["step"] in self._workless[self._types[record.guid]]:
                pass
            case "step.begun" if len(self._running) < self._size:
                self._running.add(record.guid)
            case "step.begun":
                self._waiting[record.guid] = record.seq, record.time
            case "step.done" | "step.failed" | "step.voided":
                self._leave(record)
            case "controller.opened":
                self._running.clear()
                self._waiting.clear()

    def _leave(self, record: eventlog.Event) -> None:
        self._waiting.pop(record.guid, None)
        self._running.discard(record.guid)
        if self._waiting and len(self._running) < self._size:
            guid = next(iter(self._waiting))
            seq, since = self._waiting.pop(guid)
            self.waited[seq] = record.time - since
            self._running.add(guid)
