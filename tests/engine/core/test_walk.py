"""A deployment step by step, and single steps on demand."""

import pytest

from engine.core import messages
from engine.core.effects import Changed
from engine.core.errors import BadState
from engine.core.events import AttributeSet, StepPassed
from engine.core.states import DEPLOYMENT, ResourceState, Step
from tests.engine.core.lab import DEPLOY, Lab

ALL_HOOKS = ("discover", "reserve", "provision", "configure", "deploy", "start", "stop", "release")


@pytest.fixture
def lab():
    return Lab()


def test_every_step_is_begun_once_the_one_before_is_done(lab):
    one = lab.add(*ALL_HOOKS)
    lab.deploy()
    for step, state in [
        ("discover", "NEW"),
        ("reserve", "DISCOVERED"),
        ("provision", "RESERVED"),
        ("configure", "PROVISIONED"),
        ("deploy", "PROVISIONED"),
        ("start", "READY"),
    ]:
        assert (lab.look(), lab.state(one)) == ([f"{step} #1"], state)
        lab.done(one)
    assert (lab.look(), lab.state(one)) == ([], "STARTED")


def test_steps_without_code_are_passed_in_one_event(lab):
    one = lab.add()
    lab.deploy()
    assert lab.look() == []
    assert lab.state(one) == "STARTED"
    passed = [entry.event for entry in lab.entries if isinstance(entry.event, StepPassed)]
    assert passed == [StepPassed(one, list(DEPLOYMENT)), StepPassed(one, [Step.START])]


def test_every_state_on_the_way_has_its_time(lab):
    one = lab.add("provision", "start")
    lab.deploy()
    lab.wait(2)
    lab.done(one)
    lab.wait(3)
    lab.done(one)
    times = {state.name: lab.at(one, state.name) for state in lab.resource(one).times}
    assert times == {"NEW": 0, "DISCOVERED": 0, "RESERVED": 0, "PROVISIONED": 2, "READY": 2, "STARTED": 5}


def test_a_receipt_is_kept_by_its_step(lab):
    one = lab.add("provision", "start")
    lab.deploy()
    lab.done(one, receipt={"dir": "/x"})
    lab.done(one, receipt={"pid": 7})
    assert lab.resource(one).receipts == {Step.PROVISION: {"dir": "/x"}, Step.START: {"pid": 7}}


def test_a_start_that_leaves_no_receipt_does_not_keep_that_of_the_last(lab):
    one = lab.add("start")
    lab.deploy()
    lab.done(one, receipt={"pid": 7})
    lab.ended(one)
    lab.request(one, "start")
    lab.done(one)
    assert lab.resource(one).receipts == {}


def test_the_intent_is_in_the_log_before_its_hook_is_called(lab):
    one = lab.add("start")
    lab.deploy()
    begun = lab.entries[-1]
    assert begun.event.kind == "step.begun"
    assert (begun.seq, begun.event.token) == (lab.resource(one).attempt.seq, lab.token(one))


def test_every_attempt_has_a_token_of_its_own(lab):
    one = lab.add("start", "stop")
    lab.deploy()
    tokens = [lab.token(one)]
    lab.done(one)
    for step in ("stop", "start", "stop"):
        lab.request(one, step)
        tokens.append(lab.token(one))
        lab.done(one)
    assert len(set(tokens)) == 4


def test_causes_lead_back_to_the_call(lab):
    one = lab.add("provision")
    lab.deploy()
    lab.done(one)
    by_seq = {entry.seq: entry for entry in lab.entries}
    entry, chain = lab.entries[-1], []
    while entry.cause:
        chain.append(entry.event.kind)
        entry = by_seq[entry.cause]
    assert chain == ["step.passed", "step.passed", "step.done", "step.begun", "step.passed"]
    assert entry.event.kind == "group.deployed"


