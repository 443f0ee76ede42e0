"""Waiting: until when, what it comes to, and what is said in vain."""

import pytest

from engine import (
    ExperimentWarning,
    UnknownGuid,
    UsageError,
    WaitTimeout,
)
from engine.testing.simulation import Simulation
from tests.engine.kinds import START, STARTED, Beside, boom


def test_waiting_ends_for_a_failed_one(ec, stage):
    stage.acts["deploy #1"] = boom
    one = ec()
    failing = one.register_resource("test::Thing", critical=False)
    fine = one.register_resource("test::Thing")
    one.deploy()
    assert one.wait_deployed([failing, fine]) is False
    assert one.wait_started([failing, fine]) is False
    one.stop(fine)
    assert one.wait_finished([failing, fine]) is True


def test_waiting_ends_with_an_abort(ec, stage):
    door = stage.door("deploy #1")
    stage.acts["deploy #1"] = boom
    one = ec()
    a, b = one.register_resource("test::Thing"), one.register_resource("test::Thing")
    one.deploy()
    waiting = Beside(lambda: one.wait_finished([a, b]))
    door.await_hook()
    door.open()
    assert waiting.join() is False
    assert one.wait_started(b) is False


@pytest.mark.filterwarnings("ignore:waiting for #1")  # nobody deploys it
def test_waiting_for_one_that_is_removed_ends():
    def script(sim):
        with sim.controller() as one:
            one.register_resource("sim::Task")
            one.schedule("5s", lambda: one.remove_resource(1))
            assert one.wait_finished(1) is True
            return sim.seconds

    assert Simulation().run(script) == pytest.approx(5.0)


@pytest.mark.filterwarnings("ignore:waiting for #1")  # nobody deploys it
def test_waiting_for_one_that_is_released_first_ends(ec, stage):
    one = ec()
    thing = one.register_resource("test::Plain")
    waiting = Beside(lambda: one.wait_started(thing))
    one.release(thing)
    assert waiting.join() is False
    assert one.wait_deployed(thing) is False
    assert one.wait_finished(thing) is True


def test_waiting_for_a_release_goes_on_through_an_abort_and_a_failure(ec, stage):
    stage.acts["deploy #1"] = boom
    one = ec()
    thing = one.register_resource("test::Thing")
    one.deploy()
    one.wait_deployed(thing)
    waiting = Beside(lambda: one.wait_released(thing))
    with pytest.raises(WaitTimeout):
        one.wait_released(thing, timeout=0)
    one.release()
    assert waiting.join() is True


def test_waiting_for_nobody_is_over_at_once(ec):
    assert ec().wait_finished([]) is True


def test_waiting_in_vain_says_who_is_missing_and_why(ec, stage):
    one = ec()
    a, b = one.register_resource("test::Plain"), one.register_resource("test::Plain")
    one.register_condition(b, START, a, STARTED)
    with pytest.warns(ExperimentWarning, match="#2 test::Plain waits for #1 test::Plain to be STARTED, and nobody has"):
        one.deploy(b)
    with pytest.raises(WaitTimeout) as timeout, pytest.warns(ExperimentWarning, match="#1 test::Plain: nobody has dep"):
        one.wait_started([a, b], timeout="0s")
    assert timeout.value.missing == {
        a: "#1 test::Plain is NEW: nobody has deployed it",
        b: "#2 test::Plain is READY: before its start, #1 test::Plain (NEW) is to be STARTED",
    }
    assert str(timeout.value).startswith("after 0 s still waiting for 2 of them: #1 test::Plain is NEW")
    assert isinstance(timeout.value, TimeoutError)


@pytest.mark.parametrize("guids", [9, [9], "x", None, [None]])
def test_waiting_for_what_is_not_there(ec, guids):
    with pytest.raises(UsageError):
        ec().wait_finished(guids)


@pytest.mark.parametrize("timeout", [-1, "soon", True, float("nan"), float("inf")])
def test_a_timeout_that_is_none(ec, timeout):
    with pytest.raises(UsageError):
        ec().wait_finished([], timeout=timeout)


def test_a_very_long_timeout_is_one(ec):
    one = ec()
    one.register_resource("test::Plain")
    one.deploy()
    assert one.wait_started(1, timeout=9_000_000_000) is True


def test_looking_at_what_is_not_there(ec):
    one = ec()
    for look in (one.state, one.exit_code, one.get_start_time, lambda guid: one.trace(guid, "log")):
        with pytest.raises(UnknownGuid, match="there is no resource #5"):
            look(5)
