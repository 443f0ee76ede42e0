"""Ends that come by themselves: in time, before the start is recorded, during a stop, too late."""

import pytest

from engine.core import events, messages
from engine.core.states import Step
from tests.engine.core.lab import Lab


@pytest.fixture
def lab():
    return Lab()


@pytest.fixture
def running(lab):
    one = lab.add("start", "stop", "release")
    lab.deploy()
    lab.done(one)
    return one


def test_an_end_stops_it_with_its_status(lab, running):
    lab.ended(running, 3)
    assert (lab.state(running), lab.resource(running).exit_code) == ("STOPPED", 3)
    assert lab.entries[-1].cause == lab.resource(running).started_by


def test_a_failure_fails_it_with_its_status(lab, running):
    lab.failed(running, "killed", 137)
    assert (lab.state(running), lab.resource(running).exit_code) == ("FAILED", 137)
    assert lab.resource(running).error["message"] == "killed"
    assert lab.world.aborted_by == [running]


def test_an_end_before_the_start_is_recorded_takes_effect_right_after_it(lab):
    one = lab.add("start")
    lab.deploy()
    lab.ended(one, 4)
    assert lab.state(one) == "READY"
    lab.done(one)
    assert (lab.state(one), lab.resource(one).exit_code) == ("STOPPED", 4)
    assert lab.kinds()[-2:] == ["step.done", "resource.ended"]


def test_a_failure_before_the_start_is_recorded_takes_effect_right_after_it(lab):
    one = lab.add("start")
    lab.deploy()
    lab.failed(one, "died", 1)
    lab.done(one)
    assert lab.kinds()[-3:] == ["step.done", "resource.failed", "experiment.aborted"]


def test_an_end_before_its_start_began_takes_effect_right_after_it(lab):
    one, two = lab.add("deploy", "start"), lab.add("deploy")
    lab.deploy(barrier=False)
    lab.ended(one, 5)
    lab.ended(two, 6)
    lab.done(one, two)
    assert lab.state(one, two) == ["READY", "STOPPED"]
    lab.done(one)
    assert [lab.resource(guid).exit_code for guid in (one, two)] == [5, 6]
    assert lab.state(one) == "STOPPED"


def test_a_failure_during_an_earlier_step_takes_effect_right_after_that_step(lab):
    one = lab.add("deploy", "start")
    lab.deploy()
    lab.failed(one, "the host went down")
    assert lab.state(one) == "PROVISIONED"
    lab.done(one)
    assert lab.kinds()[-3:] == ["step.done", "resource.failed", "experiment.aborted"]


def test_a_failure_between_two_steps_takes_effect_at_once(lab):
    one, two = lab.add("start"), lab.add("deploy")
    lab.deploy()
    lab.failed(one, "the host went down")
    assert lab.state(one, two) == ["FAILED", "PROVISIONED"]


def test_a_failure_of_the_start_itself_comes_before_what_it_said(lab):
    one = lab.add("start")
    lab.deploy()
    lab.ended(one, 0)
    lab.fail(one, "no")
    assert (lab.state(one), lab.resource(one).error["message"]) == ("FAILED", "no")


def test_an_end_that_was_held_back_does_not_outlive_its_start(lab):
    one = lab.add("start")
    lab.deploy()
    lab.ended(one, 1)
    lab.done(one)
    lab.request(one, "start")
    lab.done(one)
    assert lab.state(one) == "STARTED"


@pytest.mark.parametrize("how", ["ended", "failed"])
def test_an_end_during_a_stop_only_tells_its_status(lab, running, how):
    lab.request(running, "stop")
    lab.ended(running, 143) if how == "ended" else lab.failed(running, "killed", 143)
    assert (lab.state(running), lab.resource(running).exit_code) == ("STARTED", 143)
    lab.done(running)
    assert (lab.state(running), lab.world.aborted) == ("STOPPED", False)


