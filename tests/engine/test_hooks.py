"""Hooks that fail or misbehave, ends that are told, and what follows."""

import threading

import pytest

import replay
from engine import (
    Alive,
    ECState,
    ExperimentAborted,
    ExperimentError,
    FailureLevel,
    Gone,
    ResourceFactory,
    ResourceFailed,
)
from tests.engine.kinds import FAILED, PATIENCE, START, STARTED, STOPPED, Beside, Thing, boom

# --- hooks that misbehave


@pytest.mark.parametrize(
    ("act", "story"),
    [
        (boom, {"type": "RuntimeError", "message": "boom"}),
        (lambda m, i: 1 / 0, {"type": "ZeroDivisionError", "message": "division by zero"}),
        (lambda m, i: exit(3), {"type": "SystemExit", "message": "3"}),
        (lambda m, i: [1], {"type": "UsageError"}),
        (lambda m, i: {"signal": FailureLevel.OK}, {"type": "UsageError"}),
        (lambda m, i: {"file": "\udcff"}, {"type": "UsageError"}),
        (lambda m, i: {"n": 2**70}, {"type": "UsageError"}),
    ],
)
def test_a_hook_that_does_what_it_must_not_has_failed(ec, stage, act, story):
    stage.acts["start #1"] = act
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    assert one.wait_finished(1) is False
    error = replay.state(one.run_dir).resources[1].error
    assert one.state(1) is FAILED
    assert {key: error[key] for key in story} == story
    assert error["step"] == "start"


@pytest.mark.parametrize("hook", ["start #1", "set #1"])
@pytest.mark.parametrize(
    ("what", "call"),
    [
        ("wait", lambda ec: ec.wait_started(1)),
        ("wait", lambda ec: ec.wait(1, STOPPED, lambda: False)),
        ("stop", lambda ec: ec.stop(2)),
        ("release", lambda ec: ec.release()),
        ("release", lambda ec: ec.release(2)),
        ("shut down", lambda ec: ec.shutdown()),
        ("detach", lambda ec: ec.detach()),
    ],
)
def test_a_hook_that_would_wait_for_the_experiment_is_refused_at_once(ec, stage, hook, what, call):
    one = ec()
    stage.acts[hook] = lambda *_: call(one)
    for _ in range(2):
        one.register_resource("test::Thing", critical=False)
    one.deploy(1)
    one.wait_started(1)
    if hook == "set #1":
        one.set(1, "level", 0.7)
    assert one.wait_finished(1) is True
    story = one.failure(1).story
    assert (story["type"], story["message"].partition(":")[0]) == ("BadState", f"a hook cannot {what}")
    assert one.state(2).name == "NEW"


def test_a_hook_may_look_and_make_requests_that_return_at_once(ec, stage):
    one = ec()
    stage.acts["start #1"] = lambda *_: one.deploy(one.register_resource("test::Plain"))
    one.register_resource("test::Thing")
    one.deploy()
    one.wait_started(1)
    assert one.wait_started(2)


def test_a_thread_that_a_hook_begins_may_wait(ec, stage):
    one = ec()
    beside = []
    stage.acts["start #1"] = lambda *_: beside.append(Beside(lambda: one.wait_started(1)))
    one.register_resource("test::Thing")
    one.deploy()
    one.wait_started(1)
    assert beside[0].join() is True


def test_a_failure_that_is_told_has_what_the_hook_raised_as_its_cause(ec, stage):
    raised = ZeroDivisionError("0 hosts")

    def act(*_):
        raise raised

    stage.acts["discover #1"] = stage.acts["set #2"] = act
    one = ec()
    one.register_resource("test::Thing")
    with pytest.raises(ResourceFailed, match="#1 test::Thing failed in discover: 0 hosts") as caught:
        one.discover(1)
    assert caught.value.__cause__ is raised
    assert one.failure(1).__cause__ is raised
    with pytest.raises(ExperimentAborted) as aborted:
        one.deploy()
    assert [failure.__cause__ for failure in aborted.value.failures] == [raised]
    one.detach()
    assert one.failure(1).__cause__ is raised
    with one.reconnect(one.run_dir) as two:
        assert two.failure(1).story["message"] == "0 hosts"
        assert two.failure(1).__cause__ is None  # another process raised it


def test_the_cause_of_a_failure_is_never_that_of_an_earlier_one(ec, stage):
    stage.acts["start #1"] = boom
    one = ec()
    one.register_resource("test::Thing", critical=False)
    one.register_resource("test::Plain", critical=False)
    one.register_condition(2, START, 1, STOPPED)
    one.set(1, "critical", True)
    one.deploy()
    one.wait_finished([1, 2])
    assert isinstance(one.failure(1).__cause__, RuntimeError)
    assert one.failure(2).__cause__ is None
    stage.acts["release #1"] = lambda *_: 1 / 0
    with pytest.raises(ExperimentError, match="division by zero"):
        one.release()
    assert isinstance(one.failure(1).__cause__, ZeroDivisionError)
    stage.acts.clear()
    with pytest.raises(ExperimentError, match="division by zero"):
        one.shutdown()


@pytest.mark.parametrize("text", ["x" * 3_000_000, "half \udcff", ""])
def test_whatever_a_hook_raises_fits_into_the_log(ec, stage, text):
    def act(manager, intent):
        raise RuntimeError(text)

    stage.acts["start #1"] = act
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    assert one.wait_finished(1) is False
    assert (one.state(1), one.ecstate) == (FAILED, ECState.RUNNING)


