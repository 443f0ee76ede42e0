"""The audit finds nothing in good logs, and in a doctored one exactly the rule that was broken."""

import msgspec
import pytest
from msgspec.structs import replace

import replay
from engine import journal
from engine.core import events
from engine.core.states import DEPLOYMENT, ResourceState, Step
from engine.core.world import EXPERIMENT
from eventlog import FileStore
from replay.audit import audit
from tests.engine.core.lab import START, Lab, S, declare, link
from tests.engine.kinds import Plain

WALK = events.StepPassed(1, list(DEPLOYMENT))


class Story:
    """Entries as a log would have them, numbered and timed one after the other."""

    def __init__(self):
        self.entries = []
        self.now = 100 * S
        self.tell(events.ControllerOpened(EXPERIMENT, "exp", "run", {}, persist=False))

    def tell(self, *told, cause=0, epoch=1):
        for event in told:
            self.entries.append(events.Entry(len(self.entries) + 1, self.now, cause, epoch, event))
        return self

    def wait(self, seconds):
        self.now += round(seconds * S)
        return self

    def register(self, number=2, links=(), **attributes):
        self.tell(declare("plain", ("start", "stop", "release"), links))
        return self.tell(*(events.ResourceRegistered(guid, "plain", attributes, None) for guid in range(1, number + 1)))

    def deploy(self, *guids, barrier=False):
        return self.tell(events.GroupDeployed(EXPERIMENT, 1, list(guids), barrier))

    def walk(self, *guids):
        return self.tell(*(events.StepPassed(guid, list(DEPLOYMENT)) for guid in guids))

    def step(self, guid, step, token=None):
        token = token or f"t-{guid}-{len(self.entries)}"
        return self.tell(events.StepBegun(guid, step, token), events.StepDone(guid, step, None))

    def when(self, guid, step, on, state, delay=0):
        return self.tell(events.ConditionRegistered(EXPERIMENT, [guid], step, [on], state, delay * S))


def broken(story):
    """The rules that were broken, each with the event and the resource."""
    return [(found.rule, found.seq, found.guid) for found in audit(story.entries)]


@pytest.fixture
def story():
    return Story()


@pytest.fixture
def ready(story):
    """Two resources that are READY."""
    return story.register().deploy(1, 2).walk(1, 2)


def last(story, rule, guid=0):
    return [(rule, len(story.entries), guid)]


# --- good ones


def test_an_ordinary_life(ready):
    ready.step(1, Step.START).tell(events.ResourceEnded(1, 0, None)).step(1, Step.START).step(1, Step.STOP)
    ready.tell(events.ReleaseRequested(EXPERIMENT, [1, 2])).step(1, Step.RELEASE).step(2, Step.RELEASE)
    ready.tell(events.RunClosed(EXPERIMENT))
    assert broken(ready) == []


def test_a_log_that_the_engine_wrote(ec):
    one = ec()
    one.add(Plain())
    one.deploy()
    one.wait_started(1)
    one.shutdown()
    assert replay.check(one.run_dir) == []
    records = list(FileStore(one.run_dir).read())
    assert audit(journal.to_entry(record) for record in records) == []


def test_a_life_with_everything_in_it():
    lab = Lab()
    lab.type("host", ("provision", "release"))
    lab.type("app", ("start", "stop", "release"), [link("host")])
    host = lab.add(rtype="host")
    apps = [lab.add(rtype="app", to=[host], critical=False) for _ in range(2)]
    lab.when(apps[1], START, apps[0], ResourceState.STARTED, 2)
    lab.deploy()
    lab.done(host)
    lab.fail(apps[0])
    lab.wait(2)
    lab = lab.crash()
    lab.take_over()
    lab.done(apps[1])
    lab.release()
    while working := [guid for guid, it in lab.world.resources.items() if it.attempt]:
        lab.done(*working)
    assert audit(lab.entries) == []
    assert len(lab.entries) > 20


# --- the order of the log


@pytest.mark.parametrize(
    ("doctored", "rule"),
    [
        ({"seq": 9}, "order"),
        ({"seq": 1}, "order"),
        ({"cause": 4}, "cause"),
        ({"cause": 9}, "cause"),
        ({"cause": -1}, "cause"),
        ({"time": 1}, "time"),
        ({"epoch": 2}, "epoch"),
        ({"epoch": 0}, "epoch"),
    ],
)
def test_an_entry_out_of_place(story, doctored, rule):
    story.register(1)
    story.tell(events.TaskScheduled(EXPERIMENT, 1, 5))
    story.entries[3] = replace(story.entries[3], **doctored)
    assert {found.rule for found in audit(story.entries)} == {rule}


