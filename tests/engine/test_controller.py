"""The controller through its public calls: describing an experiment, deploying it, taking it step by step."""

import time
import warnings
from datetime import UTC, datetime

import pytest

import eventlog
import replay
from engine import (
    BadAttribute,
    BadCondition,
    BadConnection,
    BadState,
    ECState,
    ExperimentAborted,
    ExperimentWarning,
    FailureLevel,
    ResourceFailed,
    ResourceState,
    UnknownGuid,
    UnknownResourceType,
    UsageError,
)
from engine.core import events, stepping
from tests.engine.kinds import READY, START, STARTED, STOP, STOPPED, Beside, boom

# --- a run and its files


def test_a_run_has_a_private_directory_of_its_own(ec, home):
    one, two = ec("exp"), ec("exp")
    assert one.run_dir == home / "exp" / one.run_id
    assert (one.exp_id, one.exp_dir, one.local_dir) == ("exp", home / "exp", home)
    assert one.run_dir.stat().st_mode & 0o777 == 0o700
    assert one.run_id < two.run_id


def test_a_run_has_a_name_without_being_given_one(ec):
    name = ec().exp_id
    assert name.startswith("exp-")
    assert len(bytes.fromhex(name.removeprefix("exp-"))) == 8


def test_a_run_is_kept_where_it_is_said(ec, tmp_path):
    assert ec("exp", local_dir=tmp_path / "there").local_dir == tmp_path / "there"


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "ü"])
def test_a_name_that_is_no_directory_is_refused(ec, home, name):
    with pytest.raises(UsageError, match="names a directory"):
        ec(name)
    assert not home.exists()


@pytest.mark.parametrize("workers", [0, -1, True, "2", 1.5])
def test_a_number_of_workers_that_is_none_is_refused(ec, home, workers):
    with pytest.raises(UsageError, match=f"a number from 1 on, not {workers!r}"):
        ec("exp", workers=workers)
    assert not home.exists()


def test_what_is_no_clock_is_refused(ec, home):
    with pytest.raises(UsageError, match=r"a clock has now\(\) and alarm\(ring\), unlike 3"):
        ec("exp", clock=3)
    assert not home.exists()
    run_dir = ec("exp").run_dir
    with pytest.raises(UsageError, match="a clock has now"):
        ec.reconnect(run_dir, clock=time.monotonic)


@pytest.mark.parametrize("text", ["0", "many", "-3", ""])
def test_a_wrong_variable_is_refused(ec, home, monkeypatch, text):
    monkeypatch.setenv("NETREEL_WORKERS", text)
    with pytest.raises(UsageError, match="NETREEL_WORKERS"):
        ec("exp")
    assert not home.exists()


def test_the_number_of_workers_comes_from_the_environment(ec, monkeypatch):
    assert ec(workers=3).nthreads == 3
    assert ec().nthreads == 20
    monkeypatch.setenv("NETREEL_WORKERS", "7")
    assert ec().nthreads == 7


def test_a_new_controller_is_in_order(ec):
    new = ec("exp")
    assert (new.ecstate, new.failure_level, new.abort, new.resources) == (ECState.RUNNING, FailureLevel.OK, False, [])
    assert repr(new) == f"<ExperimentController exp {new.run_id} RUNNING>"


# --- describing


def test_a_new_controller_can_be_shut_down_at_once(ec):
    for _ in range(20):
        ec().shutdown()


def test_resources_that_many_threads_register_have_numbers_of_their_own(ec):
    one = ec()
    made = [Beside(lambda: [one.register_resource("test::Plain") for _ in range(10)]) for _ in range(8)]
    assert sorted(guid for each in made for guid in each.join()) == list(range(1, 81))


def test_resources_are_numbered_in_order(ec):
    one = ec()
    assert [one.register_resource("test::Plain") for _ in range(3)] == [1, 2, 3]
    assert one.register_resource("test::Plain", guid=10) == 10
    assert one.register_resource("test::Plain") == 11
    assert one.resources == [1, 2, 3, 10, 11]


