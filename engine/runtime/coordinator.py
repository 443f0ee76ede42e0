"""The actor that owns the world of an experiment and is the only one that writes its log.

It works in turns: take all messages that are there, decide, apply; append the turn's events in one write and sync it;
only then let the outside see it: hand out the actions, answer callers, wake waiters. So nothing in the world happens
before its reason is on disk, and one sync serves all that a turn has come to.

A turn in which only batches have asked (`ExperimentController.batch`) stays open after they are answered: what they
describe is written with whatever is asked or heard next, the end of a batch at the latest.

If the log cannot be written, nothing of that turn is let out and the coordinator stops acting. What runs goes on; a new
controller can take over once there is room again.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct
from pykka import ActorDeadError
from pykka.messages import _ActorStop

from engine.core import effects, events, messages
from engine.core.errors import Closed, EngineBug, ExperimentError, ExperimentWarning
from engine.diagnostics import get_logger
from engine.rm.secret import message_of
from engine.runtime import script
from engine.runtime.actors import Mailbox, PooledActor
from engine.runtime.collecting import nothing_collected
from engine.runtime.scheduler import At
from engine.runtime.waiters import Waiters

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pykka import ActorRef, Future
    from pykka._envelope import Envelope

    from engine.core.calls import ScriptCall
    from engine.core.effects import Effect
    from engine.core.kernel import Kernel
    from engine.runtime.clock import Clock
    from engine.runtime.crew import Crew
    from engine.runtime.pool import Executor
    from engine.runtime.scheduler import Scheduler
    from engine.runtime.waiters import Waiter
    from engine.tasks import Task

_MOST_UNWRITTEN: Final = 1_000
"""How many events of batches wait for those that come next."""

_log = get_logger()


class Request(Struct, frozen=True):
    """A call of the user's. Answered with what `act` returns, once that is on disk, or in a batch before it is."""

    act: Callable[[Kernel], Any]
    call: ScriptCall | None = None
    in_batch: bool = False


class Wait(Struct, frozen=True):
    """A caller that waits; its waiter has what for."""

    waiter: Waiter


class GiveUp(Struct, frozen=True):
    """A caller that waits no longer."""

    waiter: Waiter


class Schedule(Struct, frozen=True):
    """A function of the user's, to be called at `due`. Answered like a `Request`, with the number of its task."""

    due: int
    task: Task
    call: ScriptCall | None
    in_batch: bool = False


class GetManager(Struct, frozen=True):
    """Somebody wants to talk to the manager of a resource."""

    guid: int


class GetLinked(Struct, frozen=True):
    """A manager wants to talk to those that it is linked to."""

    guid: int
    rtype: str


