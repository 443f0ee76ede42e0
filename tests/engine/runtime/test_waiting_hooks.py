"""Hooks with a ``yield`` in them: while they wait they hold no worker, and otherwise they are as any other."""

import threading

import pytest

import replay
from engine import Awaited, ExperimentError
from engine.rm.awaited import wait_for
from engine.rm.registry import declare
from tests.engine.kinds import FAILED, PATIENCE, STARTED, Door, Thing, boom

# --- what is waited for


def test_who_waits_goes_on_when_it_comes():
    awaited, told = Awaited(), []
    awaited.then(lambda: told.append("go on"))
    assert told == []
    awaited.come()
    assert told == ["go on"]
    awaited.come()
    assert told == ["go on"], "once"


def test_who_comes_late_goes_on_at_once():
    awaited, told = Awaited(), []
    awaited.come()
    awaited.then(lambda: told.append("go on"))
    assert told == ["go on"]


def test_one_can_wait_on_a_thread_of_ones_own():
    one, other = Awaited(), Awaited()

    def waiting():
        yield one
        other.come()
        yield other
        return 7

    threading.Thread(target=one.come).start()
    assert wait_for(waiting()) == 7


# --- hooks


class Wait:
    """A hook that says that it has begun, and waits; then does something."""

    def __init__(self, then=lambda manager, intent: None):
        self.awaited = Awaited()
        self._then = then
        self._begun = threading.Event()

    def __call__(self, manager, intent):
        self._begun.set()
        yield self.awaited
        return self._then(manager, intent)

    def await_hook(self):
        assert self._begun.wait(PATIENCE)


def test_the_log_says_which_hooks_hold_no_worker_while_they_wait():
    class Patient(Thing, rtype="test::Patient"):
        def start(self, intent):
            yield Awaited()

    assert declare(Patient).waiting == ["start"]


def test_while_a_hook_waits_others_have_its_worker(ec, stage):
    stage.acts["start #1"] = wait = Wait(lambda *_: {"number": 1})
    one = ec(workers=1)
    for _ in range(2):
        one.register_resource("test::Thing")
    one.deploy()
    wait.await_hook()
    assert one.wait_started(2, PATIENCE)
    wait.awaited.come()
    assert one.wait_started(1, PATIENCE)
    assert stage.called.count("start #1") == 1
    assert replay.state(one.run_dir).resources[1].receipts["start"] == {"number": 1}


def test_a_hook_may_wait_more_than_once(ec, stage):
    first, second, parts = Awaited(), Awaited(), []

    def act(manager, intent):
        yield first
        parts.append("first")
        second.come()
        yield second
        parts.append("second")

    stage.acts["start #1"] = act
    one = ec()
    one.register_resource("test::Thing")
    first.come()
    one.deploy()
    assert one.wait_started(1, PATIENCE)
    assert parts == ["first", "second"]


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (Wait(boom), "boom"),
        (Wait(lambda *_: [1]), "the receipt of test::Thing.start is a list; return a dict of plain values, or nothing"),
        (
            lambda *_: (each for each in [1]),
            "a hook yields what it waits for, an engine.Awaited, and not 1; it returns its receipt",
        ),
    ],
)
def test_what_goes_wrong_after_a_wait_is_a_failure_of_the_hook(ec, stage, act, message):
    stage.acts["start #1"] = act
    if isinstance(act, Wait):
        act.awaited.come()
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    assert one.wait_finished(1, PATIENCE) is False
    assert one.state(1) is FAILED
    assert one.failure(1).story["message"] == message
    assert one.failure(1).story["step"] == "start"


def test_what_comes_while_a_hook_waits_is_told_when_it_has_ended(ec, stage):
    stage.acts["start #1"] = wait = Wait(lambda *_: stage.called.append("start ends"))
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    wait.await_hook()
    for level in (0.6, 0.7):
        one.set(1, "level", level)
    wait.awaited.come()
    assert one.wait_started(1, PATIENCE)
    one.stop(1)
    assert stage.called[-4:] == ["start ends", "set level 0.5 0.6 #1", "set level 0.6 0.7 #1", "stop #1"]


def test_a_hook_that_waits_is_told_that_its_result_is_not_wanted(ec, stage):
    awaited, heard, begun = Awaited(), [], threading.Event()

    def act(manager, intent):
        threading.Thread(target=lambda: intent.wait(PATIENCE) and awaited.come()).start()
        begun.set()
        yield awaited
        heard.append(intent.cancelled)

    stage.acts["deploy #1"] = act
    one = ec(workers=1)
    one.register_resource("test::Thing")
    one.deploy()
    assert begun.wait(PATIENCE)
    one.release()
    assert heard == [True]
    assert stage.called[-1] == "release #1"


def test_a_hook_that_waits_for_ever_is_given_up(ec, stage):
    done = threading.Event()
    stage.acts["deploy #1"] = wait = Wait(lambda *_: done.set())
    one = ec(workers=1, patience="0.05s")
    one.register_resource("test::Thing")
    one.deploy()
    wait.await_hook()
    with pytest.raises(ExperimentError, match="its deploy was given up"):
        one.shutdown()
    assert stage.called[-1] == "release #1"
    wait.awaited.come()
    assert done.wait(PATIENCE)  # whatever it then does, nobody wants to know


def test_one_that_was_given_up_while_it_waited_takes_nobodys_worker_when_it_goes_on(ec, stage):
    door = Door()
    stage.acts["deploy #1"] = wait = Wait(lambda *_: door.pass_through())
    one = ec(workers=1, patience="0.05s")
    one.register_resource("test::Thing", critical=False)
    one.deploy()
    wait.await_hook()
    with pytest.raises(ExperimentError, match="its deploy was given up"):
        one.release([1])
    wait.awaited.come()
    door.await_hook()
    one.register_resource("test::Thing")
    one.deploy()
    assert one.wait_started(2, PATIENCE / 2)
    door.open()
    with pytest.raises(ExperimentError, match="its deploy was given up"):
        one.shutdown()


def test_after_a_takeover_a_hook_that_waited_is_asked_after(ec, stage):
    stage.acts["start #1"] = wait = Wait()
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    wait.await_hook()
    one.detach()
    del stage.acts["start #1"]
    two = ec.reconnect(one.run_dir)
    assert two.wait_started(1, PATIENCE)  # its probe says that it never began
    wait.awaited.come()
    assert two.state(1) is STARTED
    assert stage.called.count("start #1") == 2
