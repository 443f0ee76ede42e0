"""Functions of the user's that are called at a time."""

from __future__ import annotations

import traceback
from enum import Enum
from typing import TYPE_CHECKING, Any

from engine.rm.secret import message_of

if TYPE_CHECKING:
    from collections.abc import Callable


class TaskStatus(Enum):
    """What has become of a task."""

    NEW = 0
    DONE = 1
    ERROR = 2


class Task:
    """A function that is called at a time.

    Attributes:
        status: whether it has been called, and how that went.
        result: what it returned, or the text of the traceback of what it raised.
    """

    def __init__(self, callback: Callable[[], Any]) -> None:
        self.status = TaskStatus.NEW
        self.result: Any = None
        self._callback = callback

    def call(self) -> str | None:
        """Call the function; the message of what it raised, or None. The engine calls this, once."""
        try:
            self.result = self._callback()
        except BaseException as error:  # noqa: BLE001 - what it raises goes to the task, never to the engine
            self.result = _traceback()
            self.status = TaskStatus.ERROR
            return f"{type(error).__name__}: {message_of(error)}"
        self.status = TaskStatus.DONE
        return None


def _traceback() -> str:
    try:
        return traceback.format_exc()
    except BaseException:  # noqa: BLE001 - an exception's own code may fail at telling what it is
        return "no traceback can be made of it"
