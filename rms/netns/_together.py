"""What several threads ask for at the same time, done in one go."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_MOMENT: Final = 0.001
"""Seconds, much less than it takes to serve anybody."""

_Asked = TypeVar("_Asked")
_Got = TypeVar("_Got")


class _Request(Generic[_Asked, _Got]):
    def __init__(self, asked: _Asked) -> None:
        self.asked = asked
        self.got: _Got | None = None
        self.error: Exception | None = None
        self.done = False


class Together(Generic[_Asked, _Got]):
    """Who comes first does it for all who come with him; those who come meanwhile wait, and the next one does theirs.

    Args:
        act: does what is asked; gives one answer for each, in order. What it raises is raised to all of them.
    """

    def __init__(self, act: Callable[[Sequence[_Asked]], Sequence[_Got]]) -> None:
        self._act = act
        self._queued: list[_Request[_Asked, _Got]] = []
        self._busy = False
        self._news = threading.Condition()

    def ask(self, asked: _Asked) -> _Got:
        """Have it done, and give the answer."""
        mine: _Request[_Asked, _Got] = _Request(asked)
        with self._news:
            self._queued.append(mine)
            # Who was served goes at once: it must not wait while somebody else is.
            self._news.wait_for(lambda: mine.done or not self._busy)
            serving = not mine.done
            self._busy = self._busy or serving
        if serving:
            self._serve()
        if mine.error is not None:
            raise mine.error
        return mine.got  # type: ignore[return-value]  # it is done and there is no error, so this is the answer

    def _serve(self) -> None:
        self._gather()
        with self._news:
            requests, self._queued = self._queued, []
        try:
            for request, got in zip(requests, self._act([each.asked for each in requests]), strict=True):
                request.got = got
        except Exception as error:  # noqa: BLE001 - whoever asked is told
            for request in requests:
                request.error = error
        finally:
            with self._news:
                self._busy = False
                for request in requests:
                    request.done = True
                self._news.notify_all()

    def _gather(self) -> None:
        """Wait as long as more come: those that were served together come back together, one after the other."""
        known = 0
        while len(self._queued) > known:
            known = len(self._queued)
            time.sleep(_MOMENT)
