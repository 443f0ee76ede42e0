"""One thread for everything: fibers that take turns in an order that a seed decides, under a clock that jumps.

A fiber runs until it waits for something. Then the next one is picked among those that can go on; when there is none,
the time jumps to the next timer. So an hour of waiting costs nothing, and the same seed gives the same run.
"""

from __future__ import annotations

import sys
from collections import deque
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, TypeVar

import pykka
from greenlet import GreenletExit, getcurrent, greenlet

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random
    from types import TracebackType

    from engine.testing.simulation.simulation import Simulation

_T = TypeVar("_T")

NS: Final = 1_000_000_000
"""Nanoseconds in a second."""

BEGINNING: Final = 1_767_225_600 * NS
"""When every simulation begins: 2026-01-01, 00:00 UTC, in ns since 1970."""

_MOST_STEPS: Final = 2_000_000
"""After so many steps at one moment nobody will ever wait for a later one."""


class Died(GreenletExit):
    """The process that this code is running in has died: nothing that it does any more has any effect."""


class Stuck(Exception):
    """The simulation cannot come to its end; the message says who waits for what."""


class Owner(Protocol):
    """Whose fibers these are: they die with it.

    Attributes:
        name: what it is called in messages.
        alive: whether it is there.
        held: the fibers that could go on if it were not paused; None if it is not.
        fibers: those that have not ended, in order of their beginning.
    """

    name: str
    alive: bool
    held: list[Fiber] | None
    fibers: dict[Fiber, None]


class Fiber(greenlet):
    """A strand of the simulation: what a thread is elsewhere.

    Attributes:
        hub: where it runs.
        owner: with whom it dies.
        name: what it is called in messages.
        waits_for: what it waits for, in words.
        turn: how many times it has waited: who comes too late to wake it does not wake it from another wait.
        ending: whether it has been told to come to its end.
    """

    def __init__(self, hub: Hub, owner: Owner, name: str, job: Callable[[], object]) -> None:
        super().__init__(self._run, hub.root)
        self.hub = hub
        self.owner = owner
        self.name = name
        self.waits_for = ""
        self.turn = 0
        self.ending = False
        self._job = job

    def _run(self) -> None:
        try:
            self._job()
        finally:
            self.owner.fibers.pop(self, None)


def here() -> Fiber:
    """The fiber that this code is running in.

    Raises:
        RuntimeError: in none.
    """
    fiber = getcurrent()
    if not isinstance(fiber, Fiber):
        where = "in a script given to Simulation.run(), or in a hook"
        raise RuntimeError(f"this is possible only within a simulation: {where}")  # noqa: TRY004 - the place is wrong
    return fiber


class Waker:
    """Wakes a fiber from what it is about to wait for: once, and from nothing else."""

    __slots__ = ("_fiber", "_turn", "_wake")

    def __init__(self, fiber: Fiber, wake: Callable[[Fiber], None]) -> None:
        fiber.turn += 1
        self._fiber = fiber
        self._turn = fiber.turn
        self._wake = wake

    @property
    def is_late(self) -> bool:
        """Whether the fiber no longer waits for this."""
        return self._fiber.turn != self._turn or not self._fiber.owner.alive

    def __call__(self) -> None:
        """Wake it."""
        if self._fiber.turn == self._turn:
            self._fiber.turn += 1
            self._wake(self._fiber)


