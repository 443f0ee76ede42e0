"""What the logs of a script's runs hold of its calls: the answers that it gets when it is run again.

Each thread of the script goes through its own calls, in their order. Of a call that something came of, the same
decision is made again on the world as it was, and must come to the same events; of one that looked, it is made on the
world that it saw. So an answer, a refusal and a warning are what they were, without having been kept.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from typing import TYPE_CHECKING, Any, Final, TypeVar

from engine.core import events
from engine.core.errors import ScriptDiverged
from engine.past_tasks import Tasks
from engine.raised import to_error
from engine.replica import DiffersError, Replica, Told
from engine.runtime import script

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from engine.core.calls import ScriptCall
    from engine.core.kernel import Kernel
    from engine.core.world import World
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
            raise self._differ(now or f"it calls {call.name}() at {call.at}", then or str(told), told.thread)
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

    def _differ(self, now: str, then: str, thread: str = "") -> ScriptDiverged:
        where = (
            f" in its thread {thread!r}; threads that share work by chance are to be named after it" if thread else ""
        )
        self._diverged = ScriptDiverged(
            f"the script differs from its log{where}. Now: {now}. Then: {then}. What it does now was not done. Take "
            f"the time from ec.now(), chance from ec.random, and do in ec.step() what comes out differently; to run "
            f"what was added at the end of the script, accept it (--accept)"
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
        self.tasks = Tasks(entries)
        self._replicas: dict[str, Replica] = {}

    def answer(self, call: ScriptCall, again: Callable[[Kernel], _T]) -> tuple[_T] | None:
        """What a call was answered; None if the log does not hold it.

        Raises:
            ScriptDiverged: the log holds another one.
        """
        told = self._next(call)
        if told is None:
            return None
        if isinstance(told.answer, dict) and told.name == call.name:
            self.past.take(told)
            raise to_error(told.answer)
        if told.answer is not None or (told.event is None and told.name != call.name):
            self.past.accept_or_raise(call, told)
            return None
        try:
            answer = self._replica(call.thread).decide(told, again)
        except DiffersError as error:
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

    def _replica(self, thread: str) -> Replica:
        return self._replicas.setdefault(thread, Replica(self.entries))

    def is_told(self) -> bool:
        """Whether the script has made all calls again that the log holds."""
        return self.past.is_told(self.number)

    def is_over(self) -> bool:
        """Whether it was shut down, and there is nothing more to be told of it."""
        return isinstance(self.entries[-1].event, events.RunClosed) and self.is_told()

    def read_last(self, act: Callable[[World], _T], call: ScriptCall) -> _T:
        """Look at the world as the log leaves it."""
        call.seq = len(self.entries)
        replica = Replica(self.entries)
        replica.advance(call.seq)
        return act(replica.world)

    def adopt(self, number: int, task: Task) -> None:
        """Know the function that was scheduled under this number."""
        self.tasks.adopt(number, task)

    def start_tasks(self, thread: str) -> None:
        """Call the functions that a thread had scheduled and that were called before its next call."""
        told = self.past.next(thread)
        self.tasks.start(thread, None if told is None or told.controller != self.number else told.seq)
