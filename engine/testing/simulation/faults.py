"""What goes wrong in a simulated world."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from random import Random


class Injected(Exception):
    """A hook failed because the simulation wanted it to."""


class Faults(Struct, frozen=True):
    """What goes wrong, and how often: each number is a probability, unless it says otherwise.

    Attributes:
        hook_fails: that a hook raises once it has done its work.
        hook_hangs: that a hook never returns.
        hook_late: the most seconds that a hook takes longer.
        lost: that a request to a host, or its answer, is lost, so that nobody answers.
        late: the most seconds that a request or an answer takes longer.
        twice: that a host is given a request twice, or tells of an end twice.
        vanishes: that a host is no longer there when something is sent to it, or by it.
        reboots: that it reboots just then.
        away: the most seconds until it is back.
        slow_disk: the most seconds that a write to the log takes.
        crash: that the program dies at a point.
        crash_at: the points at which it dies, by number (see `Simulation.points`); or what says so, of the number and
            the label of a point.
        power: that a crash takes with it what the disk had not synced; otherwise only the process dies.
    """

    hook_fails: float = 0.0
    hook_hangs: float = 0.0
    hook_late: float = 0.0
    lost: float = 0.0
    late: float = 0.0
    twice: float = 0.0
    vanishes: float = 0.0
    reboots: float = 0.0
    away: float = 30.0
    slow_disk: float = 0.0
    crash: float = 0.0
    crash_at: Collection[int] | Callable[[int, str], bool] = field(default=())
    power: float = 0.0


class Chance:
    """Draws what goes wrong."""

    def __init__(self, faults: Faults, random: Random) -> None:
        self.faults = faults
        self._random = random

    def strikes(self, probability: float) -> bool:
        """Whether something of this probability happens now."""
        return probability > 0.0 and self._random.random() < probability

    def up_to(self, seconds: float) -> float:
        """A time of at most so many seconds."""
        return self._random.uniform(0.0, seconds) if seconds > 0.0 else 0.0

    def between(self, least: float, most: float) -> float:
        """A number between these."""
        return self._random.uniform(least, most)

    def below(self, bound: int) -> int:
        """A whole number from 0 to below this."""
        return self._random.randrange(bound)

    def crashes(self, number: int, label: str) -> bool:
        """Whether the program dies at this point."""
        planned = self.faults.crash_at
        return (planned(number, label) if callable(planned) else number in planned) or self.strikes(self.faults.crash)