class Hub:
    """Who runs next, and what time it is.

    Args:
        order: decides who runs next.
        on_step: told before each step of a fiber.

    Attributes:
        now: ns since 1970.
        simulation: of which this is a part.
        root: where the fibers come back to: whoever made the hub.
        running: whether fibers are running.
        limit: the time at which to give up, in ns since 1970.
    """

    def __init__(self, order: Random, on_step: Callable[[], None]) -> None:
        self.now = BEGINNING
        self.simulation: Simulation
        self.root = getcurrent()
        self.running = False
        self.limit = BEGINNING
        self._random = order.random
        self._on_step = on_step
        self._ready: list[Fiber] = []
        self._timers: list[tuple[int, int, Callable[[], object]]] = []
        self._count = count()
        self._doomed: deque[Fiber] = deque()
        self._steps = 0

    # --- for fibers ---------------------------------------------------------------------------------------------

    def wait(self, what: str) -> None:
        """Let others run until somebody wakes this fiber.

        Raises:
            Died: its process died meanwhile.
        """
        fiber = here()
        if fiber.ending or not fiber.owner.alive:
            raise Died
        fiber.waits_for = what
        try:
            self.root.switch()
        except GreenletExit:  # also when a simulation that nobody holds any more is collected
            fiber.ending = True
            raise

    def pause(self) -> None:
        """Let others run, and go on when it is one's turn."""
        self._ready.append(here())
        self.wait("its turn")

    def sleep(self, seconds: float | None) -> None:
        """Let this time go by; None for ever."""
        fiber = here()
        if seconds is None:
            self.wait("ever")
        elif seconds > 0.0:
            self.after(seconds, self.waker(fiber))
            self.wait("time to go by")
        else:
            self.pause()

    def waker(self, fiber: Fiber) -> Waker:
        """What wakes a fiber from what it is about to wait for."""
        return Waker(fiber, self._ready.append)

    # --- for everybody ------------------------------------------------------------------------------------------

    def spawn(self, owner: Owner, name: str, job: Callable[[], object]) -> None:
        """Have a job run in a fiber of its own. Nothing comes of it if its owner is dead."""
        if owner.alive:
            fiber = Fiber(self, owner, name, job)
            owner.fibers[fiber] = None
            self._ready.append(fiber)

    def after(self, seconds: float, act: Callable[[], object]) -> None:
        """Call this once so much time has gone by. It must not wait."""
        self.at(self.now + round(seconds * NS), act)

    def at(self, due: int, act: Callable[[], object]) -> None:
        """Call this at a time (ns since 1970). It must not wait."""
        heappush(self._timers, (due, next(self._count), act))

    def is_within(self, owner: Owner) -> bool:
        """Whether this code is running in a fiber of this owner."""
        current = getcurrent()
        return isinstance(current, Fiber) and current.owner is owner

    def kill(self, owner: Owner) -> None:
        """Let all fibers of an owner that is dead come to their end. One that calls this raises `Died` itself."""
        current = getcurrent()
        self._doomed.extend(fiber for fiber in owner.fibers if fiber is not current)
        if current is self.root:
            self._bury()

    def resume(self, owner: Owner) -> None:
        """Let the fibers of an owner that was paused go on."""
        held, owner.held = owner.held, None
        self._ready.extend(held or ())

    # --- the loop -----------------------------------------------------------------------------------------------

    def run(self, until: Callable[[], bool]) -> None:
        """Let fibers run until something is so.

        Raises:
            Stuck: it will never be.
        """
        if getcurrent() is not self.root:
            raise RuntimeError("a simulation is run from where it was made, not from within itself")
        self.running = True
        try:
            while not until():
                if self._ready:
                    self._step()
                else:
                    self._jump()
        finally:
            self.running = False

    def _step(self) -> None:
        self._steps += 1
        if self._steps > _MOST_STEPS:
            raise Stuck(f"{_MOST_STEPS} steps have been made without any time going by")
        ready = self._ready
        place = int(self._random() * len(ready)) if len(ready) > 1 else 0
        fiber = ready[place]
        last = ready.pop()
        if fiber is not last:
            ready[place] = last
        owner = fiber.owner
        if owner.held is not None:
            owner.held.append(fiber)
        elif owner.alive:
            self._on_step()
            if owner.alive:
                fiber.switch()
        if self._doomed:
            self._bury()

    def _jump(self) -> None:
        """Go on to the next timer that anybody waits for."""
        while self._timers and isinstance(self._timers[0][2], Waker) and self._timers[0][2].is_late:
            heappop(self._timers)
        if not self._timers:
            raise Stuck("nothing can happen any more")
        due = self._timers[0][0]
        if due > self.limit:
            raise Stuck("it takes longer than the simulation was allowed to")
        if due > self.now:
            self.now, self._steps = due, 0
        while self._timers and self._timers[0][0] <= self.now:
            heappop(self._timers)[2]()

    def _bury(self) -> None:
        while self._doomed:
            fiber = self._doomed.popleft()
            if fiber:  # it has begun, and has not ended
                fiber.throw(Died)
            fiber.owner.fibers.pop(fiber, None)


class SimFuture(pykka.Future[_T]):
    """A future for fibers. What comes first counts: one that is set is not set again."""

    def __init__(self, what: str = "an answer") -> None:
        super().__init__()
        self.what = what
        self.is_set = False
        self._value: Any = None
        self._error: BaseException | None = None
        self._wakers: list[Callable[[], None]] = []

    def get(self, *, timeout: float | None = None) -> _T:
        """The value, once it is there; see `pykka.Future.get`."""
        self.wait(timeout)
        if self._error is not None:
            raise self._error
        value: _T = self._value
        return value

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is there.

        Raises:
            pykka.Timeout: it was not after so many seconds.
        """
        if self.is_set:
            return
        fiber = here()
        wake = fiber.hub.waker(fiber)
        self._wakers.append(wake)
        if timeout is not None:
            fiber.hub.after(timeout, wake)
        fiber.hub.wait(self.what)
        if not self.is_set:
            raise pykka.Timeout(f"{timeout} seconds")

    def set(self, value: _T | None = None) -> None:
        """Say what the value is."""
        self._settle(value, None)

    def set_exception(
        self, exc_info: tuple[type[BaseException], BaseException, TracebackType | None] | Any = None
    ) -> None:
        """Say what is raised instead of a value. Without an argument: what is being handled."""
        _, error, traceback = exc_info or sys.exc_info()
        assert error is not None
        self._settle(None, error.with_traceback(traceback))

    def _settle(self, value: Any, error: BaseException | None) -> None:
        if not self.is_set:
            self.is_set, self._value, self._error = True, value, error
            wakers, self._wakers = self._wakers, []
            for wake in wakers:
                wake()


class SimLock:
    """A lock for fibers. Its holder may take it again."""

    def __init__(self) -> None:
        self._holder: Fiber | None = None
        self._depth = 0
        self._wakers: deque[Callable[[], None]] = deque()

    def __enter__(self) -> Self:
        fiber = here()
        while self._holder not in (None, fiber):
            self._wakers.append(fiber.hub.waker(fiber))
            fiber.hub.wait("a lock")
        self._holder = fiber
        self._depth += 1
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._depth -= 1
        if self._depth == 0:
            self._holder = None
            if self._wakers:
                self._wakers.popleft()()