@pytest.mark.parametrize(
    ("error", "message", "rtype", "attributes"),
    [
        (UnknownResourceType, "did you mean test::Thing", "test::Thin", {}),
        (BadAttribute, "test::Thing has no attribute 'siez'; did you mean size?", "test::Thing", {"siez": 1}),
        (BadAttribute, "test::Thing.size takes int, not 'x'", "test::Thing", {"size": "x"}),
        (BadState, "guid 1 is taken by #1 test::Plain \\(router\\)", "test::Plain", {"guid": 1}),
        (UnknownGuid, "there is no resource #9", "test::Plain", {"connectedTo": 9}),
        (UnknownGuid, "no resource is labelled 'x'; known are router", "test::Plain", {"connectedTo": "x"}),
        (UsageError, "named by its guid, a whole number, .* not by None", "test::Plain", {"connectedTo": None}),
        (UsageError, "named by its guid, a whole number, .* not by 'x'", "test::Plain", {"guid": "x"}),
        (BadState, "the label 'router' is that of #1 test::Plain", "test::Thing", {"label": "router"}),
        (BadState, "a label is a name of 1 to 100 printable characters, not 5", "test::Thing", {"label": 5}),
        (BadAttribute, "has no command", "test::App", {"autoDeploy": True}),
    ],
)
def test_what_is_wrong_registers_nothing(ec, error, message, rtype, attributes):
    one = ec()
    one.register_resource("test::Plain", label="router")
    with pytest.raises(error, match=message):
        one.register_resource(rtype, **attributes)
    assert one.resources == [1]


def test_registered_connected_and_deployed_in_one_call(ec, stage):
    one = ec()
    host = one.register_resource("test::Host", autoDeploy=True)
    app = one.register_resource("test::App", command="x", connectedTo=[host], autoDeploy=True)
    assert one.wait_started([host, app])
    assert stage.called == ["provision #1", "start #2"]


def waiting_for_a_host(ec):
    """A controller, and three calls that each deploy what waits for a host that nobody has deployed."""
    one = ec()
    host = one.register_resource("test::Host")
    app = one.register_resource("test::App", command="x", connectedTo=host)
    return one, {
        "deploy": lambda: one.deploy(app),
        "register": lambda: one.register_resource("test::App", command="x", connectedTo=host, autoDeploy=True),
    }


@pytest.mark.parametrize(("call", "guid"), [("deploy", 2), ("register", 3)])
def test_what_may_be_amiss_is_told_where_it_is_asked_for(ec, call, guid):
    one, calls = waiting_for_a_host(ec)
    message = f"#{guid} test::App waits for #1 test::Host to be READY, and nobody has deployed it"
    with pytest.warns(ExperimentWarning, match=message) as told:
        calls[call]()
    assert [it.filename for it in told] == [__file__]
    assert replay.state(one.run_dir).warnings == (message,)
    one.deploy(1)
    assert one.wait_started(guid)


@pytest.mark.parametrize("call", ["deploy", "register"])
def test_where_warnings_are_errors_a_call_that_raises_one_has_done_nothing(ec, call):
    one, calls = waiting_for_a_host(ec)
    before = list(eventlog.open(one.run_dir))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ExperimentWarning, match="nobody has deployed it"):
            calls[call]()
    assert list(eventlog.open(one.run_dir)) == before


def test_connections_are_refused_or_made_for_both_sides(ec):
    one = ec()
    host, app, other = (one.register_resource(f"test::{name}") for name in ("Host", "App", "Host"))
    one.register_connection(host, app)
    one.register_connection(app, host)
    with pytest.raises(BadConnection, match="one too many"):
        one.register_connection(other, app)
    seen = replay.state(one.run_dir).resources
    assert [seen[guid].connections for guid in (host, app, other)] == [(app,), (host,), ()]


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (BadCondition, (1, "start", 2, STARTED)),
        (BadCondition, (1, START, 2, "STARTED")),
        (BadCondition, (1, START, 2, 5)),
        (BadCondition, (1, START, 1, STARTED)),
        (BadCondition, (1, START, [], STARTED)),
        (UnknownGuid, (1, START, [2, 3], STARTED)),
        (UsageError, (1, START, 2, STARTED, "soon")),
        (UsageError, (1, START, 2, STARTED, -1)),
        (UsageError, (1, START, 2, STARTED, 1e20)),
        (UsageError, ("1", START, 2, STARTED)),
        (UsageError, (True, START, 2, STARTED)),
    ],
)
def test_a_condition_that_makes_no_sense(ec, error, arguments):
    one = ec()
    for _ in range(2):
        one.register_resource("test::Plain")
    with pytest.raises(error):
        one.register_condition(*arguments)
    assert replay.state(one.run_dir).resources[1].conditions == ()


@pytest.mark.parametrize("several", [tuple, set, dict.fromkeys, iter])
def test_several_are_named_by_anything_that_lists_them(ec, several):
    one = ec()
    a, b, c = (one.register_resource("test::Plain") for _ in range(3))
    one.register_condition(several([b, c]), START, several([a]), STARTED)
    (condition,) = one._session.read(lambda world: list(world.conditions.values()))
    assert (condition.guids, condition.on) == ([b, c], [a])


