"""Which moment is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from replay.watch.marks import Marks


class Cursor:
    """A moment of a run, or now.

    Attributes:
        time: the moment, in ns since 1970; None for now.
        seq: of the last event before it, if it is not now.
    """

    def __init__(self, marks: Marks) -> None:
        self._marks = marks
        self.time: int | None = None
        self.seq = 0

    @property
    def is_live(self) -> bool:
        """Whether it is now."""
        return self.time is None

    def live(self) -> None:
        """Go on to now, and with it."""
        self.time = None

    def go(self, time: int, now: int) -> None:
        """Go to a time; where it is `now`, go on with it from there. Both in ns since 1970."""
        if time >= now:
            self.live()
            return
        self.time = max(self._marks.start, time)
        self.seq = max(1, self._marks.at(self.time))

    def pin(self, seq: int, time: int) -> None:
        """Go to an event, at its time, which need not have been noted."""
        self.time, self.seq = time, seq

    def move(self, by: int, now: int) -> None:
        """Go on by so many ns, or back, where it is `now`."""
        if self.time is not None or by < 0:
            self.go((now if self.time is None else self.time) + by, now)

    def step(self, by: int) -> None:
        """Go on by so many events, or back."""
        if self.time is None and by > 0:
            return
        seq = (len(self._marks) if self.time is None else self.seq) + by
        if by > 0 and seq > len(self._marks):
            self.live()
        elif 0 < len(self._marks) >= seq:
            self.seq = max(1, seq)
            self.time = self._marks.time(self.seq)
