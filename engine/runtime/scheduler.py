"""The actor that emits timed messages."""

from __future__ import annotations

from contextlib import suppress
from heapq import heappop, heappush
from itertools import count
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from pykka import ActorDeadError

from engine.runtime.actors import AtOnce, Mailbox, PooledActor

if TYPE_CHECKING:
    from pykka import ActorRef

    from engine.runtime.clock import Clock


class At(Struct, frozen=True):
    """Tell `to` this `message` at `due` (ns since 1970)."""

    due: int
    to: ActorRef[Any]
    message: object


class _Ring(Struct, frozen=True):
    """The alarm has rung."""


class Scheduler(PooledActor):
    """Keeps what is to be said later, and says it in time. Messages of one moment go out in the order they came.

    It never waits for anything, so it takes the thread of whoever tells it something: of the alarm, when that rings. To
    hand each ring, and each new date, to another thread cost more than all that it does, and made timers late.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__(Mailbox(AtOnce()))
        self._clock = clock
        self._heap: list[tuple[int, int, At]] = []
        self._order = count()
        self._alarm = clock.alarm(self._ring)

    def on_receive(self, message: Any) -> None:
        """Take an `At`, or see what is due."""
        if isinstance(message, At):
            heappush(self._heap, (message.due, next(self._order), message))
        self._emit_due()
        self._alarm.set(self._heap[0][0] if self._heap else None)

    def on_stop(self) -> None:
        """Forget what was to be said."""
        self._alarm.close()

    def _ring(self) -> None:
        with suppress(ActorDeadError):  # it rings on a thread of its own, maybe while this is stopped
            self.actor_ref.tell(_Ring())

    def _emit_due(self) -> None:
        now = self._clock.now()
        while self._heap and self._heap[0][0] <= now:
            _, _, due = heappop(self._heap)
            with suppress(ActorDeadError):
                due.to.tell(due.message)
