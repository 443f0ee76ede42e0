"""A `threading.Event` that takes a kilobyte only if somebody waits for it."""

from __future__ import annotations

import threading
from typing import Final, cast

from msgspec import Struct

_making: Final = threading.Lock()


def latch() -> threading.Event:
    """One that is not set; it cannot be cleared."""
    return cast("threading.Event", _Latch())


class _Latch(Struct, eq=False):  # one is made for each hook that is called
    _set: bool = False
    _event: threading.Event | None = None

    def is_set(self) -> bool:
        return self._set

    def set(self) -> None:
        self._set = True
        if self._event is not None:
            self._event.set()

    def wait(self, timeout: float | None = None) -> bool:
        with _making:
            if self._event is None:
                self._event = threading.Event()
        if self._set:  # maybe before there was an event to set
            self._event.set()
        return self._event.wait(timeout)
