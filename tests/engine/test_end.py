"""The end: release, shutdown, letting go, and a log that cannot be written."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import SimpleNamespace

import pytest

import replay
from engine import (
    BadCondition,
    Closed,
    ECState,
    ExperimentController,
    ExperimentError,
    FailureLevel,
    ResourceFactory,
    ResourceManager,
    ResourceState,
    UnknownGuid,
    letting_go,
    link,
)
from tests.engine.kinds import RELEASED, STARTED, Beside, boom

# --- releasing and the end


def test_release_goes_in_reverse_and_blocks(ec, stage):
    one = ec()
    host = one.register_resource("test::Host")
    apps = [one.register_resource("test::App", command="x", connectedTo=host) for _ in range(2)]
    one.deploy()
    one.wait_started(apps)
    stage.called.clear()
    one.release()
    assert sorted(stage.called[:4]) == ["release #2", "release #3", "stop #2", "stop #3"]
    assert stage.called[4:] == ["release #1"]
    assert one.ecstate is ECState.RELEASED


def test_a_release_that_takes_long_says_what_it_waits_for(ec, stage, monkeypatch, capsys):
    timers = []

    def timer(seconds, function, args):
        timers.append(SimpleNamespace(function=partial(function, *args), start=list, cancel=timers.clear))
        return timers[-1]

    monkeypatch.setattr(letting_go.threading, "Timer", timer)
    one = ec("slow")
    things = [one.register_resource("test::Thing") for _ in range(5)]
    one.deploy()
    one.wait_started(things)
    doors = [stage.door(f"release #{guid}") for guid in things]
    with ThreadPoolExecutor(1) as pool:
        ending = pool.submit(one.shutdown)
        for door in doors:
            door.await_hook()
        timers[0].function()
        for door in doors:
            door.open()
        ending.result(20)
    things = "#1 test::Thing (release), #2 test::Thing (release), #3 test::Thing (release) and 2 more"
    after = f"once this is interrupted, netreel release {one.run_id} goes on with it"
    assert capsys.readouterr().err == f"netreel: the release of slow waits for {things}; {after}\n"
    assert timers == []


def test_a_partial_release_lets_the_rest_go_on(ec, stage):
    one = ec()
    host = one.register_resource("test::Host")
    apps = [one.register_resource("test::App", command="x", connectedTo=host) for _ in range(2)]
    one.deploy()
    one.wait_started(apps)
    one.release(apps[0])
    assert [one.state(guid) for guid in (host, *apps)] == [STARTED, RELEASED, STARTED]
    assert one.ecstate is ECState.RUNNING
    with pytest.raises(UnknownGuid):
        one.release([host, 9])
    assert one.state(host) is STARTED


def test_a_release_that_fails_is_told_at_the_end(ec, stage):
    stage.acts["release #1"] = boom
    one = ec()
    one.register_resource("test::Thing")
    one.register_resource("test::Thing")
    with pytest.raises(ExperimentError, match="something may be left: #1 test::Thing: boom"):
        one.release()
    assert [one.state(guid) for guid in (1, 2)] == [RELEASED, RELEASED]
    with pytest.raises(ExperimentError, match="something may be left"):
        one.shutdown()
    assert replay.state(one.run_dir).closed


def test_what_depends_on_each_other_is_released_all_the_same(ec):
    class Left(ResourceManager, rtype="test::Left"):
        other = link("test::Right")

    class Right(ResourceManager, rtype="test::Right"):
        other = link("test::Left")

    for kind in (Left, Right):
        ResourceFactory.register_type(kind)
    with ec() as one:
        left = one.register_resource("test::Left")
        right = one.register_resource("test::Right", connectedTo=left)
        with pytest.raises(BadCondition, match="circle"):
            one.deploy()
        one.release()
        assert [one.state(guid) for guid in (left, right)] == [ResourceState.RELEASED] * 2


def test_shutdown_releases_and_closes_once(ec, stage):
    one = ec()
    one.register_resource("test::Thing")
    one.shutdown()
    one.shutdown()
    assert one.ecstate is ECState.TERMINATED
    assert stage.called == ["release #1"]
    assert replay.state(one.run_dir).closed


def test_leaving_shuts_down_also_on_an_exception(ec, stage):
    one = ec()
    one.register_resource("test::Thing")
    with pytest.raises(KeyError), one:
        raise KeyError
    assert (one.ecstate, stage.called) == (ECState.TERMINATED, ["release #1"])


def test_after_the_end_one_can_look_but_not_act(ec, stage):
    with ec() as one:
        thing = one.register_resource("test::Thing", size=3)
    assert (one.state(thing), one.get(thing, "size"), one.resources) == (RELEASED, 3, [1])
    assert one.trace(thing, "log") is None
    for call in (one.deploy, one.release, lambda: one.schedule(0, print), lambda: one.register_resource("test::Plain")):
        with pytest.raises(Closed, match="this controller was shut down"):
            call()
    with pytest.raises(Closed):
        one.wait_finished(thing)


def test_a_shutdown_that_is_interrupted_leaves_a_run_that_can_be_taken_over(ec, stage, monkeypatch):
    door = stage.door("release #1")
    one = ec()
    one.register_resource("test::Thing")

    def interrupted(*args, **kwargs):
        door.await_hook()
        raise KeyboardInterrupt

    monkeypatch.setattr(one._session, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        one.shutdown()
    door.open()
    assert not replay.state(one.run_dir).closed
    with ExperimentController.reconnect(one.run_dir) as two:
        assert two.resources == [1]
    assert replay.state(one.run_dir).closed


@pytest.mark.filterwarnings("ignore:waiting for #1")  # nobody deploys it
def test_whoever_waits_is_woken_when_the_controller_lets_go(ec, stage):
    one = ec()
    thing = one.register_resource("test::Plain")
    waiting = [Beside(lambda: one.wait_finished(thing)) for _ in range(3)]
    one.detach()
    assert {type(each.join()) for each in waiting} == {Closed}


def test_what_is_described_after_a_release_makes_it_run_again(ec):
    one = ec()
    one.register_resource("test::Thing")
    one.release()
    with pytest.raises(UnknownGuid):
        one.register_resource("test::Thing", connectedTo=9)
    assert one.ecstate is ECState.RELEASED
    one.deploy(one.register_resource("test::Thing"))
    assert one.ecstate is ECState.RUNNING
    one.release()
    assert one.ecstate is ECState.RELEASED
    one.detach()
    assert one.ecstate is ECState.TERMINATED


# --- a log that cannot be written


@pytest.mark.filterwarnings("ignore:waiting for #1")  # nobody deploys it
def test_a_controller_that_cannot_record_acts_no_more(ec, stage, monkeypatch):
    one = ec()
    thing = one.register_resource("test::Thing")
    waiting = Beside(lambda: one.wait_started(thing))

    def full(writer, records):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(one._session._writer), "append", full)
    for call in (one.deploy, one.release, lambda: one.state(thing)):
        with pytest.raises(OSError, match="No space left"):
            call()
    assert isinstance(waiting.join(), OSError)
    assert stage.called == []
    assert (one.ecstate, one.failure_level) == (ECState.FAILED, FailureLevel.EC_FAILURE)
    with pytest.raises(OSError, match="No space left"):
        one.shutdown()
    assert replay.state(one.run_dir).resources[thing].state is ResourceState.NEW
