"""What several threads ask for at the same time, done in one go."""

from __future__ import annotations

import threading
from queue import SimpleQueue
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
        self.done: SimpleQueue[bool] = SimpleQueue()  # whether it is, or it is its turn to see to all that is asked


class Together(Generic[_Asked, _Got]):
    """Who comes first does it for himself; those who come meanwhile wait, and one of them does it for them all.

    Args:
        act: does what is asked; gives one answer for each, in order. What it raises is raised to all of them. Called by
            as many threads at once as may be abreast.
        abreast: how often it may be under way at once. With two, whoever does it has the next before he has answered.
    """

    def __init__(self, act: Callable[[Sequence[_Asked]], Sequence[_Got]], abreast: int = 1) -> None:
        self._act = act
        self._free = abreast
        self._queued: list[_Request[_Asked, _Got]] = []  # nobody, as long as one is free
        self._lock = threading.Lock()

    def ask(self, asked: _Asked) -> _Got:
        """Have it done, and give the answer."""
        mine: _Request[_Asked, _Got] = _Request(asked)
        if self._waits(mine) and mine.done.get():
            return self._answer(mine)
        self._serve(mine)
        return self._answer(mine)

    def _waits(self, request: _Request[_Asked, _Got]) -> bool:
        with self._lock:
            if self._free == 0:
                self._queued.append(request)
                return True
            self._free -= 1
            return False

    @staticmethod
    def _answer(request: _Request[_Asked, _Got]) -> _Got:
        if request.error is not None:
            raise request.error
        return request.got  # type: ignore[return-value]  # it is done and there is no error, so this is the answer

    def _serve(self, first: _Request[_Asked, _Got]) -> None:
        with self._lock:
            requests, self._queued = [first, *self._queued], []
        try:
            for request, got in zip(requests, self._act([each.asked for each in requests]), strict=True):
                request.got = got
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            for request in requests:
                request.error = error
        finally:
            self._hand_on()
            for request in requests[1:]:
                request.done.put(True)

    def _hand_on(self) -> None:
        """Have one of those who have come meanwhile serve them, first of all: the host need not wait for us."""
        with self._lock:
            if self._queued:
                self._queued.pop(0).done.put(False)
            else:
                self._free += 1
