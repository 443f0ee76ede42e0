"""Random experiments with random outcomes and crashes, against a plain and slow oracle.

Whatever happens, in whatever order: no step comes before its conditions hold, each comes as soon as they do, what can
never come is said, and in the end everything is released. `Lab` sees to the rest after each turn.
"""

import os

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from engine.core import events, messages, revise
from engine.core.errors import ExperimentError
from engine.core.states import DEPLOYMENT, FINAL, ResourceAction, ResourceState, Step
from tests.engine.core.lab import Lab, S, link

ACTIONS = {ResourceAction.DEPLOY: DEPLOYMENT, ResourceAction.START: (Step.START,), ResourceAction.STOP: (Step.STOP,)}
STARTED, FAILED, RELEASED = ResourceState.STARTED, ResourceState.FAILED, ResourceState.RELEASED

HOOKS = st.lists(st.sampled_from([str(step) for step in Step]), unique=True, max_size=5)
STATES = st.sampled_from(ResourceState)
DELAYS = st.sampled_from([0, 0, 1e-9, 0.5, 3])
FEW = st.lists(st.integers(0, 5), min_size=1, max_size=3)
INDEX = st.integers(0, 99)


class Oracle:
    """What the test itself has asked for, and what it has seen happen."""

    def __init__(self, lab):
        self.lab = lab
        self.conditions = []  # (steps, waiting, awaited, state, delay)
        self.linked = 0  # how many of them are links: these come first
        self.plans = []  # (waiting, awaited, state, delay, value)
        self.barriers = {}  # by group, its members
        self.first = {}  # by guid, when it was first in each state

    def see(self):
        for guid, resource in self.lab.world.resources.items():
            for state, time in resource.times.items():
                self.first.setdefault(guid, {}).setdefault(state, time)

    def reached(self, guid, state, *, barrier=False, latest=False):
        """When a resource first (or last) reached a state; None if it has not, "never" if it cannot."""
        resource = self.lab.resource(guid)
        first = resource.times if latest else self.first[guid]
        if state in first:
            return first[state]
        if FAILED in first and not resource.critical:
            return first[FAILED]
        if barrier and RELEASED in first:
            return first[RELEASED]
        if RELEASED in first or (FAILED in first and state is not RELEASED):
            return "never"
        return None

    def due(self, guid, step, *, latest=False):
        """When a step of a resource may come: a time, None while something is missing, "never".

        A condition that is made after a second start counts from that one, so `latest` is when it must come.
        """
        due = 0
        for steps, waiting, awaited, state, delay in self.conditions:
            if step in steps and guid in waiting:
                due = self._later(due, [self.reached(other, state, latest=latest) for other in awaited], delay)
        for members in self.barriers.values():
            if step is Step.START and guid in members:
                ready = [self.reached(other, ResourceState.READY, barrier=True) for other in members]
                if "never" not in ready or not self.lab.world.aborted:
                    due = self._later(due, ready, 0)
        return due

    def drop(self, guids, gone, steps):
        """`gone` are taken out of the conditions of `guids`, for these steps; whether that changed any."""
        kept, changed = self.conditions[: self.linked], False
        for whole in self.conditions[self.linked :]:
            named, waiting, awaited, *when = whole
            if not set(guids) & set(waiting) or not set(gone) & set(awaited) or steps not in (None, named):
                kept.append(whole)
                continue
            changed = True
            kept.append((named, [guid for guid in waiting if guid not in guids], awaited, *when))
            left = [guid for guid in awaited if guid not in gone]
            if left:
                kept.append((named, [guid for guid in waiting if guid in guids], left, *when))
        self.conditions = kept
        return changed

    def planned(self, guid):
        """When each of the values that are planned for a resource comes, and that value."""
        for plan in self.plans:
            waiting, awaited, state, delay, value = plan
            if guid in waiting:
                reached = [self.reached(other, state) for other in awaited]
                yield self._later(0, reached, delay), value, plan

    @staticmethod
    def _later(due, reached, delay):
        if due == "never" or "never" in reached:
            return "never"
        return None if due is None or None in reached else max(due, max(reached) + delay)

    def has_stop(self, guid):
        return any(Step.STOP in steps and guid in waiting for steps, waiting, *_ in self.conditions)

    def wish(self, guid):
        """The step that comes next by itself."""
        resource = self.lab.resource(guid)
        if resource.group is None or resource.attempt or resource.releasing or resource.state in FINAL:
            return None
        if resource.state is ResourceState.READY:
            return Step.START
        if resource.state is STARTED:
            return Step.STOP if self.has_stop(guid) else None
        if resource.state is ResourceState.STOPPED:
            return None
        return DEPLOYMENT[resource.walked]


