"""A crash at each moment, and a controller that takes over."""

import pytest

from engine.core import messages
from engine.core.states import ResourceState as State
from engine.core.states import Step
from tests.engine.core.lab import START, STOP, Lab, link


@pytest.fixture
def lab():
    return Lab()


def taken_over(lab):
    lab = lab.crash()
    lab.take_over()
    return lab


def test_a_step_that_had_begun_is_asked_after(lab):
    one = lab.add("deploy")
    lab.deploy()
    lab = taken_over(lab)
    assert (lab.probed, lab.look()) == ([f"deploy #{one}"], [])


def test_what_is_there_goes_on(lab):
    one = lab.add("deploy", "start")
    lab.deploy()
    lab = taken_over(lab)
    lab.turn(messages.Found(one, lab.token(one)))
    assert (lab.state(one), lab.look()) == ("READY", ["start #1"])


def test_what_never_began_is_begun_again_under_another_name(lab):
    one = lab.add("start")
    lab.deploy()
    first = lab.token(one)
    lab = taken_over(lab)
    lab.turn(messages.NotBegun(one, first))
    assert lab.look() == ["start #1"]
    assert lab.token(one) != first
    lab.done(one)
    assert lab.state(one) == "STARTED"


def test_what_is_lost_fails(lab):
    one = lab.add("start")
    lab.deploy()
    lab = taken_over(lab)
    lab.turn(messages.Lost(one, lab.token(one), "the host was reinstalled"))
    assert lab.state(one) == "FAILED"
    assert lab.resource(one).error["message"] == "it cannot be found again: the host was reinstalled"
    assert lab.world.aborted_by == [one]


def test_a_running_one_is_asked_after_with_its_receipt(lab):
    one = lab.add("start")
    lab.deploy()
    lab.done(one, receipt={"pid": 7})
    lab = lab.crash()
    effects = lab.take_over()
    assert [(effect.guid, str(effect.attempt.step), effect.receipt) for effect in effects] == [
        (one, "start", {"pid": 7})
    ]
    lab.turn(messages.Found(one, lab.resource(one).tokens[effects[0].attempt.step]))
    assert (lab.state(one), lab.kinds()[-1]) == ("STARTED", "resource.found")


@pytest.mark.parametrize("answer", ["NotBegun", "Lost"])
def test_a_running_one_that_cannot_be_found_fails(lab, answer):
    one = lab.add("start")
    lab.deploy()
    lab.done(one)
    lab = lab.crash()
    (probe,) = lab.take_over()
    why = ("gone",) if answer == "Lost" else ()
    lab.turn(getattr(messages, answer)(one, probe.attempt.token, *why))
    assert lab.state(one) == "FAILED"


def test_one_that_ended_meanwhile_ends(lab):
    one = lab.add("start")
    lab.deploy()
    lab.done(one)
    lab = lab.crash()
    (probe,) = lab.take_over()
    lab.turn(messages.EndedByItself(one, 3), messages.Found(one, probe.attempt.token))
    assert (lab.state(one), lab.resource(one).exit_code) == ("STOPPED", 3)


def test_one_that_began_and_ended_meanwhile_did_both(lab):
    one = lab.add("start")
    lab.deploy()
    lab = taken_over(lab)
    lab.turn(messages.EndedByItself(one, 3), messages.Found(one, lab.token(one)))
    assert lab.kinds()[-2:] == ["step.done", "resource.ended"]
    assert lab.state(one) == "STOPPED"


def test_a_running_one_without_code_for_its_start_is_not_asked_after(lab):
    lab.add()
    lab.deploy()
    lab = taken_over(lab)
    assert (lab.probed, lab.state(1)) == ([], "STARTED")


def test_a_stop_under_way_is_done_again(lab):
    one = lab.add("start", "stop")
    lab.deploy()
    lab.done(one)
    lab.request(one, "stop")
    lab = taken_over(lab)
    assert (lab.probed, lab.look()) == (["start #1"], ["stop #1"])
    lab.turn(messages.Lost(one, lab.resource(one).tokens[Step.START], "gone"))
    lab.done(one)
    assert (lab.state(one), lab.world.aborted) == ("STOPPED", False)


def test_a_release_under_way_is_done_again(lab):
    one = lab.add("release")
    lab.release()
    lab = taken_over(lab)
    assert (lab.probed, lab.look()) == ([], ["release #1"])
    lab.done(one)
    assert lab.state(one) == "RELEASED"


def test_a_release_that_waits_goes_on_in_order(lab):
    lab.type("host", ("release",))
    lab.type("app", ("release",), [link("host")])
    host = lab.add(rtype="host")
    app = lab.add(rtype="app", to=[host])
    lab.release()
    lab = taken_over(lab)
    assert lab.look() == [f"release #{app}"]
    lab.done(app)
    assert lab.look() == [f"release #{host}"]


def test_a_delay_goes_on_where_it_was(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.STARTED, 10)
    lab.deploy()
    lab.done(one)
    lab.wait(4)
    lab = taken_over(lab)
    lab.wait(6)
    lab.done(two)
    assert lab.at(two, "STARTED") == 10


def test_a_delay_that_went_by_meanwhile_is_over(lab):
    one, two = lab.add("start"), lab.add("start", "stop")
    lab.when(two, STOP, one, State.STARTED, 10)
    lab.deploy()
    lab.done(one, two)
    lab = lab.crash()
    lab.kernel.begin_turn(lab.now + 60_000_000_000)
    lab.now += 60_000_000_000
    lab.take_over()
    assert lab.look() == ["stop #2"]


def test_a_requested_step_is_taken(lab):
    one = lab.add("discover")
    lab.request(one, "discover")
    token = lab.token(one)
    lab = taken_over(lab)
    lab.turn(messages.NotBegun(one, token))
    lab.done(one)
    assert (lab.look(), lab.state(one)) == (["discover #1"], "DISCOVERED")


def test_after_an_abort_nothing_is_begun_again(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.deploy()
    lab.fail(one)
    lab = taken_over(lab)
    lab.turn(messages.NotBegun(two, lab.token(two)))
    assert (lab.look(), lab.state(two)) == ([], "READY")


def test_tasks_are_lost_with_their_controller(lab):
    done, pending = (lab.kernel.schedule(lab.now + due) for due in (0, 5))
    lab.commit()
    lab.turn(messages.TaskReturned(done, None))
    lab = taken_over(lab)
    assert [lab.world.tasks[task].state for task in (done, pending)] == ["done", "lost"]
    lab.wait(1)
    assert lab.called == []


def test_a_second_takeover_goes_on_from_the_first(lab):
    one = lab.add("start")
    lab.deploy()
    lab = taken_over(taken_over(lab))
    assert lab.world.epoch == 3
    lab.turn(messages.Found(one, lab.token(one)))
    assert lab.state(one) == "STARTED"


def test_an_answer_to_the_controller_before_is_not_heard(lab):
    one = lab.add("start")
    lab.deploy()
    first = lab.token(one)
    lab = taken_over(lab)
    lab.turn(messages.NotBegun(one, first))
    lab.turn(messages.HookDone(one, first, {"pid": 1}))
    assert lab.state(one) == "READY"
