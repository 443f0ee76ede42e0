"""Taking over: from a controller that let go, and from one that was killed."""

import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import eventlog
import replay
from engine import (
    Alive,
    BadState,
    Ended,
    ExperimentController,
    ExperimentError,
    Gone,
    NeverBegan,
    ResourceFactory,
    UnknownResourceType,
)
from engine.core import stepping
from tests.engine.kinds import FAILED, PATIENCE, READY, RELEASED, START, STARTED, STOPPED, Broken, new_stage


@pytest.fixture
def running(ec, stage, clock):
    """One of two is STARTED; the other one is to start ten seconds later."""
    stage.acts["start #1"] = lambda manager, intent: {"pid": 7}
    one = ec("exp", clock=clock)
    for _ in range(2):
        one.register_resource("test::Thing", size=3)
    one.register_condition(2, START, 1, STARTED, 10)
    one.deploy()
    one.wait_started(1)
    one.wait_deployed(2)
    return one


def again(one, clock=None):
    """The next controller, on an empty stage; and the stage."""
    one.detach()
    return new_stage(), lambda: ExperimentController.reconnect(one.run_dir, clock=clock)


def test_a_new_controller_finds_everything_as_it_was(running, clock):
    stage, reconnect = again(running, clock)
    stage.answers[1] = Alive()
    with reconnect() as two:
        assert (two.exp_id, two.run_id, two.resources) == ("exp", running.run_id, [1, 2])
        assert [two.state(guid) for guid in two.resources] == [STARTED, READY]
        assert (two.get(1, "size"), two.get_start_time(1)) == (3, running.get_start_time(1))
        assert two.register_resource("test::Plain") == 3
        assert replay.state(two.run_dir).epoch == 2


def test_a_probe_is_given_what_the_log_has(running):
    seen = {}

    def look(manager, intent, receipt):
        seen.update(receipt=receipt, token=intent.token, receipts=manager.receipts, tokens=manager.tokens)
        return Alive()

    stage, reconnect = again(running)
    stage.answers[1] = look
    with reconnect() as two:
        two.release(2)
        two.stop(1)
    assert seen["receipt"] == {"pid": 7}
    assert seen["receipts"] == {"start": {"pid": 7}}
    assert seen["token"] == seen["tokens"]["start"]


def test_a_delay_goes_on_where_it_was(running, clock):
    clock.go_on(6)
    stage, reconnect = again(running, clock)
    stage.answers[1] = Alive()
    with reconnect() as two:
        assert two.state(2) is READY
        clock.go_on(4)
        assert two.wait_started(2)
        assert (two.get_start_time(2) - two.get_start_time(1)).total_seconds() == 10


@pytest.mark.parametrize(
    ("answer", "state", "code"),
    [(Ended(3), STOPPED, 3), (Gone("the host burned"), FAILED, None), (NeverBegan(), FAILED, None)],
)
def test_what_ended_meanwhile_is_found_out(running, answer, state, code):
    stage, reconnect = again(running)
    stage.answers[1] = answer
    with reconnect() as two:
        two.wait_finished(1)
        assert (two.state(1), two.exit_code(1)) == (state, code)


def broken(manager, intent, receipt):
    raise RuntimeError("no answer")


def leaves(manager, intent, receipt):
    raise SystemExit(1)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (broken, "it cannot be found again: no answer"),
        (leaves, "it cannot be found again: 1"),
        (lambda *args: None, "it cannot be found again: probe answered None"),
        (lambda *args: Gone("x" * 2_000_000), "it cannot be found again: xxx"),
    ],
)
def test_a_probe_that_breaks_is_no_answer(running, answer, why):
    stage, reconnect = again(running)
    stage.answers[1] = answer
    with reconnect() as two:
        two.wait_finished(1)
        assert replay.state(two.run_dir).resources[1].error["message"].startswith(why)


def test_a_step_that_had_begun_is_asked_after(ec, stage):
    door = stage.door("start #1")
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    door.await_hook()
    later, reconnect = again(one)
    door.open()
    with reconnect() as two:  # it never began
        assert two.wait_started(1)
        assert later.called == ["start #1"]


def test_an_answer_to_the_controller_before_changes_nothing(ec, stage):
    door = stage.door("start #1")
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    door.await_hook()
    later, reconnect = again(one)
    later.answers[1] = Alive()
    with reconnect() as two:
        assert two.wait_started(1)
        door.open()
        stage.made[1].ended(9)
        assert two.state(1) is STARTED


def test_a_release_goes_on(ec, stage):
    door = stage.door("release #1")
    one = ec()
    one.register_resource("test::Thing")
    one._session.ask(lambda kernel: kernel.emit_all(stepping.release(kernel.world, None)))
    door.await_hook()
    later, reconnect = again(one)
    door.open()
    with reconnect() as two:
        assert two.wait_released(1)
    assert later.called == ["release #1"]


