"""How many hooks run at once, and which of them come first."""

from __future__ import annotations

import threading
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.runtime.pool import Chain, Job


class Limiter:
    """Lets so many jobs run at once and no more, those that undo before all others.

    While any of them does something else than undo, one more job that undoes may run: so the release of one resource
    gets through while others sit in long installations. A job whose result is no longer wanted does not count: it may
    never return.

    Args:
        executor: where the jobs run; it has a worker for each that it is given.
        size: how many may run.
    """

    def __init__(self, executor: Chain, size: int) -> None:
        self._executor = executor
        self._size = size
        self._lock = threading.Lock()
        # In order of arrival. Not deques: a lane may leave its place in the one for the other.
        self._ordinary: OrderedDict[Lane, None] = OrderedDict()
        self._urgent: OrderedDict[Lane, None] = OrderedDict()
        self._running = 0
        self._undoing = 0

    def submit(self, lane: Lane, job: Callable[[], None]) -> None:
        """Run a job of a lane when there is room for it, and the one before it is done."""
        with self._lock:
            lane.job = job
            if not lane.runs:
                self._line(lane)[lane] = None
                self._let_in()

    def set_urgent(self, lane: Lane, *, urgent: bool) -> None:
        """Say whether what the lane does next undoes. If that is news, it gets in line anew."""
        if lane.urgent is urgent:
            return
        with self._lock:
            waits = lane in self._line(lane)
            if waits:
                del self._line(lane)[lane]
            lane.urgent = urgent
            if waits:
                self._line(lane)[lane] = None
                self._let_in()

    def excuse(self, lane: Lane) -> None:
        """Count the job that the lane is at no longer: its result is not wanted, and others get its place."""
        with self._lock:
            self._uncount(lane)
            self._let_in()

    def _run(self, lane: Lane, job: Callable[[], None]) -> Job | None:
        """Do a job, on the worker that calls this; what that is to do next."""
        try:
            job()
        except BaseException:
            self._leave(lane)
            raise
        return self._leave(lane, stays=True)

    def _leave(self, lane: Lane, *, stays: bool = False) -> Job | None:
        """Let in whoever has room now; the first of them for the worker that was there, if it stays."""
        with self._lock:
            lane.runs = False
            self._uncount(lane)
            if lane.job is not None:
                self._line(lane)[lane] = None
            following = self._next() if stays else None
            job = None if following is None else self._enter(following)
            self._let_in()
        return job

    def _line(self, lane: Lane) -> OrderedDict[Lane, None]:
        return self._urgent if lane.urgent else self._ordinary

    def _let_in(self) -> None:
        while (lane := self._next()) is not None:
            self._executor.submit(self._enter(lane))

    def _enter(self, lane: Lane) -> Job:
        lane.runs = lane.counts = True
        lane.undoes = lane.urgent
        self._running += 1
        self._undoing += lane.undoes
        return partial(self._run, lane, lane.take_job())

    def _next(self) -> Lane | None:
        one_more = self._running > self._undoing
        if self._urgent and self._running < self._size + one_more:
            return self._urgent.popitem(last=False)[0]
        if self._ordinary and self._running < self._size:
            return self._ordinary.popitem(last=False)[0]
        return None

    def _uncount(self, lane: Lane) -> None:
        if lane.counts:
            lane.counts = False
            self._running -= 1
            self._undoing -= lane.undoes


class Lane:
    """One actor's way to a worker, as its `Executor`. An actor asks for one at a time.

    Attributes:
        job: what is to run next.
        urgent: whether that undoes.
        runs: whether a job is under way; `undoes` what it does, `counts` whether its result is wanted.
    """

    __slots__ = ("_limiter", "counts", "job", "runs", "undoes", "urgent")

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self.job: Callable[[], None] | None = None
        self.urgent = self.runs = self.undoes = self.counts = False

    def submit(self, job: Callable[[], None]) -> None:
        """Run the job when there is room."""
        self._limiter.submit(self, job)

    def take_job(self) -> Callable[[], None]:
        """What is to run next; it is no longer to come."""
        assert self.job is not None
        job, self.job = self.job, None
        return job

    def set_urgent(self, *, urgent: bool) -> None:
        """Say whether what comes next undoes."""
        self._limiter.set_urgent(self, urgent=urgent)

    def excuse(self) -> None:
        """Say that the result of the job under way is not wanted any more."""
        self._limiter.excuse(self)
