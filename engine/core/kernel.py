"""The heart: what was decided becomes events, events change the world, and the world says what may begin.

A kernel collects the events of a turn and the effects that they call for. Whoever owns it appends the events to the
log, and only then carries out the effects. It has no thread, no clock and no file.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import TYPE_CHECKING, Any, Final, TypeVar

from msgspec import Struct

from engine.core import conditions, effects, events, messages, plan
from engine.core.apply import apply
from engine.core.effects import Call, Cancel, Changed, GiveUp, Probe, Run
from engine.core.states import ENDS, FAILED, FINAL, RELEASE, RELEASED, START, STARTED, STOP, STOPPED, Step
from engine.core.world import EXPERIMENT, Attempt, Resource, World, tells_an_end

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterable, Mapping

    from engine.core.calls import ScriptCall
    from engine.core.effects import Effect

_T = TypeVar("_T")

NEVER_RETURNED: Final = "NeverReturned"
"""The type of the error of a step that was given up."""

_NS = 1_000_000_000

_UNDOING = (STOP, RELEASE)

PATIENCE: Final = 10_000_000_000
"""How long a step may take to end once its result is no longer wanted, in ns."""

_UNDOING_TAKES = 60
"""How many times that an undoing may take before its result is no longer waited for. It may have much to save."""

_FIRST_PAUSE = 1_000_000_000
_LAST_PAUSE = 30_000_000_000
"""How long a host that does not answer is left alone before it is asked again, in ns; each pause doubles the last."""


class _Silence(Struct, gc=False):
    """When a host that does not answer is asked again, and how long it was left alone before that, in ns."""

    due: int
    pause: int


class _Limit(Struct, gc=False):
    """When the attempt that the event `seq` began is cancelled, or, if it is `cancelled`, given up."""

    seq: int
    due: int
    cancelled: bool


class Kernel:
    """The world of an experiment, and the turn that is being made of it.

    Args:
        world: as rebuilt from the log, or a new one.
        epoch: the epoch of the log's writer.
        token_prefix: what the tokens of all attempts begin with; unique to the run.
        wants_abort: the failure policy: whether the failure of this resource aborts the experiment.
        patience: how long a step may take to end once its result is no longer wanted, in ns.
    """

    def __init__(
        self,
        world: World,
        epoch: int,
        token_prefix: str,
        wants_abort: Callable[[int], bool],
        patience: int = PATIENCE,
    ) -> None:
        self.world = world
        self.epoch = epoch
        self.entries: list[events.Entry] = []
        self.effects: list[Effect] = []
        self._now = world.time
        self._at = ""
        self._token_prefix = token_prefix
        self._wants_abort = wants_abort
        self._timers: list[tuple[int, int, int]] = []  # due, guid (or minus the task), cause
        self._early: dict[int, events.ResourceEnded | events.ResourceFailed] = {}  # ends before the start is logged
        self._silent: dict[int, _Silence] = {}  # by guid
        self._patience = patience
        self._limits: dict[int, _Limit] = {}  # by guid
        self._task_begun: dict[int, int] = {}  # by task, the event that began it

    # --- the turn -----------------------------------------------------------------------------------------------

    def begin_turn(self, now: int) -> None:
        """Fix the time of the turn, in ns since 1970. Time in a log never runs backwards."""
        self._now = max(now, self.world.time)

    def take(self) -> tuple[list[events.Entry], list[Effect]]:
        """What the turn has come to: events to append, and effects to carry out once they are on disk."""
        made = self.entries, self.effects
        self.entries, self.effects = [], []
        return made

    def asked(self, at: str, act: Callable[[Kernel], _T], call: ScriptCall | None = None) -> _T:
        """Do what the user asks for at this place of his script, as `events.Entry` has it, by a call if it is one."""
        before, self._at = self._at, at
        first, seq = len(self.entries), self.world.seq
        try:
            return act(self)
        finally:
            self._at = before
            if call is not None:
                call.sign(self.entries, first, seq)

    def emit(self, event: events.Event, cause: int = 0) -> events.Entry:
        """Number an event, apply it and put it in line for the log."""
        at = "" if cause else self._at
        entry = events.Entry(self.world.seq + 1, self._now, cause, self.epoch, event, at)
        apply(self.world, entry)
        self.entries.append(entry)
        return entry

    def emit_all(self, made: Iterable[events.Event]) -> None:
        """The events of a request of the user's."""
        for event in made:
            old = effects.old_values(self.world, event)
            self.emit(event)
            if isinstance(event, events.ResourceRemoved):
                self._forget(event.guids)
            self.effects.extend(effects.to_be_told(self.world, event, old))

    def _forget(self, guids: Iterable[int]) -> None:
        """Keep nothing of resources that are gone: another one may be registered under the number of one of them."""
        for guid in guids:
            for kept in (self._early, self._silent, self._limits):
                kept.pop(guid, None)

    def settle(self) -> None:
        """Begin all that may begin now."""
        self._wake_due()
        while touched := self.world.take_touched():
            for guid, cause in touched.items():
                resource = self.world.resources.get(guid)
                if resource is not None:
                    self._advance(resource, cause)

    def next_due(self) -> int | None:
        """When to make a turn even if nothing is heard, in ns since 1970."""
        return self._timers[0][0] if self._timers else None

    # --- what is heard ------------------------------------------------------------------------------------------

    def hear(self, message: messages.Message) -> None:
        """Turn what was heard into events. Answers that come too late are dropped here, by rule."""
        _HEARD[type(message)](self, message)

    def _current(self, guid: int, token: str) -> Attempt | None:
        """The attempt under way, if it is this one."""
        resource = self.world.resources.get(guid)
        attempt = None if resource is None else resource.attempt
        return attempt if attempt is not None and attempt.token == token else None

    def _is_running(self, guid: int, token: str) -> bool:
        resource = self.world.resources.get(guid)
        return resource is not None and resource.state is STARTED and resource.tokens.get(START) == token

    def _doing(self, heard: messages.Doing) -> None:
        attempt = self._current(heard.guid, heard.token)
        if attempt is not None and heard.what != attempt.doing:
            self.emit(events.StepTold(heard.guid, attempt.step, heard.what), attempt.seq)

    def _remark(self, heard: messages.Remark) -> None:
        resource = self.world.resources.get(heard.guid)
        if resource is not None and resource.state is not RELEASED and heard.what != resource.remark:
            self.emit(events.ResourceRemarked(heard.guid, heard.what), resource.moved_by)

    def _hook_done(self, heard: messages.HookDone) -> None:
        attempt = self._current(heard.guid, heard.token)
        if attempt is not None:
            self._done(heard.guid, attempt, heard.receipt)

    def _done(self, guid: int, attempt: Attempt, receipt: dict[str, Any] | None) -> None:
        self.emit(events.StepDone(guid, attempt.step, receipt), attempt.seq)
        self._catch_up(guid)

    def _catch_up(self, guid: int) -> None:
        """Let an end take effect that was told too early: a failure after any step, another end after the start."""
        early = self._early.get(guid)
        if early is None:
            return
        state = self.world.resources[guid].state
        if state in FINAL:  # it is over already
            del self._early[guid]
        elif state is STARTED or isinstance(early, events.ResourceFailed):
            del self._early[guid]
            self._end(early)

    def _hook_failed(self, heard: messages.HookFailed) -> None:
        attempt = self._current(heard.guid, heard.token)
        if attempt is not None:
            self._failed(heard.guid, attempt, heard.error)

    def _failed(self, guid: int, attempt: Attempt, error: dict[str, Any]) -> None:
        self._early.pop(guid, None)
        failed_before = self.world.resources[guid].state is FAILED
        entry = self.emit(events.StepFailed(guid, attempt.step, error), attempt.seq)
        if not failed_before:
            self._judge(entry)

    def _found(self, heard: messages.Found) -> None:
        attempt = self._current(heard.guid, heard.token)
        if attempt is not None:
            self._done(heard.guid, attempt, None)
        elif self._is_running(heard.guid, heard.token):
            self.emit(events.ResourceFound(heard.guid), self.world.opened)

    def _not_begun(self, heard: messages.NotBegun) -> None:
        attempt = self._current(heard.guid, heard.token)
        if attempt is not None:
            self._early.pop(heard.guid, None)  # what was told of it was told of nothing
            self.emit(events.StepVoided(heard.guid, attempt.step, "it never began"), attempt.seq)
        else:
            self._lost(messages.Lost(heard.guid, heard.token, "nothing is known of it where it was started"))

    def _lost(self, heard: messages.Lost) -> None:
        attempt = self._current(heard.guid, heard.token)
        error = {"type": "Gone", "message": f"it cannot be found again: {heard.why}"}
        if attempt is not None:
            self._failed(heard.guid, attempt, error)
        elif self._is_running(heard.guid, heard.token):
            self._by_itself(events.ResourceFailed(heard.guid, error, None, EXPERIMENT), heard.token)

    def _unanswered(self, heard: messages.Unanswered) -> None:
        guid, token = heard.guid, heard.token
        attempt = self._current(guid, token)
        if attempt is None and not self._is_running(guid, token):
            return
        resource = self.world.resources[guid]
        if resource.unknown_since is None:
            self._silent.pop(guid, None)
            self.emit(events.ResourceUnknown(guid, heard.why), self.world.opened)
        before = self._silent.get(guid)
        pause = _FIRST_PAUSE if before is None else min(2 * before.pause, _LAST_PAUSE)
        self._silent[guid] = _Silence(self._now + pause, pause)
        heappush(self._timers, (self._now + pause, guid, self.world.opened))

    def _ask_again(self, guid: int) -> None:
        silence = self._silent.get(guid)
        if silence is None or silence.due > self._now:
            return
        resource = self.world.resources[guid]
        if resource.unknown_since is None:
            del self._silent[guid]
        else:
            self._probe(resource)

    def _ended_by_itself(self, heard: messages.EndedByItself) -> None:
        self._by_itself(events.ResourceEnded(heard.guid, heard.code, None), heard.token)

    def _failed_by_itself(self, heard: messages.FailedByItself) -> None:
        self._by_itself(events.ResourceFailed(heard.guid, heard.error, heard.code, EXPERIMENT), heard.token)

    def _by_itself(self, event: events.ResourceEnded | events.ResourceFailed, token: str | None) -> None:
        resource = self.world.resources.get(event.guid)
        if resource is None or resource.state is RELEASED:
            return
        if token not in (None, resource.tokens.get(START)):
            return  # what an earlier run came to says nothing about this one
        attempt = resource.attempt
        if resource.state is FAILED or (attempt is not None and attempt.step in _UNDOING):
            # However it went, it was told to end, or has failed already. How it ended is kept, once.
            self._note_end(event, resource)
        elif attempt is not None or STARTED not in resource.times:
            self._early[event.guid] = event
            if attempt is None:
                self._catch_up(event.guid)
        elif resource.state is STARTED:
            self._end(event)

    def _note_end(self, event: events.ResourceEnded | events.ResourceFailed, resource: Resource) -> None:
        cause = resource.attempt.seq if resource.attempt else resource.moved_by
        if event.code is not None:
            if resource.exit_code is None:
                self.emit(events.ResourceEnded(event.guid, event.code, None), cause)
        elif resource.running and isinstance(event, events.ResourceFailed) and tells_an_end(event.error):
            self.emit(events.ResourceEnded(event.guid, None, event.error["message"]), cause)

    def _end(self, event: events.ResourceEnded | events.ResourceFailed) -> None:
        resource = self.world.resources[event.guid]
        entry = self.emit(event, resource.started_by or resource.moved_by)
        if isinstance(event, events.ResourceFailed):
            self._judge(entry)

    def _judge(self, failed: events.Entry) -> None:
        """Ask the failure policy about the resource that an event has made fail."""
        guid = failed.event.guid
        if self.world.resources[guid].state is FAILED and self._wants_abort(guid):
            self.emit(events.ExperimentAborted(EXPERIMENT, guid), failed.seq)

    # --- tasks --------------------------------------------------------------------------------------------------

    def schedule(self, due: int) -> int:
        """Plan a call of the user's function at `due` (ns since 1970); its task id."""
        task = len(self.world.tasks) + 1
        entry = self.emit(events.TaskScheduled(EXPERIMENT, task, due))
        heappush(self._timers, (due, -task, entry.seq))
        return task

    def _task_returned(self, heard: messages.TaskReturned) -> None:
        if self.world.tasks[heard.task].state == "running":  # it may have been given up
            returned = events.TaskDone(EXPERIMENT, heard.task, heard.error, lost=False)
            self.emit(returned, self._task_begun.pop(heard.task))

    def _tick(self, _: messages.Tick) -> None:
        """A turn is all that it asks for."""

    def drop_tasks(self, why: str, but: Container[int] = ()) -> None:
        """Give up the tasks that have not come to their end, `but` these."""
        for task, entry in self.world.tasks.items():
            if entry.state in ("pending", "running") and task not in but:
                self.emit(events.TaskDone(EXPERIMENT, task, why, lost=True))

    def _pick_up(self, task: int) -> None:
        """Go on with a task of an earlier controller whose function is known to this one."""
        known, opened = self.world.tasks[task], self.world.opened
        if known.state == "pending":
            heappush(self._timers, (known.due, -task, opened))
        elif known.state == "running":
            self._task_begun[task] = opened

    # --- what follows -------------------------------------------------------------------------------------------

    def _wake_due(self) -> None:
        while self._timers and self._timers[0][0] <= self._now:
            _, guid, cause = heappop(self._timers)
            if guid > 0:
                self.world.touched.setdefault(guid, cause)
                self._ask_again(guid)
            elif self.world.tasks[-guid].state == "pending":
                self._task_begun[-guid] = self.emit(events.TaskBegun(EXPERIMENT, -guid), cause).seq
                self.effects.append(Call(-guid))

    def _advance(self, resource: Resource, cause: int) -> None:
        if resource.releasing and resource.attempt is not None:
            self._hurry(resource, cause)
        if resource.plans and resource.state is STARTED and not resource.releasing:
            self._set_planned(resource, cause)
        if resource.state is STOPPED:
            self._doubt(resource, cause)
        match plan.next_for(self.world, resource, self._now):
            case None:
                pass  # said first: it is so half of the time
            case plan.Begin() as begin:
                self._begin(resource, begin.step, max(cause, begin.cause))
            case plan.Pass() as free:
                self.emit(events.StepPassed(resource.guid, free.steps), max(cause, free.cause))
                self._catch_up(resource.guid)
            case plan.Later() as later:
                heappush(self._timers, (later.due, resource.guid, cause))
            case plan.Fail() as fail:
                self._fail_waiting(resource, fail.condition.broken_by, cause)

    def _begin(self, resource: Resource, step: Step, cause: int) -> None:
        token = f"{self._token_prefix}-{resource.guid}-{self.world.seq + 1}"
        self.emit(events.StepBegun(resource.guid, step, token), cause)
        assert resource.attempt is not None
        self.effects.append(Run(resource.guid, resource.attempt))
        if resource.releasing:
            self._hurry(resource, cause)

    def _hurry(self, resource: Resource, cause: int) -> None:
        """See that the step under way of one that is to be released comes to an end, or let go of it."""
        attempt, guid = resource.attempt, resource.guid
        assert attempt is not None
        limit = self._limits.get(guid)
        undoing = attempt.step in _UNDOING
        if not undoing and resource.unknown_since is not None:
            why = "its host does not answer, and it is released"
            self.emit(events.StepVoided(guid, attempt.step, why), cause)
        elif limit is None or limit.seq != attempt.seq:
            self._set_limit(guid, attempt.seq, self._patience * (_UNDOING_TAKES if undoing else 1), cancel=not undoing)
        elif limit.due > self._now:
            return
        elif not limit.cancelled:
            self._set_limit(guid, attempt.seq, self._patience, cancel=True)
        else:
            self._give_up(resource, attempt)

    def _set_limit(self, guid: int, seq: int, after: int, *, cancel: bool) -> None:
        self._limits[guid] = _Limit(seq, self._now + after, cancel)
        heappush(self._timers, (self._now + after, guid, seq))
        if cancel:
            self.effects.append(Cancel(guid))

    def _give_up(self, resource: Resource, attempt: Attempt) -> None:
        del self._limits[resource.guid]
        self.effects.append(GiveUp(resource.guid))
        seconds = self._patience / _NS
        message = f"its {attempt.step} was given up: it had not ended {seconds:g} s after it was cancelled"
        error = {"type": NEVER_RETURNED, "message": message, "step": str(attempt.step)}
        self._failed(resource.guid, attempt, error)

    def _set_planned(self, resource: Resource, cause: int) -> None:
        """Give attributes the values that were planned for now, in the order in which they came due."""
        broken = next((it for it in resource.plans if it.condition.broken_by), None)
        if broken is not None:
            self._fail_waiting(resource, broken.condition.broken_by, cause)
            return
        planned = [(due, it) for it in resource.plans if (due := conditions.due_at(it.condition)) is not None]
        for due, it in sorted(planned, key=lambda pair: pair[0]):
            if due > self._now:
                heappush(self._timers, (due, resource.guid, cause))
                continue
            old = self.world.value(resource, it.name)
            event = events.AttributeSet(resource.guid, it.name, it.value, it.condition.seq)
            self.emit(event, max(cause, it.condition.met_by))
            self.effects.append(Changed(resource.guid, it.name, old, it.value))

    def _doubt(self, resource: Resource, cause: int) -> None:
        """Say that those who wait for a failure wait in vain, now that it has ended well."""
        for condition in self.world.watched.get(resource.guid, {}).get(FAILED, ()):
            waiting = [self.world.resources[guid] for guid in condition.guids]
            message = f"it waits for #{resource.guid} {resource.rtype} to fail, which has ended well: it waits in vain"
            for it in waiting:
                known = any((it.guid, message) == warning[1:] for warning in self.world.warnings)
                if not known and it.group is not None and it.state not in ENDS and not it.releasing:
                    self.emit(events.ExperimentWarned(it.guid, message), cause or resource.moved_by)

    def _fail_waiting(self, resource: Resource, guid: int, cause: int) -> None:
        lost = self.world.resources[guid]
        error = {
            "type": "DependencyLost",
            "message": f"it waits for #{guid} {lost.rtype}, which is {lost.state.name}",
        }
        self._judge(self.emit(events.ResourceFailed(resource.guid, error, None, guid), cause))

    # --- taking over --------------------------------------------------------------------------------------------

    def take_over(self, why: str, functions: Collection[int] = ()) -> None:
        """Ask after all that an earlier controller had begun or had running, and pick up what waits for a time.

        Its tasks are given up, and told why, but for those whose functions are known here: these go on.
        """
        self.drop_tasks(why, functions)
        for task in functions:
            self._pick_up(task)
        for resource in self.world.resources.values():
            self.world.touched[resource.guid] = 0  # what comes next is due to what came before, not to the takeover
            if resource.remark:  # who said so is gone
                self.emit(events.ResourceRemarked(resource.guid, ""), self.world.opened)
            self._ask_after(resource)

    def _ask_after(self, resource: Resource) -> None:
        attempt = resource.attempt
        if attempt is not None and attempt.step in _UNDOING:
            # Undoing is made so that it can be done again.
            why = "its controller is gone; it is done again"
            self.emit(events.StepVoided(resource.guid, attempt.step, why), self.world.opened)
        self._probe(resource)

    def _probe(self, resource: Resource) -> None:
        """Ask after the step under way, or after what is running. An undoing under way asks by itself."""
        attempt = resource.attempt
        if attempt is not None and attempt.step not in _UNDOING:
            self.effects.append(Probe(resource.guid, attempt, None))
        elif attempt is None and resource.state is STARTED and START in self._hooks(resource):
            started = Attempt(START, resource.tokens[START], 0)
            self.effects.append(Probe(resource.guid, started, resource.receipts.get(START)))

    def _hooks(self, resource: Resource) -> frozenset[Step]:
        return self.world.types[resource.rtype].hooks


_HEARD: Final[Mapping[type[messages.Message], Callable[[Kernel, Any], None]]] = {
    messages.HookDone: Kernel._hook_done,
    messages.HookFailed: Kernel._hook_failed,
    messages.Found: Kernel._found,
    messages.Doing: Kernel._doing,
    messages.Remark: Kernel._remark,
    messages.NotBegun: Kernel._not_begun,
    messages.Lost: Kernel._lost,
    messages.Unanswered: Kernel._unanswered,
    messages.EndedByItself: Kernel._ended_by_itself,
    messages.FailedByItself: Kernel._failed_by_itself,
    messages.TaskReturned: Kernel._task_returned,
    messages.Tick: Kernel._tick,
}
"""What each message comes to. By its class: to try one pattern after the other takes ten times as long."""
