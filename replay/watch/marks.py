"""What happened when: enough of each event of a run to draw its time line, and to move on it."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING

from msgspec import Struct

from engine.core import events
from engine.core.states import ResourceState

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.core.world import World


class Column(Struct, frozen=True):
    """A piece of the time line.

    Attributes:
        started: how many resources were STARTED at its end.
        busy: whether anything happened in it.
        failed: whether anything failed in it.
    """

    started: int
    busy: bool
    failed: bool


class Marks:
    """A few numbers of each event. `seq` counts from 1, as in the log; times are ns since 1970."""

    def __init__(self) -> None:
        self.most = 0
        self._times = array("q")
        self._started = array("l")
        self._failures = array("q")
        self._of: dict[int, array[int]] = {}
        self._running: set[int] = set()

    def __len__(self) -> int:
        return len(self._times)

    def note(self, world: World, entry: events.Entry, touched: Iterable[int]) -> None:
        """The next event: the world after it, and the resources that something has changed for."""
        for guid in touched:
            resource = world.resources.get(guid)
            if resource is not None and resource.state is ResourceState.STARTED:
                self._running.add(guid)
            else:
                self._running.discard(guid)
        self._times.append(entry.time)
        self._started.append(len(self._running))
        self.most = max(self.most, len(self._running))
        self._of.setdefault(entry.event.guid, array("q")).append(entry.seq)
        if isinstance(entry.event, events.StepFailed | events.ResourceFailed):
            self._failures.append(entry.seq)

    @property
    def start(self) -> int:
        """When the first event was; 0 if there is none."""
        return self._times[0] if self._times else 0

    @property
    def end(self) -> int:
        """When the last event was; 0 if there is none."""
        return self._times[-1] if self._times else 0

    def time(self, seq: int) -> int:
        """When an event was."""
        return self._times[seq - 1]

    def at(self, time: int) -> int:
        """The seq of the last event that was no later; 0 if all were."""
        return bisect_right(self._times, time)

    def of(self, guid: int, until: int) -> Sequence[int]:
        """The seqs of the events of a resource, up to that of `until`."""
        seqs = self._of.get(guid, array("q"))
        return seqs[: bisect_right(seqs, until)]

    def columns(self, number: int, end: int) -> list[Column]:
        """The time from the start to `end` in so many pieces."""
        length = max(1, end - self.start)
        edges = [0, *(self.at(self.start + length * piece // number) for piece in range(1, number + 1))]
        return [self._column(first, last) for first, last in pairwise(edges)]

    def _column(self, first: int, last: int) -> Column:
        """What happened behind the event `first` up to the event `last`."""
        failed = bisect_right(self._failures, first) < bisect_left(self._failures, last + 1)
        return Column(self._started[last - 1] if last else 0, last > first, failed)
