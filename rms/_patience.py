"""Hosts that do not answer, within a hook."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.rm.transport import TransportLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from structlog.stdlib import BoundLogger

    from engine.rm.base import Intent

_T = TypeVar("_T")

_LONGEST: Final = 15.0  # seconds between two tries
_LOOK: Final = 0.2  # seconds after which a pause sees that the result is not wanted any more


def until_answered(intent: Intent, log: BoundLogger, act: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """Does something on a host, and again after growing pauses until the host answers.

    It must be something that may be done twice.

    Raises:
        TransportLost: the result is not wanted any more.
    """
    for pause in _pauses():
        try:
            return act(*args, **kwargs)
        except TransportLost as lost:
            if intent.cancelled:
                raise
            log.warning("the host does not answer, trying again", host=lost.host, why=lost.why, pause=pause)
            _rest(intent, pause)
    raise AssertionError("the pauses never end")


def _pauses() -> Iterator[float]:
    pause = 0.25
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST)


def _rest(intent: Intent, seconds: float) -> None:
    end = time.monotonic() + seconds
    while not intent.cancelled and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK))
