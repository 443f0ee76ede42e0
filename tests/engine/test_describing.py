"""The describing half of the controller: values for later and for types, traces, and what is taken back."""

import threading

import pytest

import replay
from engine import (
    BadAttribute,
    BadCondition,
    BadConnection,
    BadState,
    ExperimentController,
    ExperimentError,
    ExperimentWarning,
    Handle,
    ResourceAction,
    UnknownGuid,
    UnknownResourceType,
    UsageError,
    WaitTimeout,
)
from tests.engine.kinds import PATIENCE, READY, RELEASED, START, STARTED, STOP, STOPPED, Beside, boom


def things(one, number, **attributes):
    return [one.register_resource("test::Thing", **attributes) for _ in range(number)]


# --- values for later


def test_a_value_is_set_with_conditions(ec, stage, clock):
    one = ec(clock=clock)
    a, b, c = things(one, 3)
    one.set_with_conditions("level", "0.9", [b, c], a, STARTED, time="5s")
    one.deploy()
    assert one.wait_started([a, b, c]) is True
    clock.go_on(4.9)
    assert (one.get(b, "level"), one.get(c, "level")) == (0.5, 0.5)
    clock.go_on(0.1)
    assert one.wait(b, STARTED, quit=lambda: False) is True
    assert (one.get(a, "level"), one.get(b, "level"), one.get(c, "level")) == (0.5, 0.9, 0.9)
    one.shutdown()
    told = [name for name in stage.called if name.startswith("set level")]
    assert sorted(told) == ["set level 0.5 0.9 #2", "set level 0.5 0.9 #3"]


@pytest.mark.parametrize(
    ("error", "message", "name", "value", "others"),
    [
        (BadAttribute, "test::Thing has no attribute 'levle'; did you mean", "levle", 1, [1]),
        (BadAttribute, "test::Thing.level takes float, not 'high'", "level", "high", [1]),
        (BadAttribute, "size of #1 test::Thing cannot be set while it runs", "size", 3, [2]),
        (UnknownGuid, "there is no resource #9", "level", 1, [9]),
    ],
)
def test_what_cannot_be_set_later(ec, stage, error, message, name, value, others):
    one = ec()
    things(one, 2)
    with pytest.raises(error, match=message):
        one.set_with_conditions(name, value, [1, 2], others, STARTED)
    assert one._session.read(lambda world: world.plans) == {}


# --- values for types


def test_a_global_value_reaches_who_has_none_of_its_own(ec, stage):
    one = ec()
    before, own = things(one, 1) + things(one, 1, level=0.1)
    one.deploy(before)
    assert one.wait_started(before) is True
    one.set_global("test::Thing", "level", "0.7")
    after = things(one, 1)[0]
    assert [one.get(guid, "level") for guid in (before, own, after)] == [0.7, 0.1, 0.7]
    assert one.get_global("test::Thing", "level") == 0.7
    one.deploy(after)
    assert one.wait_started(after) is True
    assert stage.made[after].level == 0.7
    one.shutdown()
    assert "set level 0.5 0.7 #1" in stage.called


def test_what_has_failed_is_not_told_of_a_global_value(ec, stage):
    stage.acts["start #1"] = boom
    one = ec()
    things(one, 1, critical=False)
    one.deploy()
    one.wait_finished(1)
    one.set_global("test::Thing", "level", 0.7)
    one.shutdown()
    assert not any(name.startswith("set ") for name in stage.called)


def test_controllers_do_not_share_global_values(ec):
    one, two = ec(), ec()
    one.set_global("test::Thing", "size", 3)
    assert two.get_global("test::Thing", "size") == 1
    assert two.get(things(two, 1)[0], "size") == 1


def test_types_that_extend_another_have_its_values(ec):
    one = ec()
    one.set_global("test::App", "command", "run")
    assert one.get_global("test::BigApp", "command") == "run"
    host = one.register_resource("test::Host")
    app = one.register_resource("test::BigApp", connectedTo=host)
    one.deploy()  # its command, which is required, is there
    assert one.wait_started(app) is True


def test_what_is_no_global_value(ec):
    one = ec()
    with pytest.raises(UnknownResourceType, match="there is no resource type 'test::Thign'"):
        one.set_global("test::Thign", "size", 3)
    with pytest.raises(BadAttribute, match=r"test::Thing\.size is at most 9, not 10"):
        one.set_global("test::Thing", "size", 10)
    with pytest.raises(BadAttribute, match="test::Thing has no attribute 'siez'"):
        one.get_global("test::Thing", "siez")


