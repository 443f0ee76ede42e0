"""What several threads ask for at the same time, done in one go."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Asked = TypeVar("_Asked")
_Got = TypeVar("_Got")


class _Request(Generic[_Asked, _Got]):
    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self.got: _Got | None = None
        self.error: Exception | None = None
        self.done = False
        self.news = threading.Event()  # it is done, or it is its turn to see to all that is asked


class Together(Generic[_Asked, _Got]):
    """Who comes first does it for himself; those who come meanwhile wait, and one of them does it for them all.

    Args:
        act: does what is asked; gives one answer for each, in order. What it raises is raised to all of them.
    """

    def __init__(self, act: Callable[[Sequence[_Asked]], Sequence[_Got]]) -> None:
        self._act = act
        self._queued: list[_Request[_Asked, _Got]] = []
        self._busy = False
        self._lock = threading.Lock()

    def ask(self, asked: _Asked) -> _Got:
        """Have it done, and give the answer."""
        mine: _Request[_Asked, _Got] = _Request(asked)
        with self._lock:
            self._queued.append(mine)
            waits, self._busy = self._busy, True
        if waits:
            mine.news.wait()
        if not mine.done:
            self._serve()
        if mine.error is not None:
            raise mine.error
        return mine.got  # type: ignore[return-value]  # it is done and there is no error, so this is the answer

    def _serve(self) -> None:
        with self._lock:
            requests, self._queued = self._queued, []
        try:
            for request, got in zip(requests, self._act([each.asked for each in requests]), strict=True):
                request.got = got
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            for request in requests:
                request.error = error
        finally:
            self._hand_on()
            for request in requests:
                request.done = True
                request.news.set()

    def _hand_on(self) -> None:
        """Have one of those who have come meanwhile serve them, first of all: the host need not wait for us."""
        with self._lock:
            self._busy = bool(self._queued)
            if self._queued:
                self._queued[0].news.set()
