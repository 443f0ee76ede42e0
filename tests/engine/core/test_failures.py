"""Failures: what they mean for the one that fails, for those who wait for it, and for the experiment."""

import pytest

from engine.core import decide, messages, stepping
from engine.core.errors import BadCondition, ExperimentAborted
from engine.core.states import ResourceState as State
from engine.core.states import Step
from tests.engine.core.lab import DEPLOY, START, STOP, Lab, link


@pytest.fixture
def lab():
    return Lab()


def test_a_hook_that_raises_fails_its_resource_and_is_told_why(lab):
    one = lab.add("deploy")
    lab.deploy()
    lab.fail(one, "no such switch")
    assert lab.state(one) == "FAILED"
    assert lab.resource(one).error == {"type": "RuntimeError", "message": "no such switch", "step": "deploy"}


def test_a_critical_failure_aborts(lab):
    one, two, three = lab.add("start"), lab.add("deploy", "start"), lab.add("reserve", "deploy")
    lab.deploy(barrier=False)
    lab.look()
    lab.fail(one)
    assert lab.world.aborted_by == [one]
    lab.done(two, three)
    assert lab.look() == []
    assert lab.state(two, three) == ["READY", "RESERVED"]


def test_nothing_is_deployed_or_started_after_an_abort(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.deploy(one)
    lab.fail(one, "smoke")
    for refused in (lambda: lab.deploy(two), lambda: lab.request(two, "discover"), lambda: lab.add("start", auto=True)):
        with pytest.raises(ExperimentAborted, match="#1 start failed in start: smoke") as refusal:
            refused()
        assert [failure.guid for failure in refusal.value.failures] == [one]


def test_running_ones_go_on_after_an_abort_and_can_be_stopped_and_released(lab):
    one, two = lab.add("start", "stop"), lab.add("start")
    lab.deploy()
    lab.done(one)
    lab.fail(two)
    assert lab.state(one) == "STARTED"
    lab.request(one, "stop")
    lab.done(one)
    lab.release()
    assert lab.state(one, two) == ["RELEASED", "RELEASED"]


def test_a_stop_condition_still_counts_after_an_abort(lab):
    one, two = lab.add("start", "stop"), lab.add("start")
    lab.when(one, STOP, one, State.STARTED, 5)
    lab.deploy()
    lab.done(one)
    lab.fail(two)
    lab.look()
    lab.wait(5)
    assert lab.look() == ["stop #1"]


def test_those_who_wait_for_a_critical_one_fail_too_and_name_it(lab):
    one, two, three = lab.add("start"), lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.STARTED)
    lab.when(three, START, two, State.STARTED)
    lab.deploy()
    lab.fail(one)
    assert lab.state(two, three) == ["FAILED", "FAILED"]
    assert lab.resource(two).error == {
        "type": "DependencyLost",
        "message": "it waits for #1 start, which is FAILED",
    }
    assert lab.world.aborted_by == [one, two, three]


def test_a_failure_that_aborts_nothing_still_fails_those_who_wait(lab):
    lab.wants_abort = lambda guid: False
    one, two, three = lab.add("start"), lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.STARTED)
    lab.deploy(barrier=False)
    lab.fail(one)
    lab.done(three)
    assert lab.state(one, two, three) == ["FAILED", "FAILED", "STARTED"]
    assert not lab.world.aborted


def refused(lab, *guids, **how):
    seq = lab.world.seq
    with pytest.raises(BadCondition) as caught:
        lab.deploy(*guids, **how)
    assert lab.world.seq == seq
    return str(caught.value)


@pytest.mark.parametrize("action", [DEPLOY, START, STOP])
def test_what_would_wait_for_one_that_is_lost_is_not_deployed(lab, action):
    lab.wants_abort = lambda guid: False
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, action, one, State.STARTED)
    lab.deploy(one)
    lab.fail(one)
    assert refused(lab, two) == (
        "#2 start would wait for #1 start to be STARTED, and that is FAILED: it can never hold; unregister the "
        "condition first"
    )


def test_who_would_join_a_barrier_that_can_never_open_is_not_deployed(lab):
    lab.wants_abort = lambda guid: False
    one, two = lab.add("deploy"), lab.add()
    group = lab.deploy(one)
    lab.fail(one)
    assert "READY, and that is FAILED: it can never hold; deploy it in another group" in refused(lab, two, group=group)
    lab.deploy(two)
    assert lab.state(two) == "STARTED"


def test_a_lost_condition_that_is_behind_a_resource_keeps_it_from_nothing(lab):
    lab.wants_abort = lambda guid: False
    lab.type("host", ("deploy",))
    lab.type("app", (), [link("host", before="discover")])
    host = lab.add(rtype="host")
    app = lab.add(rtype="app", to=[host])
    lab.request(app, Step.DISCOVER)
    lab.deploy(host)
    lab.fail(host)
    lab.deploy(app)
    assert lab.state(app) == "STARTED"


def test_a_non_critical_failure_counts_as_reached_from_its_moment(lab):
    one, two, three = lab.add("start", critical=False), lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.STARTED, 5)
    lab.when(three, START, one, State.STOPPED)
    lab.deploy()
    lab.look()
    lab.wait(2)
    lab.fail(one)
    assert (lab.look(), lab.world.aborted) == (["start #3"], False)
    lab.wait(5)
    lab.done(two)
    assert lab.at(two, "STARTED") == 7


def test_a_non_critical_failure_of_the_past_counts_the_same(lab):
    one, two = lab.add("start", critical=False), lab.add("start")
    lab.deploy(one)
    lab.fail(one)
    lab.wait(2)
    lab.when(two, START, one, State.STARTED, 5)
    lab.deploy(two)
    lab.wait(3)
    lab.done(two)
    assert lab.at(two, "STARTED") == 5