def test_a_circle_is_refused_and_nothing_is_deployed(ec):
    one = ec()
    a, b = one.register_resource("test::Plain"), one.register_resource("test::Plain")
    one.register_condition(a, START, b, STARTED)
    one.register_condition(b, START, a, STARTED)
    with pytest.raises(BadCondition, match=r"circle and can never hold: start of #\d test::Plain waits for"):
        one.deploy()
    assert one.state(a) is ResourceState.NEW


# --- deploying


def test_a_deployment_calls_every_hook_in_order(ec, stage):
    one = ec()
    thing = one.register_resource("test::Thing")
    assert one.deploy() == 1
    assert one.wait_started(thing)
    one.stop(thing)
    one.release()
    steps = "discover reserve provision configure deploy start stop release"
    assert stage.called == [f"{step} #1" for step in steps.split()]


def test_a_hook_is_given_its_intent_and_the_receipts_so_far(ec, stage):
    seen = {}

    def look(manager, intent):
        seen.update(receipts=dict(manager.receipts), tokens=dict(manager.tokens), intent=intent, state=manager.state)

    stage.acts["provision #1"] = lambda manager, intent: {"dir": "/x"}
    stage.acts["start #1"] = look
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    assert one.wait_started(1)
    assert seen["receipts"] == {"provision": {"dir": "/x"}}
    assert seen["tokens"]["start"] == seen["intent"].token
    assert (str(seen["intent"].step), seen["intent"].cancelled, seen["state"]) == ("start", False, READY)
    assert seen["intent"].token.startswith(one.run_id.rpartition("-")[2])


def test_what_a_hook_says_that_it_is_doing_is_in_the_log_and_tells_no_secret(ec, stage, monkeypatch):
    monkeypatch.setenv("LAB_PASSWORD", "s3cret-word")
    stage.acts["deploy #1"] = lambda manager, intent: intent.doing(f"logging in with {manager.password}")
    one = ec()
    one.register_resource("test::Thing", password="env:LAB_PASSWORD")
    one.deploy()
    assert one.wait_started(1)
    (told,) = (record.data for record in eventlog.open(one.run_dir) if record.kind == "step.told")
    assert told == {"step": "deploy", "doing": "logging in with [secret]"}


def test_what_a_manager_says_is_the_matter_is_in_the_log_and_tells_no_secret(ec, stage, monkeypatch):
    monkeypatch.setenv("LAB_PASSWORD", "s3cret-word")
    one = ec()
    one.register_resource("test::Thing", password="env:LAB_PASSWORD")
    one.deploy()
    assert one.wait_started(1)
    manager = stage.made[1]
    Beside(lambda: manager.remark(f"is refused: {manager.password}")).join()
    assert one.state(1) is STARTED  # what was said before was heard before
    assert replay.state(one.run_dir).resources[1].remark == "is refused: [secret]"
    manager.remark("")
    one.shutdown()
    manager.remark("is gone")
    said = [record.data["remark"] for record in eventlog.open(one.run_dir) if record.kind == "resource.remarked"]
    assert said == ["is refused: [secret]", ""]
    assert replay.check(one.run_dir) == []


def test_nobody_waits_for_a_hook_that_takes_long(ec, stage):
    door = stage.door("deploy #1")
    one = ec(workers=1)
    slow, quick = one.register_resource("test::Thing"), one.register_resource("test::Plain")
    one.deploy(wait_all_ready=False)
    door.await_hook()
    assert one.wait_started(quick)
    assert one.state(slow, hr=True) == "PROVISIONED"
    door.open()
    assert one.wait_started(slow)


def test_a_group_starts_when_all_of_it_is_ready(ec, stage):
    door = stage.door("deploy #1")
    one = ec()
    things = [one.register_resource("test::Thing") for _ in range(2)]
    one.deploy()
    assert one.wait_deployed(things[1])
    door.await_hook()
    assert "start #2" not in stage.called
    door.open()
    assert one.wait_started(things)


def test_more_may_join_a_group(ec):
    one = ec()
    one.register_resource("test::Plain")
    group = one.deploy()
    assert one.wait_started(1)
    late = one.register_resource("test::Plain")
    assert one.deploy(late, group=group) == group
    assert one.wait_started(late)


def test_a_delay_goes_by_on_the_clock(ec, stage, clock):
    one = ec(clock=clock)
    a, b = one.register_resource("test::Thing"), one.register_resource("test::Thing")
    one.register_condition(b, START, a, STARTED, "1m30s")
    one.deploy()
    assert one.wait_deployed([a, b])
    assert one.wait_started(a)
    clock.go_on(89.999999999)
    assert one.state(b) is READY
    clock.go_on(0.000000001)
    assert one.wait_started(b)
    assert (one.get_start_time(b) - one.get_start_time(a)).total_seconds() == 90


