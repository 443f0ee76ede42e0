"""What a script may use beside its experiment so that it can be run again: time, chance, and doing things once."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from engine import raised
from engine.core import events
from engine.core.errors import Interrupted, UsageError
from engine.core.values import check_plain, copied
from engine.core.world import EXPERIMENT
from engine.dates import to_datetime
from engine.looking import Looking
from engine.rm.attributes import to_bool
from engine.runtime.script import this_thread, untold
from engine.tasks import Task

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from engine.dates import Date

_T = TypeVar("_T")


class Scripting(Looking):
    """The part of `ExperimentController` that a script which may be run again uses for what is not the experiment."""

    _tasks: dict[int, Task]
    _chance: dict[str, Random]

    def now(self) -> datetime:
        """The time. A script that is run again is told the time that it was then."""
        return to_datetime(self._calls.now())

    @property
    def random(self) -> Random:
        """Chance: each run has its own, and a script that is run again meets the same. Each thread has its own, too."""
        thread = this_thread()
        chance = self._chance.get(thread)
        if chance is None:
            chance = self._chance[thread] = Random(f"{self.run_id}/{thread}")  # noqa: S311 - no secret is made of it
        return chance

    def step(self, function: Callable[..., _T], *args: Any, retry: bool = False) -> _T:
        """Do something of the script's own once, such as to write to a database: when it is run again, it is not done.

        That it begins is on disk before, and what it returned before anything else is done. What it calls of the
        controller is a part of it.

        Args:
            function: does it.
            args: are given to it.
            retry: whether it may be done again if the controller dies meanwhile.

        Returns:
            What the function returns, which has to be a plain value: None, bool, int, float, str, bytes, or lists and
            dicts with string keys of these.

        Raises:
            Interrupted: the controller died while it was done before; nobody knows how far it came.
            UsageError: what it returned cannot be kept; it is done.
            Exception: what the function raises. Also when the script is run again, then without a traceback.
        """
        if not callable(function):
            raise UsageError(f"a step calls a function, not {function!r}")
        may_retry = to_bool(retry, "retry")
        self._calls.refuse_within("take a step of the script")
        name = getattr(function, "__qualname__", type(function).__name__)
        begun, is_past = self._calls.begin_effect(lambda kernel: kernel.emit(events.EffectBegun(EXPERIMENT, name)))
        done = self._calls.recall_effect(begun)
        if done is not None:
            if done.error is not None:
                raise raised.to_error(done.error)
            return cast("_T", copied(done.result))
        return self._do(begun, name, function, args, interrupted=is_past and not may_retry)

    def _do(
        self, begun: events.Entry, name: str, function: Callable[..., _T], args: tuple[Any, ...], *, interrupted: bool
    ) -> _T:
        def done(result: Any, error: dict[str, Any] | None) -> None:
            event = events.EffectDone(EXPERIMENT, begun.seq, result, error)
            self._calls.ask(lambda kernel: kernel.emit(event, begun.seq))

        try:
            if interrupted:
                _refuse(name, begun.seq)
            with untold():
                result = function(*args)
            check_plain(result, f"what {name} returned")
        except Exception as error:
            done(None, raised.to_plain(error))
            raise
        done(copied(result), None)
        return result

    # --- tasks --------------------------------------------------------------------------------------------------

    def schedule(self, date: Date, callback: Callable[[], Any], track: bool = False) -> int:
        """Have a function called at a time. What it raises goes to its task.

        Args:
            date: ``"1.5m"``, seconds, a timedelta, a datetime, or ``YYYYMMDDHHMMSSffffff``.
            callback: called without arguments, on a thread of its own. It may call the controller, and wait.
            track: whether `get_task` is to know it.

        Returns:
            The number of the task.

        Raises:
            UsageError: the date cannot be read.
        """
        if not callable(callback):
            raise UsageError(f"a task calls a function without arguments, not {callback!r}")
        task = Task(callback)
        number = self._calls.schedule(date, task)
        if to_bool(track, "track"):
            self._tasks[number] = task
        return number

    def get_task(self, tid: int) -> Task | None:
        """The task of that number, if it is tracked."""
        return self._tasks.get(tid)


def _refuse(name: str, begun: int) -> NoReturn:
    raise Interrupted(
        f"{name} had begun (event {begun}) when the controller died, and nobody knows how far it came: see what there "
        f"is and catch this, or have it done again with retry=True"
    )
