"""What the logs of a script's runs hold of its calls: the answers that it gets when it is run again.

Each thread of the script goes through its own calls, in their order. Of a call that something came of, the same
decision is made again on the world as it was, and must come to the same events; of one that looked, it is made on the
world that it saw. So an answer, a refusal and a warning are what they were, without having been kept.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.core import events
from engine.core.apply import apply
from engine.core.errors import ExperimentError, ScriptDiverged
from engine.core.kernel import Kernel
from engine.core.world import World
from engine.runtime import script
from engine.runtime.script import in_task

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from engine.core.calls import ScriptCall
    from engine.rm.traces import Readable
    from engine.tasks import Task

_T = TypeVar("_T")

_ENDS: Final = (
    events.ReleaseRequested,
    events.RunClosed,
    events.TaskDone,
    events.ResourceRemoved,
    events.ExperimentWarned,
)
"""What the end of a script comes to: what is added there comes before these."""

_LONGEST: Final = 300
_HEAD: Final = 80
_BEFORE: Final = 40
"""How much of two long texts that differ is shown: of each, from its beginning, and from before the difference."""


@dataclass(frozen=True, slots=True)
class Told:
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
    text = f"{event.kind}{who} {events.to_data(event)}"
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


class _DiffersError(Exception):
    """Something else comes of a call than came of it then; the message says what.

    Attributes:
        then: what the log has instead.
    """

    def __init__(self, now: str, then: str = "") -> None:
        super().__init__(now)
        self.then = then


# --- the script -------------------------------------------------------------------------------------------------


class Past:
    """The calls that a script made.

    Args:
        token: of the script.
        runs: those of its controllers, in their order.
        accept: whether it may differ where only its end is left.
    """

    def __init__(self, token: str, runs: Sequence[PastRun], *, accept: bool = False) -> None:
        self.token = token
        self.script: script.Script
        self._accept = accept
        self._unclaimed = deque(runs)
        self._runs = list(runs)
        self._diverged: ScriptDiverged | None = None
        self._told: dict[str, deque[Told]] = {}
        self._left: Counter[int] = Counter()  # by controller
        for run in runs:
            run.past = self
        for told in sorted(_all_told(runs, token), key=lambda each: each.number):
            self._told.setdefault(told.thread, deque()).append(told)
            self._left[told.controller] += 1

    def claim(self, exp_id: str | None) -> PastRun | None:
        """The run of the next controller that the script makes; None if it made no more.

        Raises:
            ScriptDiverged: it was another experiment.
        """
        if not self._unclaimed:
            return None
        run = self._unclaimed.popleft()
        if exp_id not in (None, run.run_dir.parent.name):
            raise self._differ(f"it makes a controller of {exp_id}", f"one of {run.run_dir.parent.name}")
        return run

    def next(self, thread: str) -> Told | None:
        """The next call of a thread, if it made one more.

        Raises:
            ScriptDiverged: the script has differed before.
        """
        if self._diverged is not None:
            raise self._diverged
        told = self._told.get(thread)
        return told[0] if told else None

    def is_told(self, controller: int) -> bool:
        """Whether all calls of a controller have been made again, in whichever thread."""
        return self._left[controller] == 0

    def take(self, told: Told) -> None:
        """See that the next call of a thread is answered."""
        self._told[told.thread].popleft()
        self._left[told.controller] -= 1
        self.script.go_on_behind(told.thread, told.number)
        for run in self._runs:
            run.start_tasks(told.thread)

    def accept_or_raise(self, call: ScriptCall, told: Told, now: str = "", then: str = "") -> None:
        """Give up what is told of a thread, if the script may differ here.

        Args:
            call: that it makes.
            told: that it made.
            now: what the call comes to, if it is the same that it made.
            then: what came of it then, where that differs.

        Raises:
            ScriptDiverged: it may not.
        """
        left = self._told[told.thread]
        if not self._accept or any(each.event is not None and not isinstance(each.event, _ENDS) for each in left):
            raise self._differ(now or f"it calls {call.name}() at {call.at}", then or str(told))
        self.script.give_up(call, told.number, left[-1].number)
        self._left.subtract(each.controller for each in left)
        left.clear()

    def check_told(self) -> None:
        """See that the script has made all the calls of its main thread again.

        Raises:
            ScriptDiverged: it ended before that.
        """
        told = self.next("")
        if told is not None:
            raise self._differ("it has ended", str(told))

    def _differ(self, now: str, then: str) -> ScriptDiverged:
        self._diverged = ScriptDiverged(
            f"the script differs from its log. Now: {now}. Then: {then}. What it does now was not done. Take the time "
            f"from ec.now(), chance from ec.random, and do in ec.step() what comes out differently; to run what was "
            f"added at the end of the script, accept it (--accept)"
        )
        return self._diverged


def _all_told(runs: Sequence[PastRun], token: str) -> Iterator[Told]:
    known = {run.number for run in runs}
    found = [told for run in runs for told in _told(run, token)]
    given_up = {(told.thread, told.number) for told in found if not told.name and told.event is None}
    return (told for told in found if told.controller in known and (told.thread, told.number) not in given_up)


def _told(run: PastRun, token: str) -> Iterator[Told]:
    """What stands in the log of a run beside the events of this script."""
    is_its = False
    for entry in run.entries:
        if isinstance(entry.event, events.ControllerOpened):
            is_its = (entry.event.holder.get("script") or {}).get("token") == token
        if is_its and entry.call is not None:
            yield from _unpacked(entry, run.number)


def _unpacked(entry: events.Entry, controller: int) -> Iterator[Told]:
    number, thread, notes = (entry.call, "", ()) if isinstance(entry.call, int) else entry.call or (0, "", ())
    for seen_by, of_thread, first, count, name, at, seq, *answer in notes:
        for each in range(first, first + count):
            yield Told(of_thread, each, seen_by, name, at, seq, answer=answer[0] if answer else None)
    if number:
        yield Told(thread, number, controller, "", entry.at, entry.seq, entry.event)


# --- a run of it ------------------------------------------------------------------------------------------------


class PastRun:
    """A run as the script that made it sees it once more.

    Args:
        run_dir: its directory.
        number: of its controller, among those of the script.
        entries: its log.
        traces: finds whoever has a trace, by the number of its resource and its name.

    Attributes:
        taking_over: held by the thread that takes the run over.
    """

    def __init__(
        self, run_dir: Path, number: int, entries: Sequence[events.Entry], traces: Callable[[int, str], Readable]
    ) -> None:
        self.run_dir = run_dir
        self.number = number
        self.entries = entries
        self.taking_over = threading.RLock()
        self.past: Past
        self.trace_of = traces
        self.tasks = _Tasks(entries)
        self._replicas: dict[str, _Replica] = {}

    def answer(self, call: ScriptCall, again: Callable[[Kernel], _T]) -> tuple[_T] | None:
        """What a call was answered; None if the log does not hold it.

        Raises:
            ScriptDiverged: the log holds another one.
        """
        told = self._next(call)
        if told is None:
            return None
        if told.answer is not None or (told.event is None and told.name != call.name):
            self.past.accept_or_raise(call, told)
            return None
        try:
            answer = self._replica(call.thread).decide(told, again)
        except _DiffersError as error:
            self.past.accept_or_raise(call, told, f"{call.name}() at {call.at} comes to {error}", error.then)
            return None
        except Exception:  # as it did then
            self.past.take(told)
            raise
        self.past.take(told)
        return (answer,)

    def recall(self, call: ScriptCall) -> list[Any] | dict[str, Any] | None:
        """The answer that is kept of a call; None if the log does not hold it."""
        told = self._next(call)
        if told is None:
            return None
        if told.answer is None or told.name != call.name:
            self.past.accept_or_raise(call, told)
            return None
        self.past.take(told)
        return told.answer

    def recall_effect(self, begun: int, make_call: Callable[[], ScriptCall]) -> events.EffectDone | None:
        """What came of something that the script did by itself; None if that is not known."""
        told = self.past.next(script.this_thread())
        if told is None or not isinstance(told.event, events.EffectDone) or told.event.begun != begun:
            return None
        make_call()
        self.past.take(told)
        return told.event

    def _next(self, call: ScriptCall) -> Told | None:
        told = self.past.next(call.thread) if call.number else None
        if told is not None and told.controller != self.number:
            self.past.accept_or_raise(call, told)
            return None
        return told

    def _replica(self, thread: str) -> _Replica:
        return self._replicas.setdefault(thread, _Replica(self.entries))

    def is_told(self) -> bool:
        """Whether the script has made all calls again that the log holds."""
        return self.past.is_told(self.number)

    def is_over(self) -> bool:
        """Whether it was shut down, and there is nothing more to be told of it."""
        return isinstance(self.entries[-1].event, events.RunClosed) and self.is_told()

    def read_last(self, act: Callable[[World], _T], call: ScriptCall) -> _T:
        """Look at the world as the log leaves it."""
        call.seq = len(self.entries)
        replica = _Replica(self.entries)
        replica.advance(call.seq)
        return act(replica.world)

    def adopt(self, number: int, task: Task) -> None:
        """Know the function that was scheduled under this number."""
        self.tasks.adopt(number, task)

    def start_tasks(self, thread: str) -> None:
        """Call the functions that a thread had scheduled and that were called before its next call."""
        told = self.past.next(thread)
        self.tasks.start(thread, None if told is None or told.controller != self.number else told.seq)


class _Replica(Kernel):
    """Decides again on the world as it was: what comes of it must be what the log holds."""

    def __init__(self, entries: Sequence[events.Entry]) -> None:
        super().__init__(World(), 0, "", lambda _: False)
        self._log = entries
        self._told: Told

    def decide(self, told: Told, again: Callable[[Kernel], _T]) -> _T:
        """What a call was answered.

        Raises:
            _DiffersError: it does not come to the same.
            ExperimentError: as it did then.
        """
        self._told = told
        self.advance(told.seq if told.event is None else told.seq - 1)
        try:
            answer = again(self)
        except ExperimentError as error:
            if told.event is not None:
                raise _DiffersError(f"{type(error).__name__}: {error}") from error
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

    def _differs(self, event: events.Event, entry: events.Entry | None) -> _DiffersError:
        if self._told.event is None or entry is None:
            return _DiffersError(_cut(_shown(event)))
        now, then = _apart(_shown(event), _shown(entry.event))
        return _DiffersError(now, f"event {entry.seq}, {then}, at {self._told.at}")

    def _check_whole(self, told: Told) -> None:
        """See that all has come of it again that came of it then."""
        if told.event is not None and self.world.seq < told.seq:
            raise _DiffersError("nothing")
        following = self._log[self.world.seq : self.world.seq + 1]
        for entry in following if told.event is not None else ():
            is_of_it = (entry.cause, entry.call, entry.at) == (0, None, told.at)
            if is_of_it and entry.epoch == self._log[told.seq - 1].epoch:
                raise _DiffersError("less", f"event {entry.seq}, {_cut(_shown(entry.event))}, at {told.at}")


def _same(now: events.Event, then: events.Event) -> bool:
    """Whether a script that asks for one asks for the other, whatever the type looks like by now, or the clock."""
    match now, then:
        case events.TypeDeclared(), events.TypeDeclared():
            return now.rtype == then.rtype
        case events.TaskScheduled(), events.TaskScheduled():
            return now.task == then.task
    return type(now) is type(then) and (now == then or repr(now) == repr(then))  # a NaN is not itself


class _Tasks:
    """The functions that a script had scheduled: those that were called are called again, each on its own thread."""

    def __init__(self, entries: Iterable[events.Entry]) -> None:
        self._returned: dict[int, str | None] = {}
        self._tell: Callable[[int, str | None], None] | None = None
        self._functions: dict[int, Task] = {}
        self._by: dict[int, str] = {}
        self._begun: dict[int, int] = {}
        self._done: set[int] = set()
        self._lock = threading.Lock()
        for entry in entries:
            match entry.event:
                case events.TaskBegun(_, task):
                    self._begun[task] = entry.seq
                case events.TaskDone(_, task):
                    self._done.add(task)

    def adopt(self, number: int, task: Task) -> None:
        self._functions[number], self._by[number] = task, script.this_thread()

    def go_live(self, tell: Callable[[int, str | None], None]) -> None:
        """Tell of their ends from now on."""
        with self._lock:
            self._tell = tell
            returned = dict(self._returned)
        for number, error in returned.items():
            tell(number, error)

    @property
    def left(self) -> dict[int, Task]:
        """Those that have not come to their end."""
        return {number: task for number, task in self._functions.items() if number not in self._done}

    def start(self, thread: str, seq: int | None) -> None:
        """Call those of a thread that were called before an event; None for all."""
        with self._lock:
            due = [
                number
                for number, by in self._by.items()
                if by == thread and number in self._begun and (seq is None or self._begun[number] <= seq)
            ]
            for number in due:
                del self._by[number]
        for number in due:
            threading.Thread(target=self._call, args=(number,), name=f"netreel-past-{number}", daemon=True).start()

    def _call(self, number: int) -> None:
        with in_task(number):
            error = self._functions[number].call()
        if number in self._done:
            return
        with self._lock:
            self._returned[number] = error
            tell = self._tell
        if tell is not None:
            tell(number, error)
