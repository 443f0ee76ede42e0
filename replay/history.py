"""The events of a log by their number, and from an event back to what led to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from engine import journal
from engine.core import conditions, events
from engine.core.states import ResourceState, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import eventlog
    from engine.core.world import Condition, Resource, World

_REACHED: Final = (ResourceState.STARTED, ResourceState.STOPPED, ResourceState.FAILED)

_NEAR: Final = 32
"""How many events before one are read with it: what led to an event mostly stands close to it."""


class History:
    """The events of a log, each read when it is first asked for.

    Args:
        log: open for reading.
        last: the seq of the last event that counts.
    """

    def __init__(self, log: eventlog.Log, last: int) -> None:
        self._log = log
        self._last = last
        self._read: dict[int, events.Entry] = {}

    def get(self, seq: int) -> events.Entry:
        """The event of that number."""
        if seq not in self._read:
            for record in self._log.read(after=max(0, seq - _NEAR)):
                self._read[record.seq] = journal.to_entry(record)
                if record.seq == seq:
                    break
        return self._read[seq]

    def from_time(self, time: int) -> Iterator[events.Entry]:
        """The events that are no earlier than a time, in ns since 1970. Time in a log never runs backwards."""
        low, high = 1, self._last + 1
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.get(middle).time < time else (low, middle)
        for seq in range(low, self._last + 1):
            yield self.get(seq)

    def at(self, time: int, is_it: Callable[[events.Event], bool]) -> events.Entry | None:
        """The first event at exactly that time that is the one; None if none is."""
        for entry in self.from_time(time):
            if entry.time > time:
                break
            if is_it(entry.event):
                return entry
        return None

    def entered(self, resource: Resource, state: ResourceState) -> events.Entry | None:
        """With which event a resource last came to STARTED, STOPPED or FAILED; None if it never did."""
        if state not in resource.times:
            return None
        if state is ResourceState.STARTED:
            return self.get(resource.started_by)
        ends = _stops if state is ResourceState.STOPPED else _fails
        return self.at(resource.times[state], lambda event: event.guid == resource.guid and ends(event))

    def place(self, condition: Condition) -> str:
        """Where in his script the user asked for a condition; "" if nobody knows.

        Those of links that wait for one resource share a condition, so it names the first connection of several.
        """
        return "" if condition.origin == "link" else self.get(condition.seq).at


def _stops(event: events.Event) -> bool:
    match event:
        case events.StepDone(_, step):
            return step is Step.STOP
        case events.StepPassed(_, steps):
            return Step.STOP in steps
    return isinstance(event, events.ResourceEnded)


def _fails(event: events.Event) -> bool:
    return isinstance(event, events.StepFailed | events.ResourceFailed)


class Cause(NamedTuple):
    """What led to an event, and by which condition."""

    seq: int
    condition: Condition | None


def cause(history: History, world: World, entry: events.Entry) -> Cause:
    """What came last of all that an event had to wait for; of seq 0 if that was nothing but the user.

    The log names an event behind which it came. Of a step that waited for a delay this may be a later one than that
    from which the delay counted: what came last was then the end of the delay, so the other one led to it.
    """
    gate = _gate(history, world, entry)
    if not gate:
        return Cause(entry.cause, None)
    due, last = max(((conditions.due_at(each) or 0, each) for each in gate), key=lambda pair: pair[0])
    named = history.get(entry.cause)
    if last.met_by == entry.cause or (last.delay and due > named.time):
        return Cause(last.met_by, last)
    return Cause(entry.cause, next((each for each in gate if each.met_by == entry.cause), None))


def _gate(history: History, world: World, entry: events.Entry) -> list[Condition]:
    """The conditions by which a step waited; none where the user said "now"."""
    event = entry.event
    resource = world.resources.get(event.guid)
    if resource is None or not entry.cause or not isinstance(event, events.StepBegun | events.StepPassed):
        return []
    step = event.step if isinstance(event, events.StepBegun) else event.steps[0]
    now = isinstance(history.get(entry.cause).event, events.StepRequested | events.ReleaseRequested)
    if now or step is Step.RELEASE:
        return []
    return [
        each
        for each in conditions.gates(resource, step)
        if each.met_by < entry.seq and each.met_at is not None and each.met_at + each.delay <= entry.time
    ]


def chain(history: History, world: World, seq: int) -> Iterator[tuple[events.Entry, Cause]]:
    """An event with what led to it, that with what led to it, down to what the user asked for."""
    while seq:
        entry = history.get(seq)
        led = cause(history, world, entry)
        yield entry, led
        seq = led.seq


Links = list[tuple[events.Entry, Cause]]
"""A chain of events, the latest first, each with what led to it."""


def last_of(history: History, world: World, resources: Iterable[Resource]) -> Links | None:
    """How it came to the last of their starts and ends, except by a release; None if there was none."""
    moments = [(each.times[state], each, state) for each in resources for state in _REACHED if state in each.times]
    released_at: int | None = None
    for time, resource, state in sorted(moments, key=lambda moment: moment[0], reverse=True):
        if released_at is not None and resource.releasing and time >= released_at:
            continue
        entry = history.entered(resource, state)
        links = [] if entry is None else list(chain(history, world, entry.seq))
        if links and not isinstance(links[-1][0].event, events.ReleaseRequested):
            return links
        released_at = links[-1][0].time if links else released_at
    return None