def test_a_stop_condition_stops(ec, stage, clock):
    one = ec(clock=clock)
    thing = one.register_resource("test::Thing")
    one.register_condition(thing, STOP, thing, STARTED, 5)
    one.deploy()
    assert one.wait_started(thing)
    clock.go_on(5)
    assert one.wait_finished(thing)
    assert one.state(thing) is STOPPED


def test_times_are_aware_and_tell_every_state(ec, stage, clock):
    one = ec(clock=clock)
    thing = one.register_resource("test::Thing")
    names = "discover reserved provision ready start stop failed release"
    times = [getattr(one, f"get_{name}_time") for name in names.split()]
    assert [time(thing) for time in times] == [None] * 8
    one.deploy()
    one.wait_started(thing)
    one.stop(thing)
    clock.go_on(2)
    one.release()
    noon = datetime(2026, 5, 4, 12, 0, 0, tzinfo=UTC)
    assert [time(thing) for time in times] == [noon] * 6 + [None, noon.replace(second=2)]
    assert one.get_start_time(thing).tzinfo is not None


def test_the_time_of_a_state_is_that_of_its_latest_entry(ec, stage, clock):
    one = ec(clock=clock)
    thing = one.register_resource("test::Thing")
    one.deploy()
    one.wait_started(thing)
    first = one.get_start_time(thing)
    one.stop(thing)
    clock.go_on(3)
    one.start(thing)
    assert (one.get_start_time(thing) - first).total_seconds() == 3


# --- one step


def test_single_steps_block_until_they_are_done(ec, stage):
    one = ec()
    thing = one.register_resource("test::Thing")
    for step, state in (("discover", "DISCOVERED"), ("reserve", "RESERVED"), ("provision", "PROVISIONED")):
        getattr(one, step)(thing)
        assert one.state(thing, hr=True) == state
    one.deploy(thing)
    assert one.wait_started(thing)
    one.stop(thing)
    one.start(thing)
    assert one.state(thing) is STARTED


def test_a_step_that_the_state_does_not_allow(ec):
    one = ec()
    one.register_resource("test::Plain")
    with pytest.raises(BadState, match="#1 test::Plain is NEW: it cannot start"):
        one.start(1)


def test_a_step_that_fails_says_so(ec, stage):
    stage.acts["discover #1"] = boom
    one = ec()
    one.register_resource("test::Thing")
    with pytest.raises(ResourceFailed, match="#1 test::Thing failed in discover: boom") as failure:
        one.discover(1)
    assert (failure.value.guid, failure.value.rtype, failure.value.action) == (1, "test::Thing", "discover")
    assert "RuntimeError" in failure.value.story["traceback"]
    assert (one.abort, one.failure_level) == (True, FailureLevel.RM_FAILURE)


def test_a_step_after_an_abort(ec, stage):
    stage.acts["discover #1"] = boom
    one = ec()
    a, b = one.register_resource("test::Thing"), one.register_resource("test::Plain")
    with pytest.raises(ResourceFailed):
        one.discover(a)
    for refused in (lambda: one.discover(b), lambda: one.deploy(b)):
        with pytest.raises(ExperimentAborted, match="#1 test::Thing failed in discover: boom") as aborted:
            refused()
        assert [failure.guid for failure in aborted.value.failures] == [a]


def test_a_release_during_a_start_undoes_it(ec, stage):
    door = stage.door("start #1")
    stage.acts["start #1"] = lambda manager, intent: stage.called.append(f"cancelled: {intent.cancelled}")
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    door.await_hook()
    one._session.ask(lambda kernel: kernel.emit_all(stepping.release(kernel.world, None)))
    door.open()
    one.release()
    assert stage.called[-4:] == ["start #1", "cancelled: True", "stop #1", "release #1"]


@pytest.mark.parametrize(
    ("overtaking", "error"),
    [(events.ReleaseRequested(0, [1]), BadState), (events.ExperimentAborted(0, 1), ExperimentAborted)],
)
def test_a_step_that_something_else_overtakes_is_no_success(ec, monkeypatch, overtaking, error):
    """Both are accepted in one turn, so the step is never begun."""
    real = stepping.request_step
    monkeypatch.setattr(stepping, "request_step", lambda *args: [*real(*args), overtaking])
    one = ec()
    one.register_resource("test::Plain")
    with pytest.raises(error):
        one.discover(1)
    assert one.get_discover_time(1) is None