def test_a_controller_that_was_replaced_writes_on(ready):
    ready.tell(events.ControllerOpened(EXPERIMENT, "exp", "run", {}, persist=False), epoch=2)
    ready.tell(events.TaskScheduled(EXPERIMENT, 1, 5), epoch=1)
    assert {rule for rule, *_ in broken(ready)} == {"epoch"}


def test_the_first_event_is_that_somebody_took_charge(story):
    story.entries.clear()
    story.tell(events.TaskScheduled(EXPERIMENT, 1, 5))
    assert broken(story) == [("epoch", 1, 0)]


# --- what is there


def test_registered_twice(story):
    story.register(1).tell(events.ResourceRegistered(1, "plain", {}, None))
    assert broken(story) == last(story, "registered", 1)


@pytest.mark.parametrize(
    "event",
    [
        events.StepDone(9, Step.START, None),
        events.ResourceConnected(1, 9),
        events.ResourceRegistered(5, "nothing", {}, None),
        events.GroupDeployed(EXPERIMENT, 1, [1, 9], False),
        events.ReleaseRequested(EXPERIMENT, [9]),
        events.ConditionRegistered(EXPERIMENT, [1], Step.START, [9], ResourceState.READY, 0),
        events.ConditionRegistered(EXPERIMENT, [9], Step.START, [1], ResourceState.READY, 0),
        events.AttributeSet(9, "critical", False, 0),
    ],
)
def test_what_nobody_has_registered(story, event):
    story.register(1).tell(event)
    assert broken(story) == last(story, "registered", event.guid)


# --- steps


def test_two_at_a_time(ready):
    ready.tell(events.StepBegun(1, Step.START, "a"), events.StepBegun(1, Step.START, "b"))
    assert broken(ready) == last(ready, "one at a time", 1)


def test_a_token_twice(ready):
    ready.step(1, Step.START, "a").tell(events.StepBegun(2, Step.START, "a"))
    assert broken(ready) == last(ready, "token", 2)


def test_a_step_that_the_state_does_not_allow(ready):
    ready.tell(events.StepBegun(1, Step.STOP, "a"))
    assert broken(ready) == last(ready, "transition", 1)


def test_a_state_that_does_not_follow(ready):
    ready.tell(events.StepPassed(1, [Step.STOP]))
    assert broken(ready) == last(ready, "transition", 1)


@pytest.mark.parametrize(
    "event",
    [events.StepDone(1, Step.START, None), events.StepFailed(1, Step.START, {}), events.StepVoided(1, Step.START, "x")],
)
def test_an_effect_without_its_intent(ready, event):
    ready.tell(event)
    assert broken(ready) == last(ready, "intent", 1)


@pytest.mark.parametrize("said", [[""], ["is slow", "is slow"], ["is slow", "", ""]])
def test_what_was_said_already(ready, said):
    ready.tell(*(events.ResourceRemarked(1, remark) for remark in said))
    assert broken(ready) == last(ready, "remark", 1)


def test_what_is_said_anew(ready):
    ready.tell(*(events.ResourceRemarked(1, remark) for remark in ["is slow", "is slower", "", "is slow"]))
    assert broken(ready) == []


def test_the_outcome_of_another_step(ready):
    ready.tell(events.StepBegun(1, Step.START, "a"), events.StepDone(1, Step.DEPLOY, None))
    assert ("intent", len(ready.entries), 1) in broken(ready)


def test_a_deployment_out_of_turn(story):
    story.register(1).deploy(1).tell(events.StepPassed(1, [Step.RESERVE]))
    assert ("walk", len(story.entries), 1) in broken(story)


def test_something_after_the_release(ready):
    ready.tell(events.ReleaseRequested(EXPERIMENT, [1])).step(1, Step.RELEASE)
    ready.tell(events.StepRequested(1, Step.START))
    assert broken(ready) == last(ready, "released", 1)


def test_a_start_after_the_abort(ready):
    ready.tell(events.ResourceFailed(2, {}, None, 0), events.ExperimentAborted(EXPERIMENT, 2))
    ready.tell(events.StepBegun(1, Step.START, "a"))
    assert broken(ready) == last(ready, "aborted", 1)


# --- conditions


def test_a_step_before_its_condition(ready):
    ready.when(1, Step.START, 2, ResourceState.STARTED).tell(events.StepBegun(1, Step.START, "a"))
    assert broken(ready) == last(ready, "condition", 1)


def test_a_step_before_its_delay(ready):
    ready.when(1, Step.START, 2, ResourceState.STARTED, 5).step(2, Step.START).wait(4.5)
    ready.tell(events.StepBegun(1, Step.START, "a"))
    assert broken(ready) == last(ready, "delay", 1)
    assert "start came 0.5 s before its delay had gone by" in str(audit(ready.entries)[0])