def test_nothing_happens_to_what_nobody_deployed(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.deploy(one)
    assert lab.state(one, two) == ["READY", "NEW"]


# --- late answers


def test_an_answer_of_another_attempt_is_dropped(lab):
    one = lab.add("start")
    lab.deploy()
    seq = lab.world.seq
    error = {"type": "X", "message": "late", "step": "start"}
    late = [messages.HookDone(one, "old", None), messages.HookFailed(one, "old", error), messages.Lost(one, "old", "?")]
    lab.turn(*late, messages.Found(one, "old"))
    assert (lab.world.seq, lab.state(one)) == (seq, "READY")


def test_an_answer_that_comes_twice_counts_once(lab):
    one = lab.add("start")
    lab.deploy()
    done = messages.HookDone(one, lab.token(one), None)
    lab.turn(done, done)
    lab.turn(done)
    assert lab.kinds().count("step.done") == 1


def test_what_nobody_knows_is_not_heard(lab):
    lab.turn(messages.EndedByItself(9, 0), messages.HookDone(9, "t", None), messages.Found(9, "t"))
    lab.turn(messages.Lost(9, "t", "gone"), messages.NotBegun(9, "t"))
    assert lab.kinds() == ["controller.opened"]


# --- one step, now


def test_a_requested_step_is_that_one_step(lab):
    one = lab.add("discover", "reserve")
    lab.request(one, "discover")
    lab.done(one)
    assert (lab.look(), lab.state(one)) == (["discover #1"], "DISCOVERED")


def test_a_requested_step_without_code_is_that_one_step(lab):
    one = lab.add()
    lab.request(one, "discover")
    assert lab.state(one) == "DISCOVERED"


def test_a_deployment_goes_on_behind_requested_steps(lab):
    one = lab.add("discover", "provision")
    for step in ("discover", "reserve", "provision"):
        lab.request(one, step)
        if step != "reserve":
            lab.done(one)
    lab.deploy(one)
    assert (lab.look(), lab.state(one)) == (["discover #1", "provision #1"], "STARTED")


def test_a_requested_step_asks_no_condition(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(one, DEPLOY, two, ResourceState.STARTED)
    lab.request(one, "discover")
    assert lab.state(one) == "DISCOVERED"


def test_a_condition_on_deploy_holds_back_what_is_left_of_it(lab):
    """A step on demand takes no condition away."""
    one, two = lab.add("reserve"), lab.add("start")
    lab.when(one, DEPLOY, two, ResourceState.STARTED)
    lab.request(one, "discover")
    lab.deploy(one)
    assert (lab.look(), lab.state(one)) == ([], "DISCOVERED")
    lab.deploy(two)
    lab.done(two)
    assert lab.look() == ["start #2", "reserve #1"]


def test_a_stopped_one_starts_again(lab):
    one = lab.add("start", "stop")
    lab.deploy()
    lab.done(one)
    lab.request(one, "stop")
    lab.done(one)
    assert lab.state(one) == "STOPPED"
    lab.wait(5)
    lab.request(one, "start")
    lab.done(one)
    assert (lab.look(), lab.state(one)) == (["start #1", "stop #1", "start #1"], "STARTED")
    assert lab.at(one, "STARTED") == 5


def test_a_second_start_forgets_the_last_end(lab):
    one = lab.add("start", "stop")
    lab.deploy()
    lab.done(one)
    lab.ended(one, 3)
    assert lab.resource(one).exit_code == 3
    lab.request(one, "start")
    assert lab.resource(one).exit_code is None


def test_a_second_start_was_not_told_to_stop(lab):
    one = lab.add("start", "stop")
    lab.deploy()
    lab.done(one)
    lab.request(one, "stop")
    lab.done(one)
    assert Step.STOP in lab.resource(one).tokens
    lab.request(one, "start")
    assert Step.STOP not in lab.resource(one).tokens


def test_a_busy_one_takes_no_request(lab):
    one = lab.add("start")
    lab.deploy()
    with pytest.raises(BadState, match="#1 start is busy with start"):
        lab.request(one, "start")


# --- attributes


def test_a_new_value_is_logged_and_told(lab):
    one = lab.add(rate=1)
    lab.turn([AttributeSet(one, "rate", 5, 0)])
    assert lab.resource(one).attributes == {"rate": 5}
    assert lab.changed == [Changed(one, "rate", 1, 5)]


# --- tasks


def test_a_task_is_called_at_its_time_once(lab):
    task = lab.kernel.schedule(lab.now + 5)
    lab.commit()
    assert lab.kernel.next_due() == lab.now + 5
    lab.turn(messages.Tick(), at=lab.now + 4)
    assert lab.called == []
    lab.turn(messages.Tick(), at=lab.now + 1)
    assert (lab.called, lab.world.tasks[task].state) == ([task], "running")
    lab.turn(messages.TaskReturned(task, None))
    lab.wait(1)
    assert (lab.called, lab.world.tasks[task].state) == ([task], "done")


def test_tasks_go_in_order_of_their_time(lab):
    for due in (30, 10, 20):
        lab.kernel.schedule(lab.now + due)
    lab.wait(1)
    assert lab.called == [2, 3, 1]


def test_what_a_task_raised_is_kept(lab):
    task = lab.kernel.schedule(lab.now)
    lab.commit()
    lab.turn(messages.TaskReturned(task, "ValueError: no"))
    assert (lab.world.tasks[task].state, lab.world.tasks[task].error) == ("error", "ValueError: no")


def test_dropped_tasks_are_not_called(lab):
    task = lab.kernel.schedule(lab.now + 5)
    lab.commit()
    lab.kernel.drop_tasks("enough")
    lab.commit()
    lab.wait(1)
    assert (lab.called, lab.world.tasks[task].state) == ([], "lost")


def test_a_task_that_returns_after_it_was_given_up_stays_lost(lab):
    task = lab.kernel.schedule(lab.now)
    lab.commit()
    lab.kernel.drop_tasks("enough")
    lab.commit()
    lab.turn(messages.TaskReturned(task, None))
    assert lab.world.tasks[task].state == "lost"
    assert lab.kinds().count("task.done") == 1


# --- time


def test_time_in_the_log_never_runs_backwards(lab):
    lab.add()
    lab.turn(messages.Tick(), at=lab.now - 50)
    lab.add()
    times = [entry.time for entry in lab.entries]
    assert times == sorted(times)
