"""A crash at each moment, and a controller that takes over."""

import pytest

from engine.core import events, messages, revise, story
from engine.core.states import ResourceState as State
from engine.core.states import Step
from tests.engine.core.lab import START, STOP, Lab, S, link


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


@pytest.mark.parametrize("releasing", [False, True])
@pytest.mark.parametrize("how", ["ended", "failed"])
def test_what_was_told_of_a_step_that_never_began_is_void(lab, how, releasing):
    one = lab.add("start")
    lab.deploy()
    lab = taken_over(lab)
    getattr(lab, how)(one)
    if releasing:
        lab.release()
    lab.turn(messages.NotBegun(one, lab.token(one)))
    if not releasing:
        lab.done(one)
    assert lab.state(one) == ("RELEASED" if releasing else "STARTED")


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


def test_what_a_takeover_finds_is_due_to_the_takeover(lab):
    one, two = lab.add("start"), lab.add("start", "stop")
    lab.deploy()
    lab.done(one, two)
    lab.request(two, "stop")
    lab = taken_over(lab)
    opened = max(entry.seq for entry in lab.entries if entry.event.kind == "controller.opened")
    lab.add()
    lab.turn(messages.Found(one, lab.resource(one).tokens[Step.START]))
    causes = {entry.event.kind: entry.cause for entry in lab.entries if entry.seq > opened}
    assert (causes["step.voided"], causes["resource.found"]) == (opened, opened)


def test_what_a_manager_said_that_is_gone_is_taken_back(lab):
    one, two = lab.add("start"), lab.add()
    lab.deploy()
    lab.done(one)
    lab.remark(one, "has not answered since noon")
    lab = taken_over(lab)
    (said,) = (entry for entry in lab.entries if entry.event.kind == "resource.remarked" and not entry.event.remark)
    assert (said.event.guid, said.cause) == (one, lab.world.opened)
    assert (lab.resource(one).remark, lab.resource(two).remark) == ("", "")


@pytest.fixture
def silent(lab):
    """One that was running, and whose host has not answered the controller that took over."""
    one = lab.add("start", "stop", "release")
    lab.deploy()
    lab.done(one)
    lab = taken_over(lab)
    unanswered(lab, one)
    lab.probed.clear()
    return lab


def unanswered(lab, guid):
    lab.turn(messages.Unanswered(guid, lab.resource(guid).tokens[Step.START], "no route"))


def test_a_host_that_does_not_answer_changes_nothing_but_what_is_known(silent):
    assert (silent.state(1), silent.resource(1).unknown_since) == ("STARTED", silent.now)
    assert silent.entries[-1].event == events.ResourceUnknown(1, "no route")
    assert silent.entries[-1].cause == silent.world.opened
    assert story.waiting_for(silent.world, 1) == ["its host has not answered since 00:01:40 UTC"]


def test_a_host_that_does_not_answer_is_asked_again_ever_more_rarely(silent):
    asked = []
    for _ in range(8):
        before = silent.now
        silent.turn(messages.Tick(), at=silent.kernel.next_due())
        assert silent.probed == ["start #1"]
        silent.probed.clear()
        asked.append((silent.now - before) // S)
        unanswered(silent, 1)
    assert asked == [1, 2, 4, 8, 16, 30, 30, 30]
    assert silent.kinds().count("resource.unknown") == 1


@pytest.mark.parametrize("anew", [True, False])
def test_one_that_is_removed_is_not_asked_after_any_more(silent, anew):
    silent.release()
    silent.done(1)
    silent.done(1)
    silent.turn(revise.remove(silent.world, 1))
    if anew:
        silent.add("deploy", guid=1)
    silent.wait(100)
    assert silent.probed == []


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (lambda token: messages.Found(1, token), "STARTED"),
        (lambda token: messages.EndedByItself(1, 0), "STOPPED"),
        (lambda token: messages.FailedByItself(1, {"type": "X", "message": "no"}, None), "FAILED"),
        (lambda token: messages.Lost(1, token, "gone"), "FAILED"),
    ],
)
def test_a_host_that_answers_is_known_again_and_left_in_peace(silent, answer, state):
    silent.turn(answer(silent.resource(1).tokens[Step.START]))
    assert (silent.state(1), silent.resource(1).unknown_since) == (state, None)
    silent.wait(100)
    assert silent.probed == []


def test_a_host_that_falls_silent_again_is_asked_soon_again(silent):
    for _ in range(3):
        silent.turn(messages.Tick(), at=silent.kernel.next_due())
        unanswered(silent, 1)
    silent.turn(messages.Found(1, silent.resource(1).tokens[Step.START]))
    unanswered(silent, 1)
    silent.probed.clear()
    silent.wait(1)
    assert silent.probed == ["start #1"]
    assert silent.kinds().count("resource.unknown") == 2


def test_a_silence_outlasts_the_controller_that_met_it(silent):
    since = silent.resource(1).unknown_since
    silent.wait(0.5)
    lab = taken_over(silent)
    unanswered(lab, 1)
    assert (lab.kinds().count("resource.unknown"), lab.resource(1).unknown_since) == (1, since)
    lab.probed.clear()
    lab.wait(1)
    assert lab.probed == ["start #1"]


def test_a_step_whose_host_does_not_answer_stays_under_way(lab):
    one = lab.add("start")
    lab.deploy()
    lab = taken_over(lab)
    unanswered(lab, one)
    lab.probed.clear()
    lab.wait(1)
    assert (lab.probed, lab.state(one), lab.resource(one).attempt.step) == (["start #1"], "READY", "start")
    lab.turn(messages.NotBegun(one, lab.token(one)))
    assert (lab.look(), lab.resource(one).unknown_since) == (["start #1"], None)


def test_a_release_does_not_wait_for_a_host_that_does_not_answer(lab):
    one = lab.add("start", "release")
    lab.deploy()
    lab = taken_over(lab)
    unanswered(lab, one)
    lab.release()
    assert (lab.look(), lab.kinds()[-2:]) == (["release #1"], ["step.voided", "step.begun"])


def test_a_silent_one_that_is_being_released_is_stopped_and_not_asked_again(silent):
    silent.release()
    assert silent.look() == ["stop #1"]
    silent.wait(5)
    assert silent.probed == []
    silent.done(1)
    assert silent.resource(1).unknown_since is None


def test_silence_about_what_is_over_means_nothing(silent):
    silent.ended(1)
    seq = silent.world.seq
    unanswered(silent, 1)
    assert (silent.world.seq, silent.kernel.next_due()) == (seq, 101 * S)


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
    opened = lab.world.seq
    lab.wait(4)
    lab = taken_over(lab)
    lab.wait(6)
    assert (lab.entries[-1].event.kind, lab.entries[-1].cause) == ("step.begun", opened)
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