def test_a_step_right_after_its_delay(ready):
    ready.when(1, Step.START, 2, ResourceState.STARTED, 5).step(2, Step.START).wait(5)
    ready.tell(events.StepBegun(1, Step.START, "a"))
    assert broken(ready) == []


def test_a_condition_on_deploy_holds_back_all_of_it(story):
    story.register().deploy(1, 2).when(1, Step.DISCOVER, 2, ResourceState.READY)
    story.tell(events.StepRequested(1, Step.DISCOVER), events.StepPassed(1, [Step.DISCOVER]))
    story.tell(events.StepPassed(1, [Step.RESERVE]))
    assert broken(story) == last(story, "condition", 1)


def test_a_step_on_demand_asks_no_condition(ready):
    ready.when(1, Step.START, 2, ResourceState.STARTED)
    ready.tell(events.StepRequested(1, Step.START)).step(1, Step.START)
    assert broken(ready) == []


def test_a_start_before_the_group_is_ready(story):
    story.register().deploy(1, 2, barrier=True).walk(1)
    story.tell(events.StepBegun(1, Step.START, "a"))
    assert broken(story) == last(story, "condition", 1)


def test_a_step_before_the_linked_one(story):
    story.register(links=[link("plain", before="configure")]).tell(events.ResourceConnected(1, 2)).deploy(1, 2)
    story.tell(events.StepPassed(1, list(DEPLOYMENT[:3])), events.StepPassed(1, [Step.CONFIGURE]))
    assert broken(story) == last(story, "condition", 1)


@pytest.mark.parametrize("critical", [True, False])
def test_a_failure_counts_if_it_is_not_critical(story, critical):
    story.register(critical=critical).deploy(1, 2).walk(1, 2).when(1, Step.START, 2, ResourceState.STARTED)
    story.tell(events.ResourceFailed(2, {}, None, 0)).tell(events.StepBegun(1, Step.START, "a"))
    assert broken(story) == (last(story, "condition", 1) if critical else [])


def test_a_value_that_was_set_later_counts(story):
    story.register().tell(events.AttributeSet(2, "critical", False, 0)).deploy(1, 2).walk(1, 2)
    story.when(1, Step.START, 2, ResourceState.STARTED).tell(events.ResourceFailed(2, {}, None, 0))
    story.tell(events.StepBegun(1, Step.START, "a"))
    assert broken(story) == []


@pytest.mark.parametrize(("released", "needed"), [([3], True), ([3, 1], False), ([1], False)])
def test_what_another_one_still_needs_is_released(story, released, needed):
    story.register(links=[link("host")]).tell(declare("host"), events.ResourceRegistered(3, "host", {}, None))
    story.tell(events.ResourceConnected(1, 3)).deploy(1, 3).walk(3, 1)
    story.tell(events.ReleaseRequested(EXPERIMENT, released))
    assert broken(story) == (last(story, "dependents") if needed else [])


def test_what_only_a_new_one_would_need_may_be_released(story):
    story.register(links=[link("host")]).tell(declare("host"), events.ResourceRegistered(3, "host", {}, None))
    story.tell(events.ResourceConnected(1, 3)).deploy(3).walk(3)
    story.tell(events.ReleaseRequested(EXPERIMENT, [3]))
    assert broken(story) == []


# --- the end


RAISED = {"type": "ValueError", "message": "no", "step": "on_set"}


@pytest.mark.parametrize(
    "event", [None, events.ResourceFailed(1, {}, None, 2), events.ResourceFailed(1, RAISED, None, 0)]
)
def test_released_without_an_end_of_what_was_started(ready, event):
    ready.step(1, Step.START).tell(*([event] if event else []))
    ready.tell(events.ReleaseRequested(EXPERIMENT, [1])).step(1, Step.RELEASE)
    assert broken(ready) == last(ready, "end", 1)


@pytest.mark.parametrize(
    "ends",
    [
        [events.ResourceEnded(1, 0, None)],
        [events.ResourceEnded(1, None, "its supervisor is gone")],
        [events.ResourceFailed(1, {"message": "died"}, None, 0)],
        [events.StepBegun(1, Step.STOP, "s"), events.StepDone(1, Step.STOP, None)],
        [events.StepBegun(1, Step.STOP, "s"), events.StepFailed(1, Step.STOP, {})],
        [events.StepPassed(1, [Step.STOP])],
    ],
)
def test_released_after_an_end(ready, ends):
    ready.step(1, Step.START).tell(events.ReleaseRequested(EXPERIMENT, [1]), *ends).step(1, Step.RELEASE)
    assert broken(ready) == []


def test_closed_while_something_is_left(ready):
    ready.tell(events.RunClosed(EXPERIMENT))
    assert broken(ready) == last(ready, "closed")