class Coordinator(PooledActor):
    """The controller's actor.

    Args:
        executor: where it runs: apart from the hooks, so that none of them keeps it waiting.
        callbacks: where the user's functions run: apart from the hooks too, since they may wait for those.
        kernel: the world and the rules.
        crew: the resource managers. Only the coordinator uses it, until it has stopped.
        append: writes and syncs the entries of a turn, or raises.
        clock: the time.
        scheduler: wakes it when something is due.
        on_failure: told once when it can no longer record.
    """

    def __init__(
        self,
        executor: Executor,
        callbacks: Executor,
        kernel: Kernel,
        crew: Crew,
        append: Callable[[list[events.Entry]], None],
        clock: Clock,
        scheduler: ActorRef[Scheduler],
        on_failure: Callable[[], None],
    ) -> None:
        super().__init__(Mailbox(executor))
        self._kernel = kernel
        self._callbacks = callbacks
        self._append = append
        self._clock = clock
        self._scheduler = scheduler
        self._on_failure = on_failure
        self._waiters = Waiters()
        self._crew = crew
        self._arrived: list[Waiter] = []
        self._tasks: dict[int, Task] = {}
        self._alarm: int | None = None
        self.failure: Exception | None = None

    # --- the turn -----------------------------------------------------------------------------------------------

    def _actor_loop_running(self) -> None:
        """One turn, in place of pykka's one message after the other."""
        envelopes = self.actor_inbox.take_all()
        if not envelopes or self.actor_stopped.is_set():
            return
        with nothing_collected():
            self._turn(envelopes)

    def _turn(self, envelopes: list[Envelope[Any]]) -> None:
        answers: list[Any] = []
        try:
            self._kernel.begin_turn(self._clock.now())
            answers.extend(self._handle(envelope.message) for envelope in envelopes)
            if not self._stays_open(envelopes):
                self._let_out(self._commit())
        except BaseException as error:  # noqa: BLE001 - whatever it is, nobody may be left waiting for an answer
            self._fail(self._bug(error))
        for envelope, answer in zip_longest(envelopes, answers):
            if envelope.reply_to is not None:
                self._answer(envelope.message, envelope.reply_to, answer)

    def _stays_open(self, envelopes: list[Envelope[Any]]) -> bool:
        """Whether only batches have asked, and so little that it is written with what comes next."""
        few = len(self._kernel.entries) < _MOST_UNWRITTEN
        return few and all(getattr(envelope.message, "in_batch", False) for envelope in envelopes)

    def _let_out(self, effects: list[Effect]) -> None:
        """What the turn has come to is on disk: now it may be seen."""
        if self.failure is None:
            for effect in effects:
                self._carry_out(effect)
            self._crew.go_on()
            self._set_alarm()

    def _handle(self, message: Any) -> Any:
        """Decide on a message. What it raises is the caller's, unless it is a bug."""
        if isinstance(message, _ActorStop):
            return self._handle_receive(message)
        if self.failure is not None:
            return self.failure
        before = self._kernel.world.seq
        try:
            return self.decide(message)
        except Exception as error:  # noqa: BLE001 - it is the caller's, unless it came in the middle of a change
            unchanged = self._kernel.world.seq == before
            return error if unchanged or isinstance(error, ExperimentError) else self._fail(self._bug(error))

    def decide(self, message: Any) -> Any:
        """Decide on a message. Only in a turn."""
        if type(message) in messages.HEARD:
            return self._kernel.hear(message)
        match message:
            case Request(act, call):
                return self._asked(call, act)
            case Wait(waiter):
                self._arrived.append(waiter)
            case GiveUp(waiter):
                self._waiters.remove(waiter)
            case Schedule(due, task, call):
                return self._asked(call, lambda _: self._schedule(due, task))
            case GetManager(guid):
                return self._crew.place(guid)
            case GetLinked(guid, rtype):
                return self._crew.linked(guid, rtype)
            case messages.Tick():
                self._alarm = None
                self._kernel.hear(message)
            case _:
                self._kernel.hear(message)
        return None

    def _asked(self, call: ScriptCall | None, act: Callable[[Kernel], Any]) -> Any:
        return self._kernel.asked("" if call is None else call.at, act, call)

    def _commit(self) -> list[Effect]:
        """Let the world settle, and write what the turn has come to."""
        if self.failure is not None:
            return []
        try:
            self._kernel.settle()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(self._bug(error))
            return []
        entries, effects = self._kernel.take()
        if entries:
            try:
                self._append(entries)
            except Exception as error:  # noqa: BLE001 - whatever kept it from being written, it is not on disk
                self._fail(error)
                return []
        self._wake_waiters([entry.event for entry in entries])
        _warn(entries)
        return effects

    def _wake_waiters(self, made: list[events.Event]) -> None:
        """Now that it is on disk: who has waited for this, and what do those see who have just come?"""
        if self._waiters:
            kinds = set(map(type, made))
            guids = {event.guid for event in made}
            if events.ResourceRemoved in kinds:
                guids.update(*(event.guids for event in made if isinstance(event, events.ResourceRemoved)))
            self._waiters.look(self._kernel.world, guids, aborted=events.ExperimentAborted in kinds)
        arrived, self._arrived = self._arrived, []
        for waiter in arrived:
            self._waiters.add(waiter, self._kernel.world)

    def _answer(self, message: Any, asker: Future[Any], answer: Any) -> None:
        if self.failure is not None and not isinstance(message, _ActorStop):
            answer = self.failure
        if isinstance(answer, Exception):
            asker.set_exception((type(answer), answer, answer.__traceback__))
        else:
            asker.set(answer)

    def _set_alarm(self) -> None:
        due = self._kernel.next_due()
        if due is not None and (self._alarm is None or due < self._alarm):
            self._alarm = due
            self._scheduler.tell(At(due, self.actor_ref, messages.Tick()))

    # --- effects ------------------------------------------------------------------------------------------------

    def _carry_out(self, effect: Effect) -> None:
        match effect:
            case effects.Run():
                self._crew.run(effect)
            case effects.Probe():
                self._crew.probe(effect)
            case effects.Cancel(guid):
                self._crew.cancel(guid)
            case effects.GiveUp(guid):
                self._crew.give_up(guid)
            case effects.Changed(guid, name, old, new):
                self._crew.changed(guid, name, old, new)
            case effects.Connected(guid, other, made):
                self._crew.connected(guid, other, made=made)
            case effects.Forgotten(guid):
                self._crew.forget(guid)
            case effects.Call(task):
                self._callbacks.submit(lambda: self._call(task))

    def adopt(self, tasks: Mapping[int, Task]) -> None:
        """Know the functions of tasks that were scheduled before. Only before the first turn."""
        self._tasks.update(tasks)

    def drop_tasks(self) -> None:
        """Call none of those that are not called yet: they were given up. Only in a turn."""
        self._tasks.clear()

    def _schedule(self, due: int, task: Task) -> int:
        number = self._kernel.schedule(due)
        self._tasks[number] = task
        return number

    def _call(self, number: int) -> None:
        """Call the user's function of a task, unless it was given up; runs on a thread of its own."""
        task = self._tasks.pop(number, None)
        if task is None:
            return
        with script.in_task(number):
            error = task.call()
        with suppress(ActorDeadError):  # the function may have shut the controller down
            self.actor_ref.tell(messages.TaskReturned(number, error))

    # --- failure ------------------------------------------------------------------------------------------------

    def _bug(self, error: BaseException) -> EngineBug:
        bug = EngineBug(f"{type(error).__name__}: {message_of(error)}", self._kernel.entries[-10:])
        bug.__cause__ = error
        return bug

    def _fail(self, error: Exception) -> Exception:
        """Stop acting: nothing can be recorded any more, or what is known can no longer be relied on."""
        if self.failure is None:
            self.failure = error
            _log.error("the controller failed and acts no more", error=message_of(error))
            self._fail_waiters(error)
            try:
                self._on_failure()
            except BaseException:  # noqa: BLE001 - it is the user's code
                _log.exception("the failure policy raised")
        return self.failure

    def _fail_waiters(self, error: Exception) -> None:
        for waiter in self._arrived:
            waiter.fail(error)
        self._waiters.fail_all(error)

    def on_stop(self) -> None:
        """Stop the resource actors."""
        self._crew.close()

    def _actor_loop_teardown(self) -> None:
        """After the last turn: nobody else will wake those who still wait."""
        super()._actor_loop_teardown()
        self._fail_waiters(Closed("the controller was shut down or let go before that came"))


def _warn(entries: list[events.Entry]) -> None:
    """Say what may be amiss and follows from no call: who makes a call is told by it."""
    for entry in entries:
        if isinstance(entry.event, events.ExperimentWarned) and entry.cause:
            with suppress(Warning):  # where warnings are errors, they are not those of this thread
                warnings.warn(entry.event.message, ExperimentWarning, stacklevel=2)
