"""The threads on which actors run."""

from __future__ import annotations

import threading
from collections import deque
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

from engine.diagnostics import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable

_log = get_logger()


class Executor(Protocol):
    """Whoever gives actors a thread for a while: the pool, or the simulation with its seeded order."""

    def submit(self, job: Callable[[], None]) -> None:
        """Run the job soon."""


class Workers(Executor, Protocol):
    """An executor with workers of its own."""

    def follow(self, job: Callable[[], None]) -> None:
        """Run the job soon; said by a worker at the end of another one, which may as well do it itself."""

    def close(self) -> None:
        """Let them end once they have done what was submitted. Does not wait for them."""


class Pool:
    """So many workers at the most, each a daemon thread that is made when it is first needed.

    They are woken one after the other, each by the one before it: while jobs are short those that are awake do them
    all, and where one blocks, the next is there at once. Twenty that wake together get into each other's way.

    Daemons, because a script that ends without shutting down lets its experiment go on without it, and must not wait
    for a hook that takes an hour.

    Args:
        size: how many workers.
        name: of their threads.
        initializer: what each of them does first.
    """

    def __init__(self, size: int, name: str, initializer: Callable[[], object] | None = None) -> None:
        self._size = size
        self._name = name
        self._initializer = initializer
        self._jobs: deque[Callable[[], None]] = deque()
        self._bell: SimpleQueue[None] = SimpleQueue()
        self._lock = threading.Lock()  # of what follows; never taken for a job that finds a worker awake
        self._threads = 0
        self._idle = 0
        self._waking = False  # whether a worker is on its way: it looks for jobs once it has said that it is not
        self._closed = False

    def submit(self, job: Callable[[], None]) -> None:
        """Run the job on the next free worker."""
        self._jobs.append(job)
        if not self._waking:
            self._wake()

    def follow(self, job: Callable[[], None]) -> None:
        """Run the job soon; the worker that says this looks for one next."""
        self._jobs.append(job)

    def close(self) -> None:
        """Let the workers end once they have done what was submitted. Does not wait for them."""
        with self._lock:
            self._closed = True
            for _ in range(self._idle):
                self._bell.put(None)
            self._idle = 0

    def _wake(self) -> None:
        """Have one more worker come if there is work for it. One that is on its way sees to the next itself."""
        with self._lock:
            if self._waking or not self._jobs:
                return
            if self._idle > 0:
                self._idle -= 1
                self._waking = True
                self._bell.put(None)
            elif self._threads < self._size:
                name = f"{self._name}-{self._threads + 1}"
                threading.Thread(
                    target=self._work, name=name, daemon=True
                ).start()  # it waits for the lock that we hold
                self._threads += 1
                self._waking = True

    def _work(self) -> None:
        if self._initializer is not None:
            self._initializer()
        self._arrive()
        while (job := self._take()) is not None:
            self._do(job)
            del job  # what it holds may be large, and the next one may be long in coming

    def _arrive(self) -> None:
        with self._lock:
            self._waking = False

    def _take(self) -> Callable[[], None] | None:
        """The next job, once there is one; None if no more will come."""
        while True:
            try:
                job = self._jobs.popleft()
            except IndexError:
                if not self._wait():
                    return None
            else:
                if self._jobs and not self._waking:
                    self._wake()
                return job

    def _wait(self) -> bool:
        """Wait for another job; whether there is one, or will be."""
        with self._lock:
            if self._jobs:
                return True
            if self._closed:
                self._threads -= 1  # one that comes late finds nobody: it gets a worker for itself
                return False
            self._idle += 1
        self._bell.get()
        self._arrive()
        return True

    @staticmethod
    def _do(job: Callable[[], None]) -> None:
        try:
            job()
        except BaseException:  # noqa: BLE001 - whatever it is, the worker goes on
            _log.exception("a job raised")
