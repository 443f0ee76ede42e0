"""A host that has answered, and then does not: whoever reads from it waits for it, and goes on where he was."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.rm.transport import TransportLost

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
"""Seconds between two tries: each twice as long as the one before."""


class Patience:
    """Asks a host again that does not answer any more (`engine.rm.fetching.Ask`). One that never did is not waited for.

    Args:
        seconds: how long it may take until it answers again.
        tell: told each time that it is lost.
    """

    def __init__(self, seconds: float, tell: Callable[[str], None]) -> None:
        self._seconds = seconds
        self._tell = tell
        self._answered = False

    def __call__(self, act: Callable[..., _T], /, *args: Any) -> _T:
        """What it returns.

        Raises:
            TransportLost: the host never answered, or has not for too long.
        """
        try:
            result = act(*args)
        except TransportLost as lost:
            if not self._answered:
                raise
            self._tell(f"{lost.host} does not answer any more, trying again: {lost.why}")
            result = self._again(act, *args)
        self._answered = True
        return result

    def _again(self, act: Callable[..., _T], /, *args: Any) -> _T:
        pause, end = _FIRST_PAUSE, time.monotonic() + self._seconds
        while True:
            time.sleep(pause)
            try:
                return act(*args)
            except TransportLost:
                if time.monotonic() >= end:
                    raise
            pause = min(2 * pause, _LONGEST_PAUSE)
