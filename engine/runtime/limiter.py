"""How many hooks run at once, and which of them come first."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.runtime.pool import Workers


class Limiter:
    """Lets so many jobs run at once and no more, those that undo before all others.

    While any of them does something else than undo, one more job that undoes may run: so the release of one resource
    gets through while others sit in long installations. A job whose result is no longer wanted does not count: it may
    never return.

    Nobody waits here: who finds somebody else at it leaves word, and that one sees to it. Threads that wait for each
    other hand the interpreter over for each job, which takes longer than a short job.

    Args:
        workers: where the jobs run; a worker for each that may.
        size: how many may run.
    """

    def __init__(self, workers: Workers, size: int) -> None:
        self._workers = workers
        self._size = size
        self._news: deque[tuple[Callable[[Lane], None], Lane]] = deque()
        self._busy = threading.Lock()  # held by whoever is at what follows
        # In order of arrival. Not deques: a lane may leave its place in the one for the other.
        self._ordinary: OrderedDict[Lane, None] = OrderedDict()
        self._urgent: OrderedDict[Lane, None] = OrderedDict()
        self._running = 0
        self._undoing = 0

    def came(self, lane: Lane) -> None:
        """The lane has another job: it gets in line, unless it is still at the one before."""
        self._see_to(self._line_up, lane, self._workers.submit)

    def changed(self, lane: Lane) -> None:
        """The lane is urgent now, or no longer: if it waits, it gets in line anew."""
        self._see_to(self._line_up_anew, lane, self._workers.submit)

    def excuse(self, lane: Lane) -> None:
        """Count the job that the lane is at no longer: its result is not wanted, and others get its place."""
        self._see_to(self._uncount, lane, self._workers.submit)

    def left(self, lane: Lane) -> None:
        """The lane's job has come to its end; on the worker that did it."""
        self._see_to(self._leave, lane, self._workers.follow)

    def _see_to(self, change: Callable[[Lane], None], lane: Lane, let_in: Callable[[Callable[[], None]], None]) -> None:
        """Make a change, and let in whoever has room then; or leave that to whoever is at it."""
        news = self._news
        news.append((change, lane))
        while news and self._busy.acquire(blocking=False):
            try:
                while news:
                    change, lane = news.popleft()
                    change(lane)
                    while (following := self._next()) is not None:
                        let_in(self._enter(following))
            finally:
                self._busy.release()

    def _line_up(self, lane: Lane) -> None:
        if lane.job is not None and not lane.runs:
            lane.line = self._urgent if lane.urgent else self._ordinary
            lane.line[lane] = None

    def _line_up_anew(self, lane: Lane) -> None:
        if lane.line is not None:
            del lane.line[lane]
            self._line_up(lane)

    def _leave(self, lane: Lane) -> None:
        lane.runs = False
        self._uncount(lane)
        self._line_up(lane)

    def _enter(self, lane: Lane) -> Callable[[], None]:
        lane.line = None
        lane.runs = lane.counts = True
        lane.undoes = lane.urgent
        self._running += 1
        self._undoing += lane.undoes
        return lane.run

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
        line: where it waits.
        runs: whether a job is under way; `undoes` what it does, `counts` whether its result is wanted.
    """

    __slots__ = ("_limiter", "counts", "job", "line", "runs", "undoes", "urgent")

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self.job: Callable[[], None] | None = None
        self.line: OrderedDict[Lane, None] | None = None
        self.urgent = self.runs = self.undoes = self.counts = False

    def submit(self, job: Callable[[], None]) -> None:
        """Run the job when there is room."""
        self.job = job
        self._limiter.came(self)

    def run(self) -> None:
        """Do the job, on the worker that calls this."""
        assert self.job is not None
        job, self.job = self.job, None
        try:
            job()
        finally:
            self._limiter.left(self)

    def set_urgent(self, *, urgent: bool) -> None:
        """Say whether what comes next undoes. If that is news, it gets in line anew."""
        if self.urgent is not urgent:
            self.urgent = urgent
            self._limiter.changed(self)

    def excuse(self) -> None:
        """Say that the result of the job under way is not wanted any more."""
        self._limiter.excuse(self)