def test_whatever_a_resource_says_fits_into_the_log(ec, stage):
    one = ec()
    thing = one.register_resource("test::Thing")
    one.deploy()
    one.wait_started(thing)
    stage.made[thing].failed("half \udcff " * 100_000, code=FAILED.value)
    assert one.wait_finished(thing) is False
    assert (one.exit_code(thing), one.ecstate) == (7, ECState.RUNNING)


def test_a_type_that_cannot_be_made_fails_its_resource(ec):
    one = ec()
    one.register_resource("test::Broken")
    one.deploy()
    assert one.wait_finished(1) is False
    error = replay.state(one.run_dir).resources[1].error
    assert error["message"] == "the manager of #1 test::Broken cannot be made: RuntimeError: not in the mood"
    with pytest.raises(ExperimentError, match="not in the mood"):
        one.trace(1, "log")
    assert one.ecstate is ECState.RUNNING


# --- ends


def test_an_end_is_pushed(ec, stage):
    one = ec()
    thing = one.register_resource("test::Thing")
    one.deploy()
    one.wait_started(thing)
    waiting = Beside(lambda: one.wait_finished(thing))
    stage.made[thing].ended(3)
    assert waiting.join() is True
    assert (one.state(thing), one.exit_code(thing)) == (STOPPED, 3)


def test_an_end_within_the_start(ec, stage):
    stage.acts["start #1"] = lambda manager, intent: manager.ended(4)
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    assert one.wait_finished(1)
    assert (one.exit_code(1), one.get_start_time(1) is not None) == (4, True)


def test_a_failure_is_pushed(ec, stage):
    one = ec()
    thing = one.register_resource("test::Thing")
    one.deploy()
    one.wait_started(thing)
    stage.made[thing].failed("the fan stopped")
    assert one.wait_finished(thing) is False
    assert replay.state(one.run_dir).resources[thing].error["message"] == "the fan stopped"


# --- failing


def test_a_critical_failure_stops_what_is_to_come(ec, stage):
    stage.acts["start #1"] = boom
    one = ec()
    a, b = one.register_resource("test::Thing"), one.register_resource("test::Thing")
    one.register_condition(b, START, a, STARTED)
    one.deploy()
    assert one.wait_finished([a, b]) is False
    assert one.state(b) is FAILED
    assert "start #2" not in stage.called
    assert one.ecstate is ECState.RUNNING


def test_a_failure_that_is_not_critical_stops_nothing(ec, stage):
    stage.acts["start #1"] = boom
    one = ec()
    a, b = one.register_resource("test::Thing", critical=False), one.register_resource("test::Thing")
    one.register_condition(b, START, a, STARTED)
    one.deploy()
    assert one.wait_started(b)
    assert (one.state(a), one.abort, one.failure_level) == (FAILED, False, FailureLevel.OK)


# --- managers


def test_setup_comes_once_before_any_hook_with_what_the_log_has(ec, stage):
    class Prepared(Thing, rtype="test::Prepared"):
        def setup(self):
            super().setup()
            stage.called.append(f"setup, knows of {' '.join(self.tokens)}, start gave {self.receipts.get('start')}")

        def start(self, intent):
            super().start(intent)
            return {"pid": 7}

    def answer(manager, intent, receipt):
        asked.set()
        return Alive()

    ResourceFactory.register_type(Prepared)
    asked = threading.Event()
    stage.answers[1] = answer
    one = ec()
    one.add(Prepared())
    one.deploy()
    assert one.wait_started(1)
    first = list(stage.called)
    one.detach()
    stage.called.clear()
    with one.reconnect(one.run_dir):
        assert asked.wait(PATIENCE)
    second = stage.called
    assert first[0] == "setup, knows of discover, start gave None"
    assert second[0] == "setup, knows of discover reserve provision configure deploy start, start gave {'pid': 7}"
    assert [sum(called.startswith("setup") for called in calls) for calls in (first, second)] == [1, 1]


def test_a_secret_that_another_one_read_shows_in_no_error(ec, stage, monkeypatch):
    def unlock(manager, intent):
        raise RuntimeError(f"{stage.made[1].password} was refused by #2")

    monkeypatch.setenv("SECRET", "correct horse")
    stage.acts["start #2"] = unlock
    one = ec()
    one.register_resource("test::Thing", password="env:SECRET")
    one.register_resource("test::Thing")
    one.deploy()
    assert one.wait_finished(2) is False
    error = replay.state(one.run_dir).resources[2].error
    assert error["message"] == "[secret] was refused by #2"
    assert "horse" not in error["traceback"]
    assert one.failure(2).__cause__ is None


@pytest.mark.parametrize("told", ["failed", "probe"])
def test_a_secret_shows_in_nothing_that_is_told(ec, stage, monkeypatch, told):
    monkeypatch.setenv("SECRET", "battery staple")
    one = ec()
    one.register_resource("test::Thing", password="env:SECRET", critical=False)
    one.deploy()
    assert one.wait_started(1)
    if told == "failed":
        stage.made[1].failed(f"{stage.made[1].password} was refused")
    else:
        stage.answers[1] = lambda manager, intent, receipt: Gone(f"{manager.password} was refused")
        one.detach()
        one = one.reconnect(one.run_dir)
    assert one.wait_finished(1)
    error = replay.state(one.run_dir).resources[1].error
    assert error["message"].endswith("[secret] was refused")
    assert "staple" not in str(error)