def test_a_task_is_lost_with_its_function(ec):
    one = ec()
    one.schedule("1h", print)
    _, reconnect = again(one)
    with reconnect() as two:
        assert replay.state(two.run_dir).tasks[1]["state"] == "lost"
        assert two.get_task(1) is None


def test_it_can_be_done_again_and_again(running):
    one = running
    for epoch in (2, 3, 4):
        stage, reconnect = again(one)
        stage.answers[1] = Alive()
        one = reconnect()
        assert replay.state(one.run_dir).epoch == epoch
    one.shutdown()
    assert replay.state(one.run_dir).resources[1].state is RELEASED


def test_a_type_that_can_no_longer_be_made_is_lost(ec, stage, monkeypatch):
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    one.wait_started(1)
    _, reconnect = again(one)
    monkeypatch.setitem(ResourceFactory._types, "test::Thing", Broken)
    two = reconnect()
    assert two.wait_finished(1) is False
    assert "not in the mood" in replay.state(two.run_dir).resources[1].error["message"]
    with pytest.raises(ExperimentError, match="not in the mood"):
        two.shutdown()


# --- refusals


def test_a_live_controller_is_not_replaced(ec):
    one = ec()
    with pytest.raises(eventlog.Locked, match=f"the controller of run {one.run_id}"):
        ExperimentController.reconnect(one.run_dir)
    one.register_resource("test::Plain")


def test_a_run_that_is_over_is_not_taken_over(ec):
    with ec() as one:
        one.register_resource("test::Plain")
    before = sorted(path.name for path in (one.run_dir / "log").iterdir())
    with pytest.raises(BadState, match="is over: its controller released everything and was shut down"):
        ExperimentController.reconnect(one.run_dir)
    assert sorted(path.name for path in (one.run_dir / "log").iterdir()) == before


def test_a_directory_that_is_no_run(home):
    with pytest.raises(eventlog.NoLog):
        ExperimentController.reconnect(home)
    assert not home.exists()


def test_a_type_that_is_gone_is_told_and_the_run_stays_free(ec, stage, monkeypatch):
    one = ec()
    one.register_resource("test::Plain")
    one.detach()
    with monkeypatch.context() as gone:
        gone.delitem(ResourceFactory._types, "test::Plain")
        with pytest.raises(UnknownResourceType, match="test::Plain"):
            ExperimentController.reconnect(one.run_dir)
    ExperimentController.reconnect(one.run_dir).shutdown()


def test_reconnecting_is_a_function_of_replay_however_often(ec):
    one = ec()
    one.register_resource("test::Plain")
    for _ in range(2):
        one.detach()
        one = replay.reconnect(one.run_dir)
    assert one.resources == [1]


# --- a real death

CONTROLLER = textwrap.dedent("""
    import sys
    from engine import ExperimentController, ResourceState
    import tests.engine.kinds as kinds

    stage = kinds.new_stage()
    stage.acts["start #1"] = lambda manager, intent: {"pid": 7}
    door = stage.door("start #2")
    ec = ExperimentController("exp", local_dir=sys.argv[1])
    for _ in range(2):
        ec.register_resource("test::Thing")
    ec.deploy()
    ec.wait_started(1)
    door.await_hook()
    print(ec.run_dir, flush=True)
    HOW
""")


def controller(how, home):
    """A controller in a process of its own, once it has begun."""
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER.replace("HOW", how), str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    return process, Path(process.stdout.readline().strip())


@pytest.mark.slow
def test_after_a_kill_everything_goes_on(home):
    process, run_dir = controller("sys.stdin.read()", home)
    with process:
        with pytest.raises(eventlog.Locked):
            ExperimentController.reconnect(run_dir)
        process.send_signal(signal.SIGKILL)
        assert process.wait(PATIENCE) == -signal.SIGKILL
    stage = new_stage()
    stage.answers[1] = Alive()
    with replay.reconnect(run_dir) as two:
        assert two.wait_started([1, 2])
        assert stage.called == ["start #2"]
    assert replay.check(run_dir) == []
    assert replay.state(run_dir).closed


@pytest.mark.slow
def test_a_script_that_just_ends_lets_go_and_says_how_to_come_back(home):
    process, run_dir = controller("", home)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert said == f"netreel: exp goes on without its controller; to come back: netreel reconnect {run_dir.name}\n"
    stage = new_stage()
    stage.answers[1] = stage.answers[2] = Alive()
    with replay.reconnect(run_dir) as two:
        assert two.wait_started([1, 2])