def test_an_attribute_can_be_looked_at(ec):
    one = ec()
    (thing,) = things(one, 1, colour="red")
    found = one.get_attribute(thing, "colour")
    assert (found.name, found.value, found.default, found.choices) == ("colour", "red", None, ("green", "red"))
    size = one.get_attribute(thing, "size")
    assert (size.value, size.default, size.help, size.type) == (1, 1, "How large.", int)
    names = [attribute.name for attribute in one.get_attributes(thing)]
    assert names[:3] == ["critical", "hard_release", "size"]
    assert one.get(thing, "hardRelease") is False


# --- traces


def test_traces_are_switched(ec, stage):
    one = ec()
    (thing,) = things(one, 1)
    assert one.trace_enabled(thing, "log") is True
    one.disable_trace(thing, "log")
    assert one.trace_enabled(thing, "log") is False
    assert [(trace.name, trace.enabled) for trace in one.get_traces(thing)] == [("log", False)]
    seen = []
    stage.acts["start #1"] = lambda manager, intent: seen.append(manager.trace_enabled("log"))
    one.deploy()
    assert one.wait_started(thing) is True
    assert seen == [False]
    one.enable_trace(thing, "log")
    assert stage.made[thing].trace_enabled("log") is True
    with pytest.raises(UsageError, match="test::Thing has no trace 'lgo' to switch; did you mean"):
        one.enable_trace(thing, "lgo")


# --- finding


def test_resources_are_found_by_type(ec):
    one = ec()
    host = one.register_resource("test::Host")
    app, big = (one.register_resource(rtype, command="x", connectedTo=host) for rtype in ("test::App", "test::BigApp"))
    assert one.filter_resources("test::App") == [app, big]
    assert [handle.guid for handle in one.get_resources_by_type("test::BigApp")] == [big]
    with pytest.raises(UnknownResourceType):
        one.filter_resources("test::Nothing")
    with pytest.raises(UnknownGuid):
        one.get_resource(9)


# --- taken back


def test_a_connection_is_taken_back(ec, stage):
    one = ec()
    host = one.register_resource("test::Host")
    app = one.register_resource("test::App", command="x", connectedTo=host)
    one.unregister_connection(host, app)
    with pytest.raises(BadConnection, match="its 'host' needs 1"):
        one.deploy(app)
    one.register_connection(app, host)
    one.deploy()
    assert one.wait_started(app) is True
    with pytest.raises(BadConnection, match="is STARTED and stands on #1 test::Host"):
        one.unregister_connection(app, host)


def test_a_condition_is_taken_back(ec, stage):
    one = ec()
    a, b, c = things(one, 3)
    one.register_condition([b, c], START, a, STOPPED)
    one.register_condition(c, STOP, a, STARTED)
    one.deploy()
    assert one.wait_started(a) is True
    one.unregister_condition(b, a)
    assert one.wait_started(b) is True
    assert one.state(c) is READY
    one.unregister_condition([c], [a], ResourceAction.START)
    assert one.wait_finished(c) is True  # its condition on STOP has held for long


def test_a_resource_is_taken_back(ec):
    one = ec()
    a, b = things(one, 2)
    one.register_connection(a, b)
    with pytest.raises(BadState, match="#1 test::Thing is connected to #2: unregister_connection first"):
        one.remove_resource(a)
    one.unregister_connection(a, b)
    one.remove_resource(a)
    assert one.resources == [b]
    with pytest.raises(UnknownGuid):
        one.state(a)
    assert one.register_resource("test::Plain") == 3


# --- connections are told


def test_a_type_is_told_of_its_connections(ec, stage):
    one = ec()
    told, told_of_d = [], threading.Event()

    def meet(manager, other):
        told.append(("with", other.guid))
        if other.guid == 4:
            told_of_d.set()

    stage.acts["on_connect #2"] = meet
    stage.acts["on_disconnect #2"] = lambda manager, other: told.append(("without", other.guid))
    a = one.register_resource("test::Plain")
    b = one.register_resource("test::Social", connectedTo=a)
    c = one.register_resource("test::Plain", connectedTo=b)
    stage.acts["start #2"] = lambda manager, intent: told.append("start")
    one.deploy()
    assert one.wait_started(b) is True
    one.unregister_connection(b, c)
    d = one.register_resource("test::Plain")
    one.register_connection(d, b)
    assert told_of_d.wait(PATIENCE)
    assert told == [("with", a), ("with", c), "start", ("without", c), ("with", d)]


def test_what_on_connect_raises_is_a_failure(ec, stage):
    one = ec()

    def refuse(manager, other):
        raise RuntimeError("not this one")

    stage.acts["on_connect #1"] = refuse
    social = one.register_resource("test::Social", critical=False)
    one.deploy()
    assert one.wait_started(social) is True
    one.register_resource("test::Plain", connectedTo=social)
    assert one.wait_finished(social) is True
    failure = one.failure(social)
    assert failure is not None
    assert (failure.action, failure.story["message"]) == ("on_connect", "not this one")