def test_a_state_that_was_reached_before_the_failure_counts_from_then(lab):
    one, two = lab.add("start", critical=False), lab.add("start")
    lab.deploy(one)
    lab.wait(4)
    lab.fail(one)
    lab.when(two, START, one, State.READY, 5)
    lab.deploy(two)
    lab.wait(1)
    lab.done(two)
    assert lab.at(two, "STARTED") == 5


def test_what_a_critical_one_had_reached_before_it_failed_stays_reached(lab):
    lab.wants_abort = lambda guid: False
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.READY)
    lab.deploy(one)
    lab.fail(one)
    lab.deploy(two)
    assert lab.look() == ["start #1", "start #2"]


@pytest.mark.parametrize("early", [True, False])
@pytest.mark.parametrize(("critical", "at"), [(True, "release"), (False, "failure")])
def test_a_failed_one_that_is_to_be_released(lab, early, critical, at):
    """A critical one can still be released; a non-critical one counts as having been. When it is asked is all one."""
    lab.wants_abort = lambda guid: False
    one, two = lab.add("start", critical=critical), lab.add("start")
    if early:
        lab.when(two, START, one, State.RELEASED)
    lab.deploy(one)
    lab.fail(one)
    if not early:
        lab.when(two, START, one, State.RELEASED)
    lab.deploy(two)
    lab.look()
    assert lab.state(two) == "READY"
    begun_at_failure = lab.resource(two).attempt is not None
    lab.release(one)
    assert begun_at_failure == (at == "failure")
    assert lab.resource(two).attempt is not None


@pytest.mark.parametrize("wanted", [State.STARTED, State.STOPPED])
def test_those_who_wait_for_one_that_is_released_first_fail(lab, wanted):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, wanted)
    lab.deploy(two)
    lab.release(one)
    assert lab.state(one, two) == ["RELEASED", "FAILED"]


def test_a_critical_failure_before_it_is_ready_fails_its_group_only_if_nobody_aborts(lab):
    one, two = lab.add("deploy", "start"), lab.add("start")
    lab.deploy()
    lab.fail(one)
    assert lab.state(one, two) == ["FAILED", "READY"]


def test_a_member_of_an_aborted_group_that_waits_for_the_failed_one_itself_fails(lab):
    one, two = lab.add("deploy", "start"), lab.add("start")
    lab.deploy()
    lab.when(two, START, one, State.READY)
    lab.fail(one)
    assert lab.state(one, two) == ["FAILED", "FAILED"]


def test_a_critical_failure_that_aborts_nothing_fails_its_group(lab):
    lab.wants_abort = lambda guid: False
    one, two = lab.add("deploy", "start"), lab.add("start")
    lab.deploy()
    lab.fail(one)
    assert lab.state(one, two) == ["FAILED", "FAILED"]


def test_a_non_critical_failure_lets_its_group_start(lab):
    one = lab.add("deploy", "start", critical=False)
    lab.add("start")
    lab.deploy()
    lab.look()
    lab.fail(one)
    assert lab.look() == ["start #2"]


def test_a_policy_may_abort_for_anyone(lab):
    lab.wants_abort = lambda guid: True
    one = lab.add("start", critical=False)
    lab.deploy()
    lab.fail(one)
    assert lab.world.aborted_by == [one]


def test_an_abort_is_due_to_the_failure(lab):
    """Also if the policy, while it is asked, does something else first."""
    lab.wants_abort = lambda guid: lab.kernel.emit(stepping.request_step(lab.world, two, Step.DISCOVER)[0])
    one, two = lab.add("start"), lab.add("discover")
    lab.deploy(one)
    lab.fail(one)
    failed, requested, aborted = lab.entries[-3:]
    assert [entry.event.kind for entry in (failed, requested, aborted)] == [
        "step.failed",
        "step.requested",
        "experiment.aborted",
    ]
    assert aborted.cause == failed.seq


def test_all_failures_are_told(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.deploy()
    error = {"type": "X", "message": "no", "step": "start"}
    lab.turn(*(messages.HookFailed(guid, lab.token(guid), error) for guid in (one, two)))
    assert lab.world.aborted_by == [one, two]
    told = decide.failures(lab.world, lab.world.aborted_by)
    assert [(failure.guid, failure.rtype, failure.action) for failure in told] == [
        (one, "start", "start"),
        (two, "start", "start"),
    ]


def test_a_step_that_was_requested_in_the_turn_of_the_abort_is_not_begun(lab):
    one, two = lab.add("start"), lab.add()
    lab.deploy(one)
    lab.look()
    requested = stepping.request_step(lab.world, two, Step.DISCOVER)
    error = {"type": "X", "message": "no", "step": "start"}
    lab.turn(requested, messages.HookFailed(one, lab.token(one), error))
    assert lab.state(one, two) == ["FAILED", "NEW"]


def test_one_that_failed_and_was_released_had_got_there_when_it_failed(lab):
    one = lab.add("deploy", "release", critical=False)
    early, late = lab.add(), lab.add()
    lab.when(early, START, one, State.RELEASED, 5)
    lab.deploy(one, early)
    lab.fail(one)
    lab.wait(1)
    lab.release(one)
    lab.done(one)
    lab.when(late, START, one, State.RELEASED, 5)
    lab.deploy(late)
    lab.wait(3)
    assert lab.state(early, late) == ["READY", "READY"]
    lab.wait(1)
    assert lab.state(early, late) == ["STARTED", "STARTED"]
