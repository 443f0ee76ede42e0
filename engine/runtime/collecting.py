"""The garbage collector rests while a turn is made.

A turn makes many small objects that stay, or die with it, so the collector would look through the whole world over and
over and find nothing: with 12,000 resources that took two fifths of the time. What a large turn leaves counts as old at
once: to look through it as new took another tenth, and with 60,000 resources a sixth.
"""

from __future__ import annotations

import gc
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_MANY: Final = 20_000
"""Objects that a turn has made and that are still there: then it was a large one."""

_resting: Final = threading.Event()
"""Set while it is we who keep it from its work."""


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Leave the collector alone if somebody else has stopped it; otherwise stop it for a while."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    _resting.set()
    try:
        yield
    finally:
        if gc.get_count()[0] > _MANY and not gc.get_freeze_count():  # nobody else freezes anything
            gc.freeze()
            gc.unfreeze()  # to the oldest generation
        _resting.clear()
        gc.enable()


def _collect_again() -> None:
    """In a process that was forked in the middle of a turn nobody comes to the end of it."""
    if _resting.is_set():
        _resting.clear()
        gc.enable()


os.register_at_fork(after_in_child=_collect_again)