# --- forgotten


def test_what_is_released_for_good_is_forgotten(ec, stage):
    one = ec(persist=True)
    a, b = things(one, 1) + things(one, 1, hard_release=True)
    one.deploy()
    assert one.wait_started([a, b]) is True
    one.release(b)
    assert one.resources == [a]
    with pytest.raises(UnknownGuid, match="there is no resource #2; registered are #1"):
        one.state(b)
    one.release()
    one.shutdown()
    assert len(list(one.run_dir.glob("*.xml"))) == 1
    assert list(replay.state(one.run_dir).resources) == [a]


def test_who_is_only_connected_keeps_nobody_from_being_forgotten(ec, stage):
    one = ec()
    host = one.register_resource("test::Host")
    app = one.register_resource("test::App", command="x", connectedTo=host, hard_release=True)
    one.deploy()
    assert one.wait_started(app) is True
    one.release(app)
    assert one.resources == [host]


def test_the_description_is_saved_at_the_release_of_all(ec, stage):
    one = ec(persist=True)
    a, b = things(one, 2)
    one.deploy()
    one.release(a)
    saved = lambda: list(one.run_dir.glob("*.xml"))  # noqa: E731
    assert saved() == []
    one.release()
    (path,) = saved()
    with ExperimentController.load(path, local_dir=one.local_dir) as two:
        assert two.resources == [a, b]


# --- waiting in general


def test_waiting_for_a_state_until_the_user_has_had_enough(ec, stage):
    door = stage.door("start #1")
    one = ec()
    (thing,) = things(one, 1)
    one.deploy()
    door.await_hook()
    asked = []
    assert one.wait(thing, STARTED, quit=lambda: len(asked) > 2 or asked.append(1)) is False
    with pytest.raises(WaitTimeout, match="#1 test::Thing is READY: its start is under way"):
        one.wait(thing, STARTED, quit=lambda: False, timeout="0.2s")
    door.open()
    assert one.wait([thing], STARTED, quit=lambda: False, timeout=20) is True


def test_who_is_there_already_is_not_waited_for(ec, stage):
    one = ec()
    (thing,) = things(one, 1)
    one.deploy()
    assert one.wait_started(thing) is True
    assert one.wait(thing, STARTED, quit=lambda: True) is True
    for state in ("STARTED", 5, None):
        with pytest.raises(BadCondition, match="a state is one of ResourceState"):
            one.wait(thing, state, quit=lambda: False)
    with pytest.raises(UsageError, match="quit is a function, not 3"):
        one.wait(thing, STARTED, quit=3)


def test_a_wait_in_vain_tells_all_the_time_that_it_took(ec, stage):
    door = stage.door("start #1")
    one = ec()
    things(one, 1)
    one.deploy()
    with pytest.raises(WaitTimeout, match=r"after 0\.25 s still waiting"):
        one.wait(1, STARTED, quit=lambda: False, timeout=0.25)
    door.open()


def test_waiting_for_what_nobody_has_deployed_warns(ec):
    one = ec()
    things(one, 1)
    with pytest.warns(ExperimentWarning, match="waiting for #1 test::Thing: nobody has deployed it"):
        assert one.wait(1, RELEASED, quit=iter([False, True]).__next__) is False


def test_such_a_wait_is_told_at_the_line_of_the_script_also_if_a_handle_waits(ec):
    one = ec()
    things(one, 1)
    for who, guids in (one, [1]), (Handle(one, 1), []):
        with pytest.raises(WaitTimeout), pytest.warns(ExperimentWarning) as told:
            who.wait_finished(*guids, timeout=0)
        assert [it.filename for it in told] == [__file__]


# --- a hook that never returns


def test_a_hook_that_never_returns_is_named_and_does_not_hang_the_shutdown(ec, stage):
    door = stage.door("deploy #1")
    one = ec(patience="0.1s")
    things(one, 1)
    one.deploy()
    door.await_hook()
    message = "#1 test::Thing: its deploy was given up: it had not ended 0.1 s after it was cancelled"
    with pytest.raises(ExperimentError, match=message):
        one.shutdown()
    assert stage.called == ["discover #1", "reserve #1", "provision #1", "configure #1", "deploy #1", "release #1"]
    door.open()


def test_a_hook_that_heeds_its_cancel_is_no_problem(ec, stage):
    one = ec()
    (thing,) = things(one, 1)
    begun = stage.door("deploy #1")

    def heed(manager, intent):
        while not intent.cancelled:
            intent._cancelled.wait(1)

    stage.acts["deploy #1"] = heed
    one.deploy()
    begun.await_hook()
    begun.open()
    releasing = Beside(lambda: one.release(thing))
    assert releasing.join() is None
    assert one.state(thing) is RELEASED
