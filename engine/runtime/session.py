"""A run with a controller in charge: its log, its actors and their threads, put together and taken apart."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final, TypeVar

import pykka
from pykka.messages import _ActorStop

from engine import journal
from engine.core import messages
from engine.core.errors import BadState, Closed, ExperimentError, ResourceFailed, UsageError
from engine.core.events import ExperimentWarned
from engine.core.kernel import PATIENCE, Kernel
from engine.diagnostics import get_logger
from engine.rm.secret import message_of
from engine.runtime import coordinator
from engine.runtime.actors import ask
from engine.runtime.coordinator import Coordinator
from engine.runtime.crew import Crew
from engine.runtime.limiter import Limiter
from engine.runtime.machine import System
from engine.runtime.scheduler import Scheduler
from engine.runtime.waiters import Waiter
from engine.snapshots import SnapshotWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    import eventlog
    from engine.core.calls import ScriptCall
    from engine.core.events import Entry
    from engine.core.states import ResourceState
    from engine.core.world import World
    from engine.rm.base import ResourceManager
    from engine.runtime.clock import Clock
    from engine.runtime.crew import Place
    from engine.runtime.machine import Machine
    from engine.runtime.waiters import Outlook
    from engine.tasks import Task

_T = TypeVar("_T")

_asked_by: ContextVar[object] = ContextVar("netreel_asked_by", default=None)
"""The session whose failure policy is being asked."""

_works_for: ContextVar[object] = ContextVar("netreel_works_for", default=None)
"""The session one of whose hooks is being run."""

_RAISED: Final = (messages.HookFailed, messages.FailedByItself)
"""What tells of an exception in this process."""

_AT_ONCE: Final = 10_000
"""How many events of a turn are written together: the log takes 64 MiB, which 100,000 with long receipts may exceed."""

_log = get_logger()


class Session:
    """The running half of a controller.

    Args:
        run_dir: where the files of the run live.
        world: as rebuilt from the log, or a new one.
        writer: of the log. The session closes it.
        workers: how many hooks may run at once.
        wants_abort: the failure policy; called in a turn.
        on_failure: told once when nothing can be recorded any more.
        clock: where the time comes from, if not from the machine.
        machine: what the controller runs on.
        patience: how long a hook may take to return once its result is no longer wanted, in ns.
    """

    def __init__(
        self,
        run_dir: Path,
        world: World,
        writer: eventlog.Writer,
        workers: int,
        wants_abort: Callable[[int], bool],
        on_failure: Callable[[], None],
        clock: Clock | None = None,
        patience: int = PATIENCE,
        machine: Machine | None = None,
    ) -> None:
        self.run_dir = run_dir
        self.epoch = writer.epoch
        self.machine = machine or System()
        self.clock = clock or self.machine.clock(world.time)
        self.patience = patience
        self.closing = False
        self.closed = False
        self._why_closed = ""
        self._ending = self.machine.lock()  # who comes second returns only when all is let go
        self._pid = self.machine.pid()
        self._writer = writer
        self._wants_abort = wants_abort
        # Tokens are unique to the run, not only within it: they name things on hosts that many runs share.
        self._raised: dict[int, messages.HookFailed | messages.FailedByItself] = {}  # by guid
        self._kernel = Kernel(world, writer.epoch, run_dir.name.rpartition("-")[2], self._ask_policy, patience)
        self._control = self.machine.workers(1, "netreel-control")
        # How many hooks run is not the pool's affair: one whose result is no longer wanted must not hold up others.
        self._hooks = self.machine.workers(sys.maxsize, "netreel-hook", self._mark_worker)
        # Functions of the user's may wait for hooks, and for each other: each has a thread.
        self._callbacks = self.machine.workers(sys.maxsize, "netreel-task")
        self._snapshots = SnapshotWriter(run_dir, self._callbacks.submit)
        self._scheduler = Scheduler.start(self.clock)
        self._crew = Crew(world, self, Limiter(self._hooks, workers), self._hear, self.machine.lock)
        self._actor = Coordinator(
            self._control,
            self._callbacks,
            self._kernel,
            self._crew,
            self._append,
            self.clock,
            self._scheduler,
            on_failure,
        )
        self._actor.begin()
        self._coordinator = self._actor.actor_ref

    # --- asking -------------------------------------------------------------------------------------------------

    def ask(self, act: Callable[[Kernel], _T], call: ScriptCall | None = None, *, in_batch: bool = False) -> _T:
        """Have a request decided in a turn, and wait until what it came to is on disk.

        Args:
            act: decides, and emits what comes of it.
            call: of the script, if it is the one that asks.
            in_batch: whether to wait only until it is decided.

        Raises:
            Closed: nobody is in charge any more.
            ExperimentError: it was refused, or the controller has failed.
        """

        def unless_closing(kernel: Kernel) -> _T:
            if self.closing:
                raise Closed("this controller is being shut down: it takes nothing new any more")
            return act(kernel)

        answer: _T = self._send(coordinator.Request(unless_closing, call, in_batch))
        return answer

    def write_out(self) -> None:
        """Wait until what was described in batches is on disk, if anybody is still in charge."""
        with suppress(Closed):  # then it is
            self.ask_to_the_end(lambda _: None)

    def begin_to_close(self, why: str, call: ScriptCall | None = None) -> None:
        """Give up the pending tasks, and take no request any more but to release and to look."""

        def act(kernel: Kernel) -> None:
            self.closing = True
            kernel.drop_tasks(why)
            self._actor.drop_tasks()

        self._send(coordinator.Request(act, call))

    def ask_to_the_end(self, act: Callable[[Kernel], _T], call: ScriptCall | None = None) -> _T:
        """As `ask`, for what is also taken while the controller is being shut down."""
        answer: _T = self._send(coordinator.Request(act, call))
        return answer

    def read(self, act: Callable[[World], _T], call: ScriptCall | None = None, *, in_batch: bool = False) -> _T:
        """Look at the world. This is also possible after the end: then nothing changes any more."""
        if not self.closed:
            answer: _T = self._send(coordinator.Request(lambda kernel: act(kernel.world), call, in_batch))
            return answer
        if self._actor.failure is not None:
            raise self._actor.failure  # the world may hold what never came to be
        if call is not None:
            call.seq = self.seq
        return act(self._kernel.world)

    def rtypes(self, guids: Iterable[int]) -> list[str] | None:
        """The types of resources, which never change: to look at them takes no turn. None if one is not there."""
        found = [self._kernel.world.resources.get(guid) for guid in guids]
        known = [resource.rtype for resource in found if resource is not None]
        return known if len(known) == len(found) else None

    @property
    def seq(self) -> int:
        """The last event, or one that is about to be."""
        return self._kernel.world.seq

    def schedule(self, due: int, task: Task, call: ScriptCall | None = None, *, in_batch: bool = False) -> int:
        """Have a function called at `due` (ns since 1970); the number of its task."""
        number: int = self._send(coordinator.Schedule(due, task, call, in_batch))
        return number

    def adopt(self, tasks: Mapping[int, Task]) -> None:
        """Know the functions of tasks that were scheduled before. Only before the first turn."""
        self._actor.adopt(tasks)

    def task_returned(self, number: int, error: str | None) -> None:
        """A function that an earlier controller had called has come to its end; the message of what it raised."""
        self._hear(messages.TaskReturned(number, error))

    def is_asked_from_within(self) -> bool:
        """Whether a failure policy asks, or a hook, and not the script."""
        return _asked_by.get() is self or _works_for.get() is self

    def manager(self, guid: int) -> ResourceManager:
        """The manager of a resource. This is also possible after the end, to read what was collected."""
        place: Place = self._crew.place(guid) if self.closed else self._send(coordinator.GetManager(guid))
        return place.manager()

    def wait(
        self, guids: Iterable[int], outlook: Outlook, timeout: float | None = None, *, through_abort: bool = False
    ) -> bool:
        """Wait until these have got somewhere.

        Args:
            guids: whom to wait for.
            outlook: what for.
            timeout: seconds.
            through_abort: whether an abort of the experiment does not end the wait.

        Returns:
            Whether all of them have got there.

        Raises:
            TimeoutError: the time went by.
            BadState: a hook would wait, or the failure policy.
        """
        self.refuse_within("wait")
        future: pykka.Future[bool] = self.machine.future()
        waiter = Waiter(guids, outlook, future, through_abort=through_abort)
        self._send(coordinator.Wait(waiter))
        try:
            return future.get(timeout=None if timeout is None else min(timeout, threading.TIMEOUT_MAX))
        except pykka.Timeout:
            raise TimeoutError from None
        finally:
            if not waiter.done:
                self._hear(coordinator.GiveUp(waiter))

    def _send(self, message: object) -> Any:
        """The one way to the coordinator, for whoever waits for its answer."""
        if self.closed:
            raise Closed(self._why_closed)
        if not self.is_mine:
            raise UsageError(f"this controller belongs to process {self._pid}, from which this one was forked")
        if _asked_by.get() is self:
            return self._at_once(message)
        try:
            return ask(self._coordinator, message, self.machine.future())
        except pykka.ActorDeadError:
            raise Closed("this controller was shut down while it was asked") from None
        except UsageError as error:
            raise error.with_traceback(None)  # noqa: B904 - where in the engine it was refused is of no use to a script
        except ExperimentError as error:
            self.name_causes(error)
            raise

    def name_causes(self, error: ExperimentError) -> None:
        """Have failures that are told say what the hooks raised, if it was in this process that they did."""
        for failure in (error, *getattr(error, "failures", ())):
            if isinstance(failure, ResourceFailed):
                told = self._raised.get(failure.guid)
                if told is not None and told.error is failure.story:  # it may have failed again since then
                    failure.__cause__ = told.raised

    def refuse_within(self, what: str) -> None:
        """Refuse what would wait for whoever asks: before any of it is done.

        Raises:
            BadState: the failure policy asks, or a hook.
        """
        if _asked_by.get() is self:
            raise BadState(
                f"a failure policy cannot {what}: it is asked in the middle of a decision, which waits for it; it may "
                f"look, and make requests that return at once"
            )
        if _works_for.get() is self:
            raise BadState(
                f"a hook cannot {what}: it would hold its worker and wait for what may wait for it; it may look, make "
                f"requests that return at once, and say with ended() and failed() how it went"
            )

    def _mark_worker(self) -> None:
        """What asks from here is a hook."""
        _works_for.set(self)

    def _at_once(self, message: object) -> Any:
        """The failure policy asks, in the middle of a turn that waits for it."""
        return self._actor.decide(message)

    def _append(self, entries: list[Entry]) -> None:
        for first in range(0, len(entries), _AT_ONCE):
            self._write(entries[first : first + _AT_ONCE])
        self._snapshots.look(self._kernel.world)

    def _write(self, entries: list[Entry]) -> None:
        """Write these in one append, or, if they are too large for that, in several, each of whole calls if it can."""
        try:
            self._writer.append([journal.to_record(entry) for entry in entries])
        except ValueError:  # before anything was written
            half = len(entries) // 2
            if half == 0:
                raise
            cut = next((place for place in range(half, 0, -1) if entries[place].call is not None), half)
            self._write(entries[:cut])
            self._write(entries[cut:])

    def _ask_policy(self, guid: int) -> bool:
        """The user's policy may look at the experiment: it does so from within the turn, and must not wait for it."""
        asking = _asked_by.set(self)
        try:
            return self._wants_abort(guid)
        except BaseException as error:  # noqa: BLE001 - it is the user's code
            _log.exception("the failure policy raised, so the experiment is aborted", guid=guid)
            why = f"{type(error).__name__}: {message_of(error)}"
            message = f"the failure policy raised, so the experiment is aborted: {why}"
            self._kernel.emit(ExperimentWarned(guid, message), self._kernel.world.seq)
            return True
        finally:
            _asked_by.reset(asking)

    # --- what resource managers are given -----------------------------------------------------------------------

    def state(self, guid: int) -> ResourceState:
        """The state of a resource."""
        return self.read(lambda world: world.resources[guid].state)

    def releasing(self, guid: int) -> bool:
        """Whether the release of a resource was asked for."""
        return self.read(lambda world: world.resources[guid].releasing)

    def linked(self, guid: int, rtype: str) -> list[ResourceManager]:
        """The managers of those connected to it that are of a type, or of one that extends it."""
        # Hooks ask all the time, and what they are linked to was on disk before they began: mostly it takes no turn.
        places: list[Place] | None = self._crew.linked_places(guid, rtype)
        if places is None:
            places = self._crew.linked(guid, rtype) if self.closed else self._send(coordinator.GetLinked(guid, rtype))
        return [place.manager() for place in places]

    def trace_enabled(self, guid: int, name: str) -> bool:
        """Whether a trace of a resource is to be recorded."""
        # Without a turn, as above: what a hook has to know of was on disk before the hook began.
        world = self._kernel.world
        return world.trace_enabled(world.resources[guid], name)

    def ended(self, guid: int, code: int, token: str | None) -> None:
        """A resource came to its end by itself."""
        self._hear(messages.EndedByItself(guid, _status(code), token))

    def failed(self, guid: int, why: str, code: int | None, token: str | None) -> None:
        """A resource failed by itself."""
        error = {"type": "Failed", "message": why}
        self._hear(messages.FailedByItself(guid, error, None if code is None else _status(code), token))

    def remarked(self, guid: int, what: str) -> None:
        """A resource says what is the matter with it."""
        self._hear(messages.Remark(guid, what))

    def _hear(self, message: object) -> None:
        if isinstance(message, _RAISED):
            self._raised[message.guid] = message
        # After the end nobody listens, and nothing is lost by it: a new controller asks again.
        self._actor.tell(message)

    # --- the end ------------------------------------------------------------------------------------------------

    @property
    def is_mine(self) -> bool:
        """Whether this process has the threads: one that was forked has not."""
        return self._pid == self.machine.pid()

    def close(self) -> None:
        """Stop the actors, then close the log."""
        with self._ending:
            if self._stop("this controller was shut down"):
                self._writer.close()

    def abandon(self) -> None:
        """Stop the actors and let go of the log, with nothing further written: what runs goes on."""
        with self._ending:
            if self._stop("this controller let its run go; reconnect() takes it over"):
                self._writer.abandon()

    def _stop(self, why: str) -> bool:
        if self.closed or not self.is_mine:
            return False
        self._why_closed = why
        for actor in (self._coordinator, self._scheduler):  # in this order: its last turn may still need the scheduler
            with suppress(pykka.ActorDeadError):
                ask(actor, _ActorStop(), self.machine.future())
        self.closed = True
        for pool in (self._control, self._hooks, self._callbacks):
            pool.close()
        return True


def _status(code: int) -> int:
    """An exit status as the log takes it.

    Raises:
        UsageError: it is none.
    """
    if isinstance(code, bool) or not isinstance(code, int) or not -(2**31) <= code < 2**31:
        raise UsageError(f"an exit status is a whole number of 32 bits, not {code!r}")
    return int(code)


def how_many_workers(given: int | None) -> int:
    """How many hooks may run at once: as given, else ``$NETREEL_WORKERS``, else 20.

    Raises:
        UsageError: that is no number from 1 on.
    """
    if given is not None:
        if isinstance(given, bool) or not isinstance(given, int) or given < 1:
            raise UsageError(f"workers says how many hooks may run at once: a number from 1 on, not {given!r}")
        return given
    text = os.environ.get("NETREEL_WORKERS", "20")
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"NETREEL_WORKERS says how many hooks may run at once: a number from 1 on, not {text!r}")
    return int(text)
