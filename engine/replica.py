"""A decision that is made once more, on the world as it was: what comes of it must be what the log holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from engine.core import events
from engine.core.apply import apply
from engine.core.encoding import to_data
from engine.core.errors import ExperimentError
from engine.core.kernel import Kernel
from engine.core.world import World

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_T = TypeVar("_T")

_LONGEST: Final = 300
_HEAD: Final = 80
_BEFORE: Final = 40
"""How much of two long texts that differ is shown: of each, from its beginning, and from before the difference."""


class Told(Struct, frozen=True):
    """A call that a log holds.

    Attributes:
        thread: see `engine.core.calls.ScriptCall`.
        number: the same.
        controller: the number of the controller that was called.
        name: of the function; "" where something came of it.
        at: where it was made.
        seq: the first event that came of it, or the one behind which it looked.
        event: the first event that came of it.
        answer: what it was answered, where that does not follow from the log.
    """

    thread: str
    number: int
    controller: int
    name: str
    at: str
    seq: int
    event: events.Event | None = None
    answer: list[Any] | dict[str, Any] | None = None

    def __str__(self) -> str:
        if self.event is None:
            return f"{self.name}() at {self.at}"
        return f"event {self.seq}, {_cut(_shown(self.event))}, at {self.at}"


def _shown(event: events.Event) -> str:
    who = f" of #{event.guid}" if event.guid else ""
    text = f"{event.kind}{who} {to_data(event)}"
    return " ".join(text.split("\\n"))


def _apart(one: str, other: str) -> tuple[str, str]:
    """Two texts, cut down to where they differ if they are long."""
    differing = (place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b)
    first = max(0, next(differing, 0) - _BEFORE)
    return _cut(one, first), _cut(other, first)


def _cut(text: str, first: int = 0) -> str:
    if len(text) <= _LONGEST:
        return text
    head = "" if first <= _HEAD else f"{text[:_HEAD]}… …"
    start = first if head else 0
    return head + text[start : start + _LONGEST] + ("…" if start + _LONGEST < len(text) else "")


class DiffersError(Exception):
    """Something else comes of a call than came of it then; the message says what.

    Attributes:
        then: what the log has instead.
    """

    def __init__(self, now: str, then: str = "") -> None:
        super().__init__(now)
        self.then = then


class Replica(Kernel):
    """Decides again on the world as it was: what comes of it must be what the log holds."""

    def __init__(self, entries: Sequence[events.Entry]) -> None:
        super().__init__(World(), 0, "", lambda _: False)
        self._log = entries
        self._told: Told

    def decide(self, told: Told, again: Callable[[Kernel], _T]) -> _T:
        """What a call was answered.

        Raises:
            DiffersError: it does not come to the same.
            ExperimentError: as it did then.
        """
        self._told = told
        self.advance(told.seq if told.event is None else told.seq - 1)
        try:
            answer = again(self)
        except ExperimentError as error:
            if told.event is not None:
                raise DiffersError(f"{type(error).__name__}: {error}") from error
            raise
        finally:
            self.entries, self.effects = [], []
            self.world.touched.clear()
        self._check_whole(told)
        return answer

    def advance(self, seq: int) -> None:
        """Go on to what was so behind an event."""
        for entry in self._log[self.world.seq : seq]:
            apply(self.world, entry)

    def emit(self, event: events.Event, cause: int = 0) -> events.Entry:  # noqa: ARG002 - as it stands in the log
        """See that it is what the log has next."""
        entry = self._log[self.world.seq] if self.world.seq < len(self._log) else None
        if entry is None or self._told.event is None or not _same(event, entry.event):
            raise self._differs(event, entry)
        apply(self.world, entry)
        return entry

    def _differs(self, event: events.Event, entry: events.Entry | None) -> DiffersError:
        if self._told.event is None or entry is None:
            return DiffersError(_cut(_shown(event)))
        now, then = _apart(_shown(event), _shown(entry.event))
        return DiffersError(now, f"event {entry.seq}, {then}, at {self._told.at}")

    def _check_whole(self, told: Told) -> None:
        """See that all has come of it again that came of it then."""
        if told.event is not None and self.world.seq < told.seq:
            raise DiffersError("nothing")
        following = self._log[self.world.seq : self.world.seq + 1]
        for entry in following if told.event is not None else ():
            is_of_it = (entry.cause, entry.call, entry.at) == (0, None, told.at)
            if is_of_it and entry.epoch == self._log[told.seq - 1].epoch:
                raise DiffersError("less", f"event {entry.seq}, {_cut(_shown(entry.event))}, at {told.at}")


def _same(now: events.Event, then: events.Event) -> bool:
    """Whether a script that asks for one asks for the other, whatever the type looks like by now, or the clock."""
    match now, then:
        case events.TypeDeclared(), events.TypeDeclared():
            return now.rtype == then.rtype
        case events.TaskScheduled(), events.TaskScheduled():
            return now.task == then.task
    return type(now) is type(then) and (now == then or repr(now) == repr(then))  # a NaN is not itself
