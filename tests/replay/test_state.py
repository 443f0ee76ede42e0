"""An experiment as it stood at any moment."""

import json
import re
from datetime import timedelta

import pytest

import eventlog
import replay
from engine import ResourceAction, ResourceState, UsageError, journal
from eventlog import FileStore
from tests.engine.clock import START, OwnClock
from tests.engine.kinds import boom, new_stage


@pytest.fixture
def clock():
    return OwnClock(START + 123_456_789)


@pytest.fixture
def run_dir(ec, clock):
    """#1 starts at 0 s; #2 five seconds later, and fails; #3 waits for it in vain. At 9 s all is released."""
    stage = new_stage()
    stage.acts["start #2"] = boom
    stage.acts["start #1"] = lambda manager, intent: {"pid": 7}
    one = ec("exp", clock=clock)
    for _ in range(2):
        one.register_resource("test::Thing", connectedTo=one.resources)
    waiting = one.register_resource("test::Plain")
    one.register_condition(2, ResourceAction.START, 1, ResourceState.STARTED, 5)
    one.register_condition(waiting, ResourceAction.START, 2, ResourceState.STARTED)
    one.schedule("1h", print)
    one.deploy()
    one.wait_started(1)
    clock.go_on(5)
    one.wait_finished([2, 3])
    clock.go_on(4)
    one.shutdown()
    return one.run_dir


def states(world):
    return [resource.state.name for resource in world.resources.values()]


def test_by_default_it_is_the_end(run_dir):
    world = replay.state(run_dir)
    assert (world.exp_id, world.run_id, world.epoch, world.closed) == ("exp", run_dir.name, 1, True)
    assert states(world) == ["RELEASED"] * 3
    assert world.aborted_by == (2, 3)
    assert world.groups == {1: (1, 2, 3)}
    assert (world.time - world.start) == timedelta(seconds=9)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ("0s", ["STARTED", "READY", "READY"]),
        ("4.999999999s", ["STARTED", "READY", "READY"]),
        ("5s", ["STARTED", "FAILED", "FAILED"]),
        ("8s", ["STARTED", "FAILED", "FAILED"]),
        ("9s", ["RELEASED", "RELEASED", "RELEASED"]),
        ("1h", ["RELEASED", "RELEASED", "RELEASED"]),
    ],
)
def test_at_a_time_from_the_start(run_dir, at, expected):
    assert states(replay.state(run_dir, at)) == expected


def test_at_a_datetime(run_dir):
    start = replay.state(run_dir).start
    assert states(replay.state(run_dir, start + timedelta(seconds=4))) == ["STARTED", "READY", "READY"]
    assert states(replay.state(run_dir, start + timedelta(days=1))) == ["RELEASED"] * 3


def test_the_time_that_a_view_shows_is_one_that_it_includes(run_dir):
    for at in range(1, replay.state(run_dir).seq + 1):
        world = replay.state(run_dir, at)
        assert replay.state(run_dir, world.time).seq >= at


def test_at_every_event(run_dir):
    """Each event on its own leads to the same as folding up to it."""
    records = list(FileStore(run_dir).read())
    for record in records:
        world = replay.state(run_dir, record.seq)
        assert world.seq == record.seq
        folded = journal.rebuild(records[: record.seq]).to_dict()["resources"]
        assert {guid: it.state.name for guid, it in world.resources.items()} == {
            guid: it["state"] for guid, it in folded.items()
        }


@pytest.mark.parametrize("at", [0, -1, 10_000])
def test_an_event_that_is_not_there(run_dir, at):
    last = replay.state(run_dir).seq
    with pytest.raises(UsageError, match=f"there is no event {at}: the log goes from 1 to {last}"):
        replay.state(run_dir, at)


@pytest.mark.parametrize("at", ["soon", "", "-1s", 2.5, [], b"1s"])
def test_a_moment_that_cannot_be_read(run_dir, at):
    with pytest.raises(UsageError, match=re.escape(repr(at))):
        replay.state(run_dir, at)


def test_a_moment_before_the_run(run_dir):
    with pytest.raises(UsageError, match="the run had not begun"):
        replay.state(run_dir, replay.state(run_dir).start - timedelta(seconds=1))


def test_what_is_no_run(tmp_path):
    with pytest.raises(eventlog.NoLog):
        replay.state(tmp_path)


def test_what_is_known_of_a_resource(run_dir):
    world = replay.state(run_dir, "8s")
    one, two, three = world.resources.values()
    assert (one.rtype, one.connections, one.receipts) == ("test::Thing", (2,), {"start": {"pid": 7}})
    assert one.waiting_for == ("it runs until it ends or is stopped",)
    assert (two.error["message"], two.error["step"], two.waiting_for) == ("boom", "start", ())
    assert three.error["message"] == "it waits for #2 test::Thing, which is FAILED"
    assert two.times[ResourceState.FAILED] - two.times[ResourceState.READY] == timedelta(seconds=5)


def test_a_delay_that_goes_by_is_a_timer(run_dir):
    world = replay.state(run_dir, "1s")
    (timer,) = world.timers
    assert (timer.guid, timer.step, timer.due - world.start) == (2, "start", timedelta(seconds=5))
    assert timer.condition in world.resources[2].conditions
    assert world.resources[2].waiting_for == ("before its start, 5 s are to go by",)
    assert world.resources[3].waiting_for == ("before its start, #2 test::Thing (READY) is to be STARTED",)
    assert replay.state(run_dir, "6s").timers == ()


def test_a_task_has_its_state_and_its_time(run_dir):
    assert replay.state(run_dir, "6s").tasks[1]["state"] == "pending"
    assert replay.state(run_dir).tasks[1]["state"] == "lost"


def test_everything_goes_into_json(run_dir):
    for at in (1, "1s", None):
        world = replay.state(run_dir, at)
        plain = json.loads(json.dumps(world.to_dict()))
        assert plain["seq"] == world.seq
        assert set(plain["resources"]) == {str(guid) for guid in world.resources}


def test_a_live_run_can_be_read(ec):
    one = ec()
    one.register_resource("test::Plain")
    assert states(replay.state(one.run_dir)) == ["NEW"]


def test_a_view_does_not_change(ec):
    one = ec()
    one.register_resource("test::Plain")
    world = replay.state(one.run_dir)
    one.deploy()
    one.wait_started(1)
    assert states(world) == ["NEW"]
