"""What comes later. A hook that waits for it with `yield` holds no worker meanwhile."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

_T = TypeVar("_T")


class Awaited:
    """Something that comes once, and that one waits for. All methods may be called from any thread."""

    __slots__ = ("_go_on", "_is_there", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_there = False
        self._go_on: Callable[[], object] | None = None

    def come(self) -> None:
        """Say that it is there, and have whoever waits go on. Idempotent."""
        with self._lock:
            go_on = None if self._is_there else self._go_on
            self._is_there = True
        if go_on is not None:
            go_on()

    def then(self, go_on: Callable[[], object]) -> None:
        """Have this called when it comes; at once if it has. Only one can wait."""
        with self._lock:
            self._go_on = go_on
            is_there = self._is_there
        if is_there:
            go_on()


Waiting: TypeAlias = Generator[Awaited, None, _T]
"""What is done in parts: it yields what the next part waits for, and returns what came of it all."""


def wait_for(waiting: Waiting[_T]) -> _T:
    """Do it all on this thread, which sleeps where it waits."""
    while True:
        try:
            awaited = next(waiting)
        except StopIteration as end:
            result: _T = end.value
            return result
        come = threading.Event()
        awaited.then(come.set)
        come.wait()
