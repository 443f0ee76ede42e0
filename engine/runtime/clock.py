"""Time, as the engine is given it. Tests and the simulation bring a clock of their own."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Protocol

from engine.dates import NS

if TYPE_CHECKING:
    from collections.abc import Callable


class Alarm(Protocol):
    """Something that rings once at a time that is set, and can be set again."""

    def set(self, due: int | None) -> None:
        """Ring at `due` (ns since 1970), or never. What was set before no longer counts."""

    def close(self) -> None:
        """Never ring again."""


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> int:
        """The time in ns since 1970, UTC. It never runs backwards."""

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """An alarm that calls `ring`, on a thread of its own."""


class SystemClock:
    """The machine's clock. It is read once and carried on by the monotonic one, so steps of it move no delay."""

    def __init__(self, not_before: int = 0) -> None:
        """Begin with the machine's time, or with `not_before` (ns since 1970) if that is later."""
        self._offset = max(time.time_ns(), not_before) - time.monotonic_ns()

    def now(self) -> int:
        """The time in ns since 1970, UTC."""
        return self._offset + time.monotonic_ns()

    def alarm(self, ring: Callable[[], None]) -> Alarm:
        """An alarm that calls `ring` on a thread of its own."""
        return _SystemAlarm(self, ring)


class _SystemAlarm:
    """One thread, made when the alarm is first set."""

    def __init__(self, clock: SystemClock, ring: Callable[[], None]) -> None:
        self._clock = clock
        self._ring = ring
        self._due: int | None = None
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def set(self, due: int | None) -> None:
        with self._changed:
            self._due = due
            if self._thread is None and due is not None and not self._closed:
                self._thread = threading.Thread(target=self._watch, name="netreel-alarm", daemon=True)
                self._thread.start()
            self._changed.notify()

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def _watch(self) -> None:
        while self._wait():
            self._ring()

    def _wait(self) -> bool:
        """Until it is to ring; False once it is closed."""
        with self._changed:
            while not self._closed:
                left = None if self._due is None else self._due - self._clock.now()
                if left is not None and left <= 0:
                    self._due = None
                    return True
                self._changed.wait(None if left is None else min(left / NS, threading.TIMEOUT_MAX))
            return False