def test_something_after_the_close(story):
    story.tell(events.RunClosed(EXPERIMENT), events.TaskScheduled(EXPERIMENT, 1, 5))
    assert broken(story) == last(story, "closed")


def test_a_violation_says_where_and_what(ready):
    ready.tell(events.StepDone(1, Step.START, None))
    (found,) = audit(ready.entries)
    assert str(found) == f"event {found.seq}: intent: step.done of start of #1, which had not begun"
    assert found.to_dict() == msgspec.structs.asdict(found)


# --- what was taken back, planned or said of a type


def test_a_condition_that_was_reduced_counts_as_it_is_left(story):
    story.register(3).when(1, Step.START, 2, ResourceState.STARTED)
    made = len(story.entries)
    story.deploy(1, 2, 3).walk(1, 2, 3)
    story.tell(events.ConditionReduced(EXPERIMENT, made, [1], [3])).step(1, Step.START)
    assert broken(story) == [("condition", len(story.entries) - 1, 1)]


def test_a_condition_that_is_gone_holds_nothing_back(ready):
    ready.when(1, Step.START, 2, ResourceState.STARTED)
    ready.tell(events.ConditionReduced(EXPERIMENT, len(ready.entries), [1], [])).step(1, Step.START)
    assert broken(ready) == []


def test_a_condition_that_nobody_made_cannot_be_reduced(ready):
    ready.tell(events.ConditionReduced(EXPERIMENT, 2, [1], []))
    assert broken(ready) == last(ready, "condition")


def test_one_that_is_disconnected_is_waited_for_no_more(story):
    story.register(links=[link("plain")])
    story.tell(events.ResourceConnected(1, 2), events.ResourceDisconnected(2, 1)).deploy(1).walk(1)
    assert broken(story) == []


def test_a_planned_value_before_its_time(ready):
    ready.tell(events.AttributePlanned(EXPERIMENT, [1], "level", 9, [2], ResourceState.STARTED, 2 * S))
    plan = len(ready.entries)
    ready.step(1, Step.START).step(2, Step.START).wait(1).tell(events.AttributeSet(1, "level", 9, plan))
    assert broken(ready) == last(ready, "delay", 1)
    ready.entries.pop()
    ready.wait(1).tell(events.AttributeSet(1, "level", 9, plan))
    assert broken(ready) == []


def test_a_planned_value_of_one_that_does_not_run(ready):
    ready.tell(events.AttributePlanned(EXPERIMENT, [1], "level", 9, [2], ResourceState.READY, 0))
    ready.tell(events.AttributeSet(1, "level", 9, len(ready.entries)))
    assert broken(ready) == last(ready, "plan", 1)


def test_a_value_that_nobody_planned(ready):
    ready.tell(events.AttributeSet(1, "level", 9, 2))
    assert broken(ready) == last(ready, "plan", 1)


def test_what_is_said_of_a_type_counts_where_nothing_else_was_said(story):
    story.register(3).tell(events.AttributeSet(3, "critical", True, 0)).deploy(1, 2, 3).walk(1, 2, 3)
    for other in (2, 3):
        story.when(1, Step.START, other, ResourceState.STOPPED)
        story.tell(events.ResourceFailed(other, {"message": "died"}, None, 0))
    story.tell(events.GlobalSet(EXPERIMENT, "plain", "critical", False)).step(1, Step.START)
    assert broken(story) == [("condition", len(story.entries) - 1, 1)]  # of #3, not of #2


def test_what_is_forgotten_though_it_is_there(ready):
    ready.tell(events.ResourceRemoved(EXPERIMENT, [1]))
    assert broken(ready) == last(ready, "released")


def test_what_is_forgotten_though_another_counts_on_it(story):
    story.register().when(1, Step.START, 2, ResourceState.STARTED).tell(events.ResourceRemoved(EXPERIMENT, [2]))
    assert broken(story) == last(story, "released")


def test_what_is_forgotten_is_not_heard_of_again(story):
    story.register().tell(events.ResourceRemoved(EXPERIMENT, [2])).deploy(2)
    assert broken(story) == last(story, "registered")


def test_a_group_goes_on_when_all_its_members_are_forgotten(story):
    story.register().deploy(1, barrier=True).tell(events.ReleaseRequested(EXPERIMENT, [1])).step(1, Step.RELEASE)
    story.tell(events.ResourceRemoved(EXPERIMENT, [1])).deploy(2, barrier=True).walk(2).step(2, Step.START)
    assert broken(story) == []


def test_a_label_of_two(story):
    story.register(0)
    story.tell(*(events.ResourceRegistered(guid, "plain", {}, "server") for guid in (1, 2)))
    assert broken(story) == last(story, "registered", 2)
