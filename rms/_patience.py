"""Hosts that do not answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.rm.transport import TransportLost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from structlog.stdlib import BoundLogger

    from engine.rm.base import Intent

__all__ = ["pauses", "until_answered"]

_T = TypeVar("_T")

_LONGEST: Final = 15.0  # seconds between two tries


def until_answered(intent: Intent, log: BoundLogger, act: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """Does something on a host, and again after growing pauses until the host answers.

    It must be something that may be done twice.

    Raises:
        TransportLost: the result is not wanted any more.
    """
    for tries, pause in enumerate(pauses()):
        try:
            answer = act(*args, **kwargs)
        except TransportLost as lost:
            if intent.cancelled:
                raise
            log.warning("the host does not answer, trying again", host=lost.host, why=lost.why, pause=pause)
            intent.doing(f"waiting for {lost.host} to answer ({lost.why})")
            intent.wait(pause)
        else:
            if tries:
                intent.doing("")
            return answer
    raise AssertionError("the pauses never end")


def pauses() -> Iterator[float]:
    """Seconds to wait before each new try: they grow, and never end."""
    pause = 0.25
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST)
