"""What several ask for at the same time, done in one go."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, TypeVar

from engine.rm.awaited import Awaited, wait_for

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.rm.awaited import Waiting

_Asked = TypeVar("_Asked")
_Got = TypeVar("_Got")


class _Request(Generic[_Asked, _Got]):
    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self.answered = Awaited()
        self.got: _Got | None = None
        self.error: Exception | None = None

    def answer(self) -> _Got:
        if self.error is not None:
            raise self.error
        return self.got  # type: ignore[return-value]  # it is done and there is no error, so this is the answer


class Together(Generic[_Asked, _Got]):
    """Who comes first does it for himself; what others ask for meanwhile is then done for them all.

    Args:
        act: does what is asked; gives one answer for each, in order. What it raises is raised to all of them. Called by
            as many threads at once as may be abreast.
        abreast: how often it may be under way at once. With two, the next is there before one is answered.
        most: how many may be served in one go.
    """

    def __init__(
        self, act: Callable[[Sequence[_Asked]], Sequence[_Got]], abreast: int = 1, most: int | None = None
    ) -> None:
        self._act = act
        self._free = abreast
        self._most = most
        self._queued: list[_Request[_Asked, _Got]] = []  # nobody, as long as one is free
        self._lock = threading.Lock()

    def ask(self, asked: _Asked) -> _Got:
        """Have it done, and give the answer."""
        return wait_for(self.asking(asked))

    def asking(self, asked: _Asked) -> Waiting[_Got]:
        """The same for a hook, which holds no worker while others are served."""
        mine: _Request[_Asked, _Got] = _Request(asked)
        if self._waits(mine):
            yield mine.answered
        else:
            try:
                self._serve([mine])
            finally:
                self._hand_on()
        return mine.answer()

    def _waits(self, request: _Request[_Asked, _Got]) -> bool:
        with self._lock:
            if self._free == 0:
                self._queued.append(request)
                return True
            self._free -= 1
            return False

    def _serve(self, requests: Sequence[_Request[_Asked, _Got]]) -> None:
        try:
            for request, got in zip(requests, self._act([each.asked for each in requests]), strict=True):
                request.got = got
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            for request in requests:
                request.error = error

    def _hand_on(self) -> None:
        """Have those served who have come meanwhile.

        By a thread that does nothing else: one of theirs may have to wait for a worker, and whoever has one for it.
        """
        with self._lock:
            if self._queued:
                threading.Thread(target=self._serve_queued, name="together", daemon=True).start()
            else:
                self._free += 1

    def _serve_queued(self) -> None:
        while requests := self._take():
            self._serve(requests)
            for request in requests:
                request.answered.come()

    def _take(self) -> list[_Request[_Asked, _Got]]:
        """Those to serve next; if there are none, another one is free."""
        with self._lock:
            taken = self._queued[: self._most]
            del self._queued[: self._most]
            if not taken:
                self._free += 1
            return taken
