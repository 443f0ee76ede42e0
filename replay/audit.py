"""Audits a log: was everything that it tells of allowed, in that order, at that time?

It folds the log by itself, plainly and without the engine's `apply` and `plan`, so that it does not excuse their
mistakes. What it shares with the engine is the vocabulary of events and the one table of transitions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

import eventlog
from engine import journal
from engine.core import events
from engine.core.states import DEPLOYMENT, GATE, TRANSITIONS, ResourceAction, ResourceState, Step, Turn
from engine.dates import NS

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from replay import answers


class Violation(Struct, frozen=True):
    """Something in a log that must not be.

    Attributes:
        seq: the event.
        guid: whom it is about, 0 for the experiment.
        rule: which rule it breaks, in a word or two.
        message: what is wrong.
    """

    seq: int
    guid: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"event {self.seq}: {self.rule}: {self.message}"

    def to_dict(self) -> answers.Violation:
        """Plain values, for JSON."""
        return {"seq": self.seq, "guid": self.guid, "rule": self.rule, "message": self.message}


def check(run_dir: str | os.PathLike[str]) -> list[Violation]:
    """Audit the log of a run. Empty for every log that the engine wrote.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
    """
    with eventlog.open(run_dir) as log:
        return audit(journal.to_entry(record) for record in log)


def audit(entries: Iterable[events.Entry]) -> list[Violation]:
    """Audit these events."""
    auditor = _Auditor()
    for entry in entries:
        auditor.see(entry)
    return auditor.found


class _Seen(Struct):
    """What the log has told of a resource so far."""

    rtype: str
    critical: bool
    is_its_own: bool  # that it is critical, or is not: it was said of itself, not of its type
    state: ResourceState = ResourceState.NEW
    first: dict[ResourceState, int] = field(default_factory=dict)
    walked: int = 0
    attempt: Step | None = None
    requested: Step | None = None
    releasing: bool = False
    gates: list[_Gate] = field(default_factory=list)
    dependents: set[int] = field(default_factory=set)
    running: bool = False
    remark: str = ""

    @property
    def is_in_use(self) -> bool:
        """Whether something was done with it that nobody has asked to undo."""
        untouched = self.state is ResourceState.NEW and self.attempt is None
        return not (untouched or self.releasing or self.state is ResourceState.RELEASED)


class _Gate(Struct, eq=False):
    """`step` comes only `delay` ns after all of `on` have reached `state`.

    Many resources share one. What has been reached stays so, hence `known`: how many of `on`, from the first one, are
    known to have got there, the last of them at `latest`. `seq` is the event that made it, if the user asked for it; a
    gate without a step stands before a planned value.
    """

    step: Step | None
    on: list[int]
    state: ResourceState
    delay: int
    seq: int = 0
    group: bool = False
    link: bool = False
    deployment: bool = False
    known: int = 0
    latest: int = 0

    def stands_before(self, step: Step) -> bool:
        """Whether it is asked before a step. A condition on DEPLOY is, before all that is left of the walk."""
        return step is self.step or (self.deployment and step in DEPLOYMENT)


class _Auditor:
    def __init__(self) -> None:
        self.found: list[Violation] = []
        self._last: events.Entry | None = None
        self._resources: dict[int, _Seen] = {}
        self._types: dict[str, events.TypeDeclared] = {}
        self._barriers: dict[int, _Gate | None] = {}
        self._tokens: set[str] = set()
        self._labels: dict[str, int] = {}
        self._globals: dict[str, bool] = {}  # by type, whether its resources are critical unless they say otherwise
        self._plans: dict[int, _Gate] = {}  # by event
        self._effects: set[int] = set()  # by the event that began each
        self._aborted = False
        self._closed = False
        self._entry: events.Entry

    def see(self, entry: events.Entry) -> None:
        self._entry = entry
        self._check_place(entry)
        if self._closed:
            self._say("closed", f"{entry.event.kind} after the run was closed")
        strangers = self._strangers(entry.event)
        if strangers:
            self._say("registered", f"{entry.event.kind} names {strangers}, which nobody has registered")
        else:
            self._see(entry.event)
        self._last = entry

    def _say(self, rule: str, message: str) -> None:
        self.found.append(Violation(self._entry.seq, self._entry.event.guid, rule, message))

    def _check_place(self, entry: events.Entry) -> None:
        last = self._last
        if entry.seq != (last.seq + 1 if last else 1):
            self._say("order", f"it follows event {last.seq if last else 0}")
        if not 0 <= entry.cause < entry.seq:
            self._say("cause", f"its cause {entry.cause} does not come before it")
        if last and entry.time < last.time:
            self._say("time", "it is earlier than the event before it")
        if not isinstance(entry.event, events.ControllerOpened) and (last is None or entry.epoch != last.epoch):
            self._say("epoch", f"controller {entry.epoch} wrote without saying that it took charge")
        if last and entry.epoch < last.epoch:
            self._say("epoch", f"controller {entry.epoch} wrote after {last.epoch} had taken over")

    def _see(self, event: events.Event) -> None:
        match event:
            case events.GroupDeployed():
                self._deploy(event)
            case events.ReleaseRequested():
                self._release(event)
            case events.ExperimentAborted():
                self._aborted = True
            case events.RunClosed():
                self._close()
            case events.EffectBegun() | events.EffectDone():
                self._see_effect(event)
            case events.AttributePlanned() | events.GlobalSet() | events.AttributeSet():
                self._see_value(event)
            case events.ConditionRegistered() | events.ConditionReduced():
                self._see_condition(event)
            case _ if not self._see_description(event) and event.guid:
                self._see_resource(event, self._resources[event.guid])

    def _see_effect(self, event: events.EffectBegun | events.EffectDone) -> None:
        if isinstance(event, events.EffectBegun):
            self._effects.add(self._entry.seq)
        elif event.begun in self._effects:
            self._effects.remove(event.begun)
        else:
            self._say("intent", f"event {event.begun} began nothing of the script's own that was not done yet")

    def _see_description(self, event: events.Event) -> bool:
        """Take note of what there is; whether the event was about that."""
        match event:
            case events.TypeDeclared():
                self._types[event.rtype] = event
            case events.ResourceRegistered():
                self._register(event)
            case events.ResourceRemoved():
                self._remove(event)
            case events.ResourceConnected():
                self._connect(event.guid, event.other)
                self._connect(event.other, event.guid)
            case events.ResourceDisconnected():
                self._disconnect(event.guid, event.other)
                self._disconnect(event.other, event.guid)
            case events.TraceSwitched() | events.ExperimentWarned():
                pass
            case _:
                return False
        return True

    def _see_value(self, event: events.AttributeSet | events.AttributePlanned | events.GlobalSet) -> None:
        match event:
            case events.AttributeSet():
                self._set(event)
            case events.AttributePlanned():
                self._plans[self._entry.seq] = _Gate(None, list(event.on), event.state, event.delay)
            case events.GlobalSet(name="critical"):
                self._globals[event.rtype] = bool(event.value)
                for seen in self._resources.values():
                    if not seen.is_its_own:
                        seen.critical = self._default_critical(seen.rtype)

    def _see_condition(self, event: events.ConditionRegistered | events.ConditionReduced) -> None:
        if isinstance(event, events.ConditionReduced):
            self._reduce(event)
            return
        whole = event.step is GATE[ResourceAction.DEPLOY]
        gate = _Gate(event.step, list(event.on), event.state, event.delay, self._entry.seq, deployment=whole)
        for guid in event.guids:
            self._resources[guid].gates.append(gate)

    def _strangers(self, event: events.Event) -> list[Any]:
        """What an event names and no event before it has made known."""
        if isinstance(event, events.ResourceRegistered):
            return [] if event.rtype in self._types else [event.rtype]
        named = [event.guid, getattr(event, "other", 0), *getattr(event, "guids", ()), *getattr(event, "on", ())]
        return [guid for guid in named if guid and guid not in self._resources]

    def _see_resource(self, event: events.Event, seen: _Seen) -> None:
        if seen.state is ResourceState.RELEASED:
            self._say("released", f"{event.kind} of #{event.guid} after its release")
        self._note_end(event, seen)
        self._hear(event, seen)
        match event:
            case events.StepRequested():
                seen.requested = event.step
            case events.StepPassed():
                for step in event.steps:
                    self._check_may(seen, step)
                    self._move(seen, step)
            case events.StepBegun():
                self._begin(event, seen)
            case events.StepDone():
                self._check_intent(event, seen)
                self._move(seen, event.step)
            case events.StepFailed():
                self._check_intent(event, seen)
                self._move(seen, Step.RELEASE if event.step is Step.RELEASE else Turn.FAIL)
            case events.StepVoided():
                self._check_intent(event, seen)
            case events.ResourceEnded():
                if seen.state is ResourceState.STARTED and seen.attempt is None:
                    self._move(seen, Turn.END)
            case events.ResourceFailed():
                self._move(seen, Turn.FAIL)

    def _hear(self, event: events.Event, seen: _Seen) -> None:
        """What it says of itself changes nothing, but must be of a step under way, or new."""
        match event:
            case events.StepTold() if seen.attempt != event.step:
                self._say("intent", f"the {event.step} of #{event.guid} told of itself, and had not begun")
            case events.ResourceRemarked():
                if event.remark == seen.remark:
                    self._say("remark", f"#{event.guid} said again that it {event.remark or 'is all right'}")
                seen.remark = event.remark

    @staticmethod
    def _note_end(event: events.Event, seen: _Seen) -> None:
        """Keep in mind whether what its hook started has come to an end, or a reason was given why it has not."""
        match event:
            case events.StepDone(step=Step.START):
                seen.running = True
            case events.ResourceEnded() | events.StepDone(step=Step.STOP) | events.StepFailed(step=Step.STOP):
                seen.running = False
            case events.StepPassed(steps=[Step.STOP]):
                seen.running = False
            case events.ResourceFailed(by=0, error=error) if "step" not in error:  # else its code failed, not it
                seen.running = False

    # --- what is known ------------------------------------------------------------------------------------------

    def _register(self, event: events.ResourceRegistered) -> None:
        if event.guid in self._resources:
            self._say("registered", f"#{event.guid} is registered twice")
        if event.label is not None and self._labels.setdefault(event.label, event.guid) != event.guid:
            self._say("registered", f"{event.label!r} names #{self._labels[event.label]} and #{event.guid}")
        own = "critical" in event.attributes
        critical = bool(event.attributes["critical"]) if own else self._default_critical(event.rtype)
        seen = _Seen(event.rtype, critical, own)
        seen.first[ResourceState.NEW] = self._entry.time
        self._resources[event.guid] = seen

    def _default_critical(self, rtype: str) -> bool:
        declared = self._types[rtype]
        known = (self._globals[name] for name in declared.lineage if name in self._globals)
        return next(known, bool(declared.attributes.get("critical", True)))

    def _remove(self, event: events.ResourceRemoved) -> None:
        gone = set(event.guids)
        for guid in event.guids:
            seen = self._resources.pop(guid)
            if seen.is_in_use:
                self._say("released", f"#{guid} is forgotten, and it is {seen.state.name}")
        self._labels = {label: guid for label, guid in self._labels.items() if guid not in gone}
        for guid, seen in self._resources.items():
            seen.dependents -= gone
            for gate in seen.gates:
                self._forget(guid, seen, gate, gone)
            seen.gates = [gate for gate in seen.gates if gate.on or gate.group]
        for barrier in filter(None, self._barriers.values()):  # also where no member is left, and one may join
            barrier.on = [guid for guid in barrier.on if guid not in gone]
            barrier.known = barrier.latest = 0

    def _forget(self, guid: int, seen: _Seen, gate: _Gate, gone: set[int]) -> None:
        if gone.isdisjoint(gate.on):
            return
        if not gate.group and seen.state is not ResourceState.RELEASED:
            self._say("released", f"#{guid} counts on {sorted(gone.intersection(gate.on))}, which is forgotten")
        gate.on = [other for other in gate.on if other not in gone]
        gate.known = gate.latest = 0

    def _disconnect(self, mine: int, other: int) -> None:
        seen = self._resources[mine]
        seen.gates = [gate for gate in seen.gates if not (gate.link and gate.on == [other])]
        self._resources[other].dependents.discard(mine)

    def _set(self, event: events.AttributeSet) -> None:
        seen = self._resources[event.guid]
        if event.name == "critical":
            seen.critical, seen.is_its_own = bool(event.value), True
        if event.plan not in self._plans:
            if event.plan:
                self._say("plan", f"{event.name} of #{event.guid} was set as planned, and nobody had planned it")
            return
        if seen.state is not ResourceState.STARTED:
            self._say("plan", f"{event.name} of #{event.guid} was set as planned, and it is {seen.state.name}")
        self._check_gate(self._plans[event.plan], f"the planned {event.name}")

    def _reduce(self, event: events.ConditionReduced) -> None:
        for guid in event.guids:
            gates = self._resources[guid].gates
            old = next((gate for gate in gates if gate.seq == event.condition), None)
            if old is None:
                self._say("condition", f"#{guid} has no condition {event.condition} that could be reduced")
                continue
            gates.remove(old)
            if event.on:
                new = _Gate(old.step, list(event.on), old.state, old.delay, self._entry.seq, deployment=old.deployment)
                gates.append(new)

    def _connect(self, mine: int, other: int) -> None:
        lineage = self._types[self._resources[other].rtype].lineage
        seen = self._resources[mine]
        for link in self._types[seen.rtype].links:
            if link["rtype"] in lineage:
                seen.gates.append(_Gate(Step(link["before"]), [other], ResourceState[link["after"]], 0, link=True))
                self._resources[other].dependents.add(mine)

    def _deploy(self, event: events.GroupDeployed) -> None:
        if event.group not in self._barriers:  # whether a group has a barrier is said when it is made
            barrier = _Gate(Step.START, [], ResourceState.READY, 0, group=True) if event.wait_all_ready else None
            self._barriers[event.group] = barrier
        barrier = self._barriers[event.group]
        if barrier is not None:
            barrier.on.extend(event.guids)
            for guid in event.guids:
                self._resources[guid].gates.append(barrier)

    def _release(self, event: events.ReleaseRequested) -> None:
        for guid in event.guids:
            self._resources[guid].releasing = True
        for guid in event.guids:
            needing = [other for other in sorted(self._resources[guid].dependents) if self._resources[other].is_in_use]
            if needing:
                self._say("dependents", f"#{guid} is to be released, and {needing} that depend on it are not")

    def _close(self) -> None:
        self._closed = True
        left = [guid for guid, seen in self._resources.items() if seen.state is not ResourceState.RELEASED]
        if left:
            self._say("closed", f"the run was closed while {left} were not released")

    # --- the rules ----------------------------------------------------------------------------------------------

    def _begin(self, event: events.StepBegun, seen: _Seen) -> None:
        if seen.attempt is not None:
            self._say("one at a time", f"{event.step} of #{event.guid} began during its {seen.attempt}")
        if event.token in self._tokens:
            self._say("token", f"{event.token} names two attempts")
        if event.step not in TRANSITIONS[seen.state]:
            self._say("transition", f"#{event.guid} is {seen.state.name} and cannot {event.step}")
        self._tokens.add(event.token)
        self._check_may(seen, event.step)
        seen.attempt = event.step

    def _check_intent(self, event: events.StepDone | events.StepFailed | events.StepVoided, seen: _Seen) -> None:
        if seen.attempt != event.step:
            self._say("intent", f"{event.kind} of {event.step} of #{event.guid}, which had not begun")
        seen.attempt = None
        if not isinstance(event, events.StepVoided):
            seen.requested = None

    def _check_may(self, seen: _Seen, step: Step) -> None:
        """Was this step allowed to begin?"""
        if step in DEPLOYMENT and DEPLOYMENT.index(step) != seen.walked:
            self._say("walk", f"{step} came out of turn")
        undoing = seen.releasing and step in (Step.STOP, Step.RELEASE)
        if undoing or seen.requested == step:
            return
        if self._aborted and step not in (Step.STOP, Step.RELEASE):
            self._say("aborted", f"{step} after the experiment was aborted")
        for gate in seen.gates:
            if gate.stands_before(step):
                self._check_gate(gate, step)

    def _check_gate(self, gate: _Gate, step: str) -> None:
        while gate.known < len(gate.on):
            guid = gate.on[gate.known]
            time = self._reached_at(self._resources[guid], gate)
            if time is None:
                self._say("condition", f"{step} before #{guid} had reached {gate.state.name}")
                return
            gate.known += 1
            gate.latest = max(gate.latest, time)
        early = gate.latest + gate.delay - self._entry.time
        if early > 0:
            self._say("delay", f"{step} came {early / NS:.9g} s before its delay had gone by")

    @staticmethod
    def _reached_at(seen: _Seen, gate: _Gate) -> int | None:
        """When a resource reached what a gate waits for; None if it has not."""
        counted = {gate.state}
        if not seen.critical:
            counted.add(ResourceState.FAILED)
        if gate.group:
            counted.add(ResourceState.RELEASED)
        return min((time for state, time in seen.first.items() if state in counted), default=None)

    def _move(self, seen: _Seen, occurrence: Step | Turn) -> None:
        after = TRANSITIONS[seen.state].get(occurrence)
        if after is None:
            self._say("transition", f"#{self._entry.event.guid} is {seen.state.name}: {occurrence} cannot follow")
            return
        if occurrence == seen.requested:
            seen.requested = None
        if seen.running and after is ResourceState.RELEASED:
            self._say("end", f"#{self._entry.event.guid} was started, and nothing says how that came to its end")
        seen.walked += occurrence in DEPLOYMENT
        seen.state = after
        seen.first.setdefault(after, self._entry.time)