def test_an_end_during_the_release_of_a_failed_one_is_recorded(lab, running):
    lab.failed(running, "lost")
    lab.release()
    lab.ended(running, 9)
    lab.done(running)
    assert (lab.state(running), lab.resource(running).exit_code) == ("RELEASED", 9)


def test_only_the_first_status_counts_while_it_is_stopped(lab, running):
    lab.request(running, "stop")
    lab.ended(running, 143)
    lab.ended(running, 0)
    assert lab.resource(running).exit_code == 143
    assert lab.kinds().count("resource.ended") == 1


@pytest.mark.parametrize("message", ["ended", "failed"])
@pytest.mark.parametrize("state", ["STOPPED", "RELEASED"])
def test_what_comes_after_the_end_is_dropped(lab, running, state, message):
    lab.ended(running, 0)
    if state == "RELEASED":
        lab.release()
        lab.done(running)
    seq = lab.world.seq
    getattr(lab, message)(running)
    assert (lab.world.seq, lab.state(running)) == (seq, state)


def test_an_end_that_comes_before_any_start_is_due_to_its_own_last_step(lab):
    one = lab.add("start")
    lab.add("deploy")
    lab.deploy()
    ready, seq = lab.resource(one).moved_by, lab.world.seq
    lab.failed(one, "the host went down")
    assert (lab.entries[seq].event.kind, lab.entries[seq].cause) == ("resource.failed", ready)


def test_an_end_of_one_that_has_failed_is_due_to_its_failure(lab, running):
    lab.failed(running, "lost")
    failure = lab.resource(running).moved_by
    lab.add()
    lab.ended(running, 9)
    assert (lab.entries[-1].event.kind, lab.entries[-1].cause) == ("resource.ended", failure)


def test_two_ends_in_one_turn_are_one(lab, running):
    lab.turn(messages.EndedByItself(running, 1), messages.EndedByItself(running, 2))
    assert (lab.resource(running).exit_code, lab.kinds().count("resource.ended")) == (1, 1)


def test_why_there_is_no_status_is_told_during_a_stop(lab, running):
    lab.request(running, "stop")
    lab.failed(running, "its supervisor is gone")
    assert lab.entries[-1].event == events.ResourceEnded(running, None, "its supervisor is gone")
    lab.failed(running, "its supervisor is gone")
    lab.done(running)
    assert (lab.state(running), lab.resource(running).exit_code, lab.world.aborted) == ("STOPPED", None, False)
    assert lab.kinds().count("resource.ended") == 1


def test_a_status_that_comes_after_a_reason_is_told_too(lab, running):
    lab.request(running, "stop")
    lab.failed(running, "its supervisor is gone")
    lab.ended(running, 143)
    assert lab.resource(running).exit_code == 143


def test_code_of_the_type_that_raises_during_a_stop_is_no_end(lab, running):
    lab.request(running, "stop")
    seq = lab.world.seq
    lab.turn(messages.FailedByItself(running, {"type": "ValueError", "message": "no", "step": "on_set"}, None))
    assert lab.world.seq == seq


@pytest.mark.parametrize("how", ["ended", "failed"])
def test_the_end_of_an_earlier_run_is_not_that_of_this_one(lab, running, how):
    first = lab.resource(running).tokens[Step.START]
    lab.ended(running, 0)
    lab.request(running, "start")
    lab.done(running)
    second, seq = lab.resource(running).tokens[Step.START], lab.world.seq
    say = lab.ended if how == "ended" else lab.failed
    say(running, token=first)
    assert (lab.state(running), lab.world.seq) == ("STARTED", seq)
    say(running, token=second)
    assert lab.state(running) == ("STOPPED" if how == "ended" else "FAILED")


def test_a_stop_that_fails_fails_it(lab, running):
    lab.request(running, "stop")
    lab.fail(running, "it would not")
    assert (lab.state(running), lab.world.aborted_by) == ("FAILED", [running])
