"""A step whose result is no longer wanted has so long to end; then it is given up, named, and waited for no longer."""

import pytest

from engine.core import events, messages
from engine.core.kernel import NEVER_RETURNED
from engine.core.states import Step
from tests.engine.core.lab import Lab


@pytest.fixture
def lab():
    return Lab(wants_abort=lambda guid: False)


def test_a_step_of_one_that_is_released_is_cancelled_and_given_up(lab):
    one = lab.add("deploy", "release")
    lab.deploy()
    lab.release()
    assert lab.cancelled == [one]
    lab.wait(9.9)
    assert lab.given_up == []
    lab.wait(0.1)
    assert lab.given_up == [one]
    assert lab.look() == ["deploy #1", "release #1"]
    lab.done(one)
    assert lab.state(one) == "RELEASED"
    assert lab.resource(one).error == {
        "type": NEVER_RETURNED,
        "message": "its deploy was given up: it had not ended 10 s after it was cancelled",
        "step": "deploy",
    }


def test_what_it_comes_to_after_that_is_not_heard(lab):
    one = lab.add("start", "stop", "release")
    lab.deploy()
    token = lab.token(one)
    lab.release()
    lab.wait(10)
    seq = lab.world.seq
    lab.turn(messages.HookDone(one, token, {"pid": 1}))
    assert lab.world.seq == seq
    assert lab.resource(one).receipts == {}


def test_one_that_heeds_the_cancel_is_not_given_up(lab):
    one = lab.add("deploy", "release")
    lab.deploy()
    lab.release()
    lab.wait(5)
    lab.done(one)
    lab.wait(60)
    assert lab.given_up == []
    assert lab.look() == ["deploy #1", "release #1"]


def test_what_undoes_has_sixty_times_as_long_before_it_is_cancelled(lab):
    one = lab.add("start", "stop", "release")
    lab.deploy()
    lab.done(one)
    lab.release()
    assert lab.look() == ["start #1", "stop #1"]
    lab.wait(599.9)
    assert lab.cancelled == []
    lab.wait(0.1)
    assert (lab.cancelled, lab.given_up) == ([one], [])
    lab.wait(10)
    assert lab.given_up == [one]
    assert lab.look() == ["release #1"]
    lab.wait(610)
    assert lab.given_up == [one, one]
    assert lab.state(one) == "RELEASED"
    assert lab.resource(one).error["message"].startswith("its release was given up")


def test_a_stop_that_nobody_releases_has_all_the_time_that_it_takes(lab):
    one = lab.add("start", "stop")
    lab.deploy()
    lab.done(one)
    lab.request(one, Step.STOP)
    lab.wait(10_000)
    assert (lab.cancelled, lab.given_up) == ([], [])


def test_each_attempt_has_a_limit_of_its_own(lab):
    one = lab.add("deploy", "start", "release")
    lab.deploy()
    lab.release()
    lab.wait(9)
    lab.fail(one)
    lab.wait(500)
    assert (lab.cancelled, lab.given_up) == ([one], [])


def test_a_probe_that_is_not_answered_is_given_up_as_well(lab):
    one = lab.add("start", "release")
    lab.deploy()
    lab.release()
    lab = lab.crash()
    lab.take_over()
    assert lab.probed == ["start #1"]
    lab.wait(10)
    assert lab.given_up == [one]
    assert lab.look() == ["release #1"]


def test_a_run_that_has_given_something_up_breaks_no_rule_and_says_so(lab):
    one = lab.add("start", "release")
    lab.deploy()
    lab.release()
    lab.wait(10)
    failed = [entry.event for entry in lab.entries if isinstance(entry.event, events.StepFailed)]
    assert [(event.guid, event.step, event.error["type"]) for event in failed] == [(one, Step.START, NEVER_RETURNED)]
