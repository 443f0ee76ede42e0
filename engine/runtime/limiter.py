"""How many hooks run at once, and which of them come first."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from engine.runtime.actors import Inbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.runtime.pool import Workers


class Limiter:
    """Lets so many actors run at once and no more, those that undo before all others.

    While any of them does something else than undo, one more that undoes may run: so the release of one resource gets
    through while others sit in long installations. One whose result is no longer wanted does not count: it may never
    return.

    Nobody waits here: who finds somebody else at it leaves word, and that one sees to it. Threads that wait for each
    other hand the interpreter over for each message, which takes longer than a short hook.

    Args:
        workers: where they run; a worker for each that may.
        size: how many may run.
    """

    def __init__(self, workers: Workers, size: int) -> None:
        self._workers = workers
        self._size = size
        self._news: deque[tuple[Callable[[Lane], None], Iterable[Lane]]] = deque()
        self._busy = threading.Lock()  # held by whoever is at what follows
        # In order of arrival. Not deques: a lane may leave its place in the one for the other.
        self._ordinary: OrderedDict[Lane, None] = OrderedDict()
        self._urgent: OrderedDict[Lane, None] = OrderedDict()
        self._running = 0
        self._undoing = 0

    def came(self, lanes: Iterable[Lane]) -> None:
        """These have something to do: they get in line, unless they run."""
        self._see_to(self._line_up, lanes, self._workers.submit)

    def changed(self, lane: Lane) -> None:
        """The lane is urgent now, or no longer: if it waits, it gets in line anew."""
        self._see_to(self._line_up_anew, (lane,), self._workers.submit)

    def excuse(self, lanes: Iterable[Lane]) -> None:
        """Count what these do no longer: the results are not wanted, and others get their places."""
        self._see_to(self._uncount, lanes, self._workers.submit)

    def left(self, lane: Lane) -> None:
        """The lane is done for now; on its worker."""
        self._see_to(self._leave, (lane,), self._workers.follow)

    def _see_to(
        self, change: Callable[[Lane], None], lanes: Iterable[Lane], let_in: Callable[[Callable[[], None]], None]
    ) -> None:
        """Change these, and let in whoever has room then; or leave that to whoever is at it."""
        news = self._news
        news.append((change, lanes))
        while news and self._busy.acquire(blocking=False):
            try:
                while news:
                    change, lanes = news.popleft()
                    for lane in lanes:
                        change(lane)
                    while (following := self._next()) is not None:
                        let_in(self._enter(following))
            finally:
                self._busy.release()

    def _line_up(self, lane: Lane) -> None:
        if not lane.runs and lane.line is None and not lane.empty():
            lane.line = self._urgent if lane.urgent else self._ordinary
            lane.line[lane] = None

    def _line_up_anew(self, lane: Lane) -> None:
        if lane.line is not None:
            del lane.line[lane]
            lane.line = None
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
        return lane.shift()

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


class Lane(Inbox):
    """The inbox of an actor that has a worker only when there is room.

    Attributes:
        urgent: whether what it does next undoes.
        line: where it waits.
        runs: whether its actor has a worker; `undoes` what it does, `counts` whether the result is wanted.
    """

    __slots__ = ("_limiter", "counts", "line", "runs", "undoes", "urgent")

    def __init__(self, limiter: Limiter) -> None:
        super().__init__()
        self._limiter = limiter
        self.line: OrderedDict[Lane, None] | None = None
        self.urgent = self.runs = self.undoes = self.counts = False

    def ask_for_shift(self) -> None:
        """Have the actor run when there is room."""
        self._limiter.came((self,))

    def end_shift(self) -> None:
        """The actor gives its worker back, and gets in line again if there is more to do."""
        self._limiter.left(self)

    def excuse(self) -> None:
        """Say that the result of what its actor is at is not wanted."""
        self._limiter.excuse((self,))

    def set_urgent(self, *, urgent: bool) -> None:
        """Say whether what comes next undoes. If that is news, it gets in line anew."""
        if self.urgent is not urgent:
            self.urgent = urgent
            self._limiter.changed(self)