class Experiment(RuleBasedStateMachine):
    """One experiment, its controllers one after the other, and the world outside."""

    @initialize(
        kinds=st.lists(st.tuples(HOOKS, st.booleans(), FEW | st.just([])), min_size=2, max_size=6),
        lenient=st.booleans(),
        how=st.tuples(STATES, st.sampled_from([str(step) for step in (*DEPLOYMENT, Step.START)])),
    )
    def describe(self, kinds, lenient, how):
        self.lab = Lab(wants_abort=(lambda guid: False) if lenient else None)
        self.oracle = Oracle(self.lab)
        self.probes = []
        self.seen = 0
        after, before = how
        for number, (hooks, critical, others) in enumerate(kinds):
            linked = sorted({other for other in others if other < number})
            links = [link(f"t{other}", name=f"l{other}", after=after.name, before=before) for other in linked]
            rtype = self.lab.type(f"t{number}", hooks, links)
            guid = self.lab.add(rtype=rtype, critical=critical)
            for other in linked:
                self.lab.connect(guid, other + 1)
                self.oracle.conditions.append(([Step(before)], [guid], [other + 1], after, 0))
        self.oracle.linked = len(self.oracle.conditions)

    # --- what the user does

    def _pick(self, guids):
        known = list(self.lab.world.resources)
        return list(dict.fromkeys(known[index % len(known)] for index in guids))

    @rule(ones=FEW, action=st.sampled_from(ResourceAction), others=FEW, state=STATES, delay=DELAYS)
    def condition(self, ones, action, others, state, delay):
        ones, others = self._pick(ones), self._pick(others)
        try:
            self.lab.when(ones, action, others, state, delay)
        except ExperimentError:
            return
        self.oracle.conditions.append((ACTIONS[action], ones, others, state, round(delay * S)))

    @rule(ones=FEW, others=FEW, action=st.none() | st.sampled_from(ResourceAction))
    def drop(self, ones, others, action):
        ones, others = self._pick(ones), self._pick(others)
        changed = self.oracle.drop(ones, others, None if action is None else ACTIONS[action])
        try:
            self.lab.turn(revise.drop_conditions(self.lab.world, ones, others, action))
        except ExperimentError:
            assert not changed
            return
        assert changed

    @rule(ones=FEW, others=FEW, state=STATES, delay=DELAYS, value=INDEX)
    def plan(self, ones, others, state, delay, value):
        ones, others = self._pick(ones), self._pick(others)
        due = round(delay * S)
        try:
            self.lab.turn(revise.plan_value(self.lab.world, "x", value, "live", ones, others, state, due))
        except ExperimentError:
            return
        self.oracle.plans.append((set(ones), others, state, due, value))

    @rule(guids=FEW | st.none(), barrier=st.booleans(), join=st.booleans())
    def deploy(self, guids, barrier, join):
        groups = self.lab.world.groups
        group = next(iter(groups), None) if join else None
        try:
            number = self.lab.deploy(*(self._pick(guids) if guids else ()), barrier=barrier, group=group)
        except ExperimentError:
            return
        if barrier and group is None:
            self.oracle.barriers[number] = []
        if number in self.oracle.barriers:
            self.oracle.barriers[number] = list(groups[number].members)

    @rule(index=INDEX, step=st.sampled_from([Step.DISCOVER, Step.RESERVE, Step.PROVISION, Step.START, Step.STOP]))
    def request(self, index, step):
        (guid,) = self._pick([index])
        try:
            self.lab.request(guid, step)
        except ExperimentError:
            return

    @precondition(lambda self: self.lab.now > 103 * S)
    @rule(guids=FEW)
    def release(self, guids):
        try:
            self.lab.release(*self._pick(guids))
        except ExperimentError:
            return  # others still run on it

    # --- what the world does

    def _at_work(self):
        asked = {probe.guid for probe in self.probes}
        return [guid for guid, it in self.lab.world.resources.items() if it.attempt is not None and guid not in asked]

    def _one_of(self, guids, index):
        return guids[index % len(guids)] if guids else None

    @rule(indexes=st.lists(INDEX, min_size=1, max_size=4))
    def done(self, indexes):
        working = self._at_work()
        if working:
            self.lab.done(*{self._one_of(working, index) for index in indexes}, receipt={"pid": indexes[0]})

    @precondition(lambda self: self.lab.now > 101 * S)
    @rule(index=INDEX)
    def fail(self, index):
        guid = self._one_of(self._at_work(), index)
        if guid is not None:
            self.lab.fail(guid)

    @rule(index=INDEX, code=st.integers(0, 1), fails=st.booleans())
    def end(self, index, code, fails):
        begun = [guid for guid, it in self.lab.world.resources.items() if it.times.get(STARTED) or it.attempt]
        guid = self._one_of(begun, index)
        if guid is not None:
            self.lab.failed(guid, code=code or None) if fails else self.lab.ended(guid, code)

    @rule(seconds=st.sampled_from([1e-9, 0.5, 1, 10]))
    def wait(self, seconds):
        self.lab.wait(seconds)

    # --- crashes

    @rule(lose=st.booleans())
    def crash(self, lose):
        if lose and self._at_work():  # the answer of a hook was heard, but not yet written
            self.lab.kernel.hear(messages.HookDone(self._at_work()[0], self.lab.token(self._at_work()[0]), None))
        self.lab = self.oracle.lab = self.lab.crash()
        self.probes = [effect for effect in self.lab.take_over() if type(effect).__name__ == "Probe"]

    @rule(index=INDEX, answer=st.sampled_from(["found", "found", "ended", "not begun", "lost", "silence"]))
    def answer(self, index, answer):
        if not self.probes:
            return
        probe = self.probes.pop(index % len(self.probes))
        guid, token = probe.guid, probe.attempt.token
        found = messages.Found(guid, token)
        answers = {
            "found": [found],
            "ended": [messages.EndedByItself(guid, 1), found],
            "not begun": [messages.NotBegun(guid, token)],
            "lost": [messages.Lost(guid, token, "gone")],
            "silence": [messages.Unanswered(guid, token, "no route")],
        }
        self.lab.turn(*answers[answer])

    # --- what must hold

    @invariant()
    def nothing_too_early(self):
        self.oracle.see()
        for entry in self.lab.entries[self.seen :]:
            self._check(entry)
        self.seen = len(self.lab.entries)

    def _check(self, entry):
        match entry.event:
            case events.StepBegun(guid, step):
                steps = [step]
            case events.StepPassed(guid, steps):
                pass
            case events.AttributeSet(guid, value=value):
                self._check_planned(guid, value, entry.time)
                return
            case _:
                return
        asked = entry.cause and isinstance(self.lab.entries[entry.cause - 1].event, events.StepRequested)
        if asked or Step.RELEASE in steps or self.lab.resource(guid).releasing or self._was_asked(guid, entry):
            return
        for step in steps:
            due = self.oracle.due(guid, step)
            assert due not in (None, "never"), f"{step} of #{guid} came though something was missing"
            assert entry.time >= due, f"{step} of #{guid} came {due - entry.time} ns too early"

    def _check_planned(self, guid, value, time):
        found = [(due, plan) for due, planned, plan in self.oracle.planned(guid) if planned == value]
        due, plan = min(found, key=lambda it: it[0] if isinstance(it[0], int) else time + 1)
        assert due not in (None, "never"), f"x of #{guid} was set though something was missing"
        assert time >= due, f"x of #{guid} was set {due - time} ns too early"
        plan[0].discard(guid)

    def _was_asked(self, guid, entry):
        """Whether the last word on a resource before this entry was a request, which asks no conditions."""
        mine = [e.event for e in self.lab.entries[: entry.seq - 1] if e.event.guid == guid]
        last = next((e for e in reversed(mine) if not isinstance(e, events.StepVoided | events.StepBegun)), None)
        return isinstance(last, events.StepRequested)

    @invariant()
    def nothing_too_late(self):
        for guid, resource in self.lab.world.resources.items():
            step = self.oracle.wish(guid)
            if step is None or resource.requested is not None:
                continue
            due = self.oracle.due(guid, step, latest=True)
            if due == "never":
                raise AssertionError(f"{step} of #{guid} can never come, and nobody says so")
            if due is not None and not (self.lab.world.aborted and step is not Step.STOP):
                assert due > self.lab.now, f"{step} of #{guid} may come, and does not"
                assert self.lab.kernel.next_due() <= due, f"nobody will look after {step} of #{guid} in time"
        for guid, resource in self.lab.world.resources.items():
            for due, *_ in self.oracle.planned(guid):
                if resource.state is STARTED and not resource.releasing and due is not None:
                    assert due != "never", f"x of #{guid} can never be set, and nobody says so"
                    assert due > self.lab.now, f"x of #{guid} may be set, and is not"
                    assert self.lab.kernel.next_due() <= due, f"nobody will set x of #{guid} in time"

    def teardown(self):
        if not hasattr(self, "lab"):
            return
        for probe in self.probes:
            self.lab.turn(messages.Found(probe.guid, probe.attempt.token))
        self.probes = []
        self._drive()
        self.nothing_too_early()
        self.nothing_too_late()
        self.lab.release()
        self._drive()
        assert set(self.lab.state(*self.lab.world.resources)) == {"RELEASED"}

    def _drive(self):
        """Every hook returns, and every delay goes by."""
        while True:
            if working := self._at_work():
                self.lab.done(*working)
            elif self.lab.kernel.next_due() is not None:
                self.lab.wait((self.lab.kernel.next_due() - self.lab.now) / S + 1e-9)
            else:
                return


def prove(examples, steps):
    run_state_machine_as_test(
        Experiment,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_random_experiments():
    prove(int(os.environ.get("NETREEL_EXAMPLES", "100")), 20)


@pytest.mark.torture
def test_many_random_experiments():
    prove(5000, 60)
