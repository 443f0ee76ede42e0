"""The one thread that tells of what happens on all hosts, and looks after their connections."""

from __future__ import annotations

import heapq
import threading
import time
from itertools import count
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from engine.diagnostics import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Doorbell", "Messenger", "messenger"]

_log = get_logger()


class Messenger:
    """Does jobs one after the other, on a thread that starts with the first. None of them may wait for a host."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._alarms: list[tuple[float, int, Callable[[], None]]] = []  # only its thread touches them
        self._numbers = count()  # so that two alarms of one moment need not be compared
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def post(self, job: Callable[[], None]) -> None:
        """Has a job done, after those that were posted before."""
        self._jobs.put(job)
        if self._thread is None:
            self._start()

    def post_in(self, seconds: float, job: Callable[[], None]) -> None:
        """Has a job done after some time."""
        alarm = (time.monotonic() + seconds, next(self._numbers), job)
        self.post(lambda: heapq.heappush(self._alarms, alarm))

    def _start(self) -> None:
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="ssh-messenger", daemon=True)
                self._thread.start()

    def _work(self) -> None:
        while True:
            job = self._next()
            try:
                job()
            except Exception:  # noqa: BLE001 - one bad callback must not silence the others
                _log.exception("a callback raised", callback=repr(job))

    def _next(self) -> Callable[[], None]:
        while True:
            wait = max(0.0, self._alarms[0][0] - time.monotonic()) if self._alarms else None
            try:
                return self._jobs.get(timeout=wait)
            except Empty:
                if self._alarms[0][0] <= time.monotonic():
                    return heapq.heappop(self._alarms)[2]


messenger = Messenger()
"""That of this process."""


class Doorbell(threading.Event):
    """What paramiko rings when a channel has news: posts a job, unless it is posted already."""

    def __init__(self, job: Callable[[], None]) -> None:
        super().__init__()
        self._job = job
        self._posted = False

    def set(self) -> None:
        """Called by paramiko, which holds a lock of the channel."""
        if not self._posted:
            self._posted = True
            messenger.post(self._answer)

    def clear(self) -> None:
        """Called by paramiko when one of the channel's two streams is empty: the other may not be."""

    def _answer(self) -> None:
        self._posted = False  # first: what comes from now on rings again
        self._job()
