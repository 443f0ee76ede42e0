"""The functions that a script had given to `schedule`, when it is run again."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from engine.core import events
from engine.runtime import script
from engine.runtime.script import in_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.tasks import Task


class Tasks:
    """The functions that a script had scheduled: those that were called are called again, each on its own thread."""

    def __init__(self, entries: Iterable[events.Entry]) -> None:
        self._returned: dict[int, str | None] = {}
        self._tell: Callable[[int, str | None], None] | None = None
        self._functions: dict[int, Task] = {}
        self._by: dict[int, str] = {}
        self._begun: dict[int, int] = {}
        self._done: set[int] = set()
        self._lock = threading.Lock()
        for entry in entries:
            match entry.event:
                case events.TaskBegun(_, task):
                    self._begun[task] = entry.seq
                case events.TaskDone(_, task):
                    self._done.add(task)

    def adopt(self, number: int, task: Task) -> None:
        """Know the function of a task, which this thread has scheduled."""
        self._functions[number], self._by[number] = task, script.this_thread()

    def go_live(self, tell: Callable[[int, str | None], None]) -> None:
        """Tell of their ends from now on."""
        with self._lock:
            self._tell = tell
            returned = dict(self._returned)
        for number, error in returned.items():
            tell(number, error)

    @property
    def left(self) -> dict[int, Task]:
        """Those that have not come to their end."""
        return {number: task for number, task in self._functions.items() if number not in self._done}

    def start(self, thread: str, seq: int | None) -> None:
        """Call those of a thread that were called before an event; None for all."""
        with self._lock:
            due = [
                number
                for number, by in self._by.items()
                if by == thread and number in self._begun and (seq is None or self._begun[number] <= seq)
            ]
            for number in due:
                del self._by[number]
        for number in due:
            threading.Thread(target=self._call, args=(number,), name=f"netreel-past-{number}", daemon=True).start()

    def _call(self, number: int) -> None:
        with in_task(number):
            error = self._functions[number].call()
        if number in self._done:
            return
        with self._lock:
            self._returned[number] = error
            tell = self._tell
        if tell is not None:
            tell(number, error)
