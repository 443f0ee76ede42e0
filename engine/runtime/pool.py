"""The threads on which actors run."""

from __future__ import annotations

import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol, TypeAlias

from engine.diagnostics import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

    Job: TypeAlias = Callable[[], "Job | None"]
    """What it returns is run next: by the same worker, since to wake another one takes as long as a short job."""

_log = get_logger()


class Executor(Protocol):
    """Whoever gives actors a thread for a while: the pool, or the simulation with its seeded order."""

    def submit(self, job: Callable[[], None]) -> None:
        """Run the job soon."""


class Chain(Executor, Protocol):
    """An executor that goes on with what a job returns."""

    def submit(self, job: Job) -> None:
        """Run the job soon, and what it returns next."""


class Workers(Chain, Protocol):
    """An executor with workers of its own."""

    def close(self) -> None:
        """Let them end once they have done what was submitted. Does not wait for them."""


class Pool:
    """So many workers at the most, each a daemon thread that is made when it is first needed.

    Daemons, because a script that ends without shutting down lets its experiment go on without it, and must not wait
    for a hook that takes an hour.
    """

    def __init__(self, size: int, name: str) -> None:
        self._size = size
        self._name = name
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._idle = 0
        self._closed = False

    def submit(self, job: Job) -> None:
        """Run the job on the next free worker."""
        with self._lock:
            if self._closed:  # the workers are on their way out: one thread, for this job alone
                threading.Thread(target=self._do, args=(job,), name=f"{self._name}-late", daemon=True).start()
                return
            if self._idle > 0:
                self._idle -= 1
            elif self._threads < self._size:
                self._threads += 1
                threading.Thread(target=self._work, name=f"{self._name}-{self._threads}", daemon=True).start()
            self._jobs.put(job)

    def close(self) -> None:
        """Let the workers end once they have done what was submitted. Does not wait for them."""
        with self._lock:
            self._closed = True
            for _ in range(self._threads):
                self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._do(job)
            del job  # what it holds may be large, and the next one may be long in coming
            with self._lock:
                self._idle += 1

    @staticmethod
    def _do(job: Job) -> None:
        following: Job | None = job
        try:
            while following is not None:
                following = following()
        except BaseException:  # noqa: BLE001 - whatever it is, the worker goes on
            _log.exception("a job raised")
