"""Commands that say when they are ready."""

from __future__ import annotations

from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final, TypeVar

from engine.rm.outcomes import Ended, Gone
from engine.rm.transport import TransportLost

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.rm.transport import Transport
    from rms.launch import Launcher

_T = TypeVar("_T")

_PATIENCE: Final = 20.0  # seconds


def until_said(
    transport: Transport, launcher: Launcher, token: str, file: str, find: Callable[[bytes], _T | None]
) -> _T | None:
    """Sleeps until something is found in what a command has written, or it has ended.

    Args:
        transport: the way to its host.
        launcher: what has started it.
        token: its name.
        file: where it writes, as "stdout".
        find: what is looked for in all that it has written so far; nothing (or false) as long as it is not there.

    Returns:
        What was found; nothing if it has ended without it.

    Raises:
        TransportLost: nobody answered, or it said nothing of it for long.
    """
    news: SimpleQueue[object] = SimpleQueue()
    path = launcher.path(token, file)
    following = transport.follow(path, 0, news.put)
    launcher.watch(token, news.put)
    has_ended = False
    try:
        while not (found := find(transport.read(path) or b"")) and not has_ended:
            has_ended = isinstance(news.get(timeout=_PATIENCE), Ended | Gone)
    except Empty:
        raise TransportLost(transport.host, f"{token} was not ready after {_PATIENCE:g} s") from None
    finally:
        following.close()
    return found or None
