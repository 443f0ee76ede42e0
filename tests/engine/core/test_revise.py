"""What was described is taken back or added to: connections, conditions, values, traces, and resources themselves."""

import pytest

from engine.core import decide, events, revise
from engine.core.effects import Changed, Connected, Forgotten
from engine.core.errors import BadAttribute, BadCondition, BadConnection, BadState, ExperimentError, UnknownGuid
from engine.core.states import ResourceState, Step
from tests.engine.core.lab import DEPLOY, START, STOP, Lab, S, link

READY, STARTED, STOPPED, FAILED = (ResourceState[name] for name in ("READY", "STARTED", "STOPPED", "FAILED"))


def refused(error, message, act, *args, **kwargs):
    with pytest.raises(error, match=message) as caught:
        act(*args, **kwargs)
    assert isinstance(caught.value, ExperimentError)


def drop(lab, guids, on, action=None):
    lab.turn(revise.drop_conditions(lab.world, guids, on, action))


def plan(lab, guids, on, state, delay=0, *, value=9, name="level"):
    lab.turn(revise.plan_value(lab.world, name, value, "live", guids, on, state, round(delay * S)))


@pytest.fixture
def lab():
    return Lab()


@pytest.fixture
def pair(lab):
    """A host, and an application that is linked to it."""
    lab.type("host", ("provision", "release"))
    lab.type("app", ("start", "stop", "release"), [link("host")])
    return lab.add(rtype="host"), lab.add(rtype="app", to=[1])


# --- connections


def test_what_is_disconnected_is_waited_for_no_more(lab, pair):
    host, app = pair
    lab.turn(revise.disconnect(lab.world, app, host))
    assert lab.changed[-2:] == [Connected(app, host, made=False), Connected(host, app, made=False)]
    lab.deploy(app)
    assert lab.look() == ["start #2"]
    assert lab.resource(host).connections == lab.resource(app).connections == []
    assert lab.resource(app).depends_on == []


def test_what_is_disconnected_while_both_are_released_is_not_released_before_the_other(lab, pair):
    """One turn holds both when the disk is slow."""
    host, app = pair
    lab.deploy(host)
    lab.kernel.emit(events.ReleaseRequested(0, [host, app]))
    lab.turn(revise.disconnect(lab.world, app, host))
    lab.done(app)
    lab.done(host)
    lab.done(host)
    assert lab.state(host, app) == ["RELEASED", "RELEASED"]


def test_disconnecting_those_who_are_not_connected_is_nothing(lab):
    one, two = lab.add(), lab.add()
    assert revise.disconnect(lab.world, one, two) == []
    refused(UnknownGuid, "there is no resource #9", revise.disconnect, lab.world, one, 9)


def test_nothing_is_taken_away_from_under_what_stands_on_it(lab, pair):
    host, app = pair
    lab.deploy()
    lab.done(host)
    message = "#2 app is READY and stands on #1 host: release it before it is disconnected"
    refused(BadConnection, message, revise.disconnect, lab.world, host, app)
    lab.done(app)
    lab.release(app)
    lab.done(app)
    lab.done(app)
    lab.turn(revise.disconnect(lab.world, host, app))
    assert lab.resource(host).connections == []


def test_one_of_many_by_the_same_link_leaves_the_others_waiting(lab, pair):
    host, app = pair
    other = lab.add(rtype="app", to=[host])
    lab.turn(revise.disconnect(lab.world, app, host))
    lab.deploy(app, other, barrier=False)
    assert lab.state(app, other) == ["READY", "PROVISIONED"]


# --- conditions


def test_a_condition_without_anybody_to_wait_for_is_gone(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, STOPPED)
    lab.deploy()
    assert lab.look() == ["start #1"]
    drop(lab, [two], [one])
    assert lab.look() == ["start #2"]
    assert lab.world.conditions == {}
    assert lab.world.watched == {}


def test_a_condition_waits_for_those_who_are_left(lab):
    one, two, three = lab.add("start"), lab.add(), lab.add("start")
    lab.when(three, START, [one, two], STARTED, 2)
    lab.deploy()
    drop(lab, [three], [one])
    lab.wait(1.9)
    assert lab.look() == ["start #1"]
    lab.wait(0.1)
    assert lab.look() == ["start #3"]


def test_others_who_wait_by_the_same_condition_go_on_waiting(lab):
    one, two, three = lab.add("start"), lab.add("start"), lab.add("start")
    lab.when([two, three], START, one, STARTED)
    lab.deploy()
    drop(lab, [two], [one])
    assert lab.look() == ["start #1", "start #2"]
    lab.done(one)
    assert lab.look() == ["start #3"]


def test_only_the_conditions_on_one_action_are_dropped(lab):
    one, two = lab.add("start"), lab.add("start", "stop")
    lab.when(two, START, one, STARTED)
    lab.when(two, STOP, one, STARTED)
    drop(lab, [two], [one], STOP)
    lab.deploy()
    assert lab.look() == ["start #1"]
    lab.done(one)
    lab.done(two)
    assert lab.look() == ["start #2"]
    assert lab.resource(two).gates.keys() == {Step.START}  # without a condition on STOP it runs on


def test_a_condition_that_is_not_there_cannot_be_dropped(lab):
    one, two = lab.add(), lab.add()
    lab.when(two, START, one, STARTED)
    refused(BadCondition, "#2: there is no condition on its DEPLOY", drop, lab, [two], [one], DEPLOY)
    refused(BadCondition, "#1: there is no condition that waits for #2", drop, lab, [one], [two])
    refused(UnknownGuid, "there is no resource #9", drop, lab, [two], [9])


def test_a_condition_that_can_never_hold_can_be_dropped_in_time(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, STARTED)
    lab.release(one)
    drop(lab, [two], [one])
    lab.deploy(two)
    assert lab.look() == ["release #1"] or lab.state(two) == "READY"


# --- planned values


def test_a_planned_value_is_set_when_it_is_time(lab):
    one, two = lab.add("start"), lab.add("start", level=1)
    plan(lab, [two], [one], STARTED, 1.5)
    lab.deploy()
    lab.done(one, two)
    lab.wait(1.4)
    assert lab.resource(two).attributes == {"level": 1}
    lab.wait(0.1)
    assert lab.resource(two).attributes == {"level": 9}
    assert lab.changed == [Changed(two, "level", 1, 9)]
    assert lab.resource(two).plans == ()
    assert lab.world.plans == {}
    set_ = lab.entries[-1]
    assert isinstance(set_.event, events.AttributeSet)
    assert isinstance(lab.entries[set_.event.plan - 1].event, events.AttributePlanned)


def test_a_planned_value_waits_for_its_resource_to_run(lab):
    one, two = lab.add(), lab.add("start")
    plan(lab, [two], [one], STARTED)
    lab.deploy(barrier=False)
    lab.wait(10)
    assert lab.resource(two).attributes == {}
    lab.done(two)
    assert lab.resource(two).attributes == {"level": 9}


def test_each_of_several_gets_the_value_in_its_own_time(lab):
    one, two, three = lab.add(), lab.add("start"), lab.add("start")
    plan(lab, [two, three], [one], STARTED)
    lab.deploy()
    lab.done(three)
    assert [lab.resource(guid).attributes for guid in (two, three)] == [{}, {"level": 9}]
    lab.done(two)
    assert [lab.resource(guid).attributes for guid in (two, three)] == [{"level": 9}, {"level": 9}]


def test_values_that_come_due_together_are_set_in_their_order(lab):
    one, two = lab.add(), lab.add("start")
    plan(lab, [two], [one], STARTED, 2, value=2)
    plan(lab, [two], [one], STARTED, 1, value=1)
    lab.deploy(barrier=False)
    lab.wait(5)
    lab.done(two)
    assert [effect.new for effect in lab.changed] == [1, 2]


def test_a_plan_outlives_its_controller(lab):
    one, two = lab.add(), lab.add()
    plan(lab, [two], [one], STARTED, 3)
    lab.deploy()
    lab = lab.crash()
    lab.take_over()
    lab.wait(2.9)
    assert lab.resource(two).attributes == {}
    lab.wait(0.1)
    assert lab.resource(two).attributes == {"level": 9}


def test_one_that_runs_fails_with_what_its_plan_waits_for(lab):
    lab.wants_abort = lambda guid: False
    one, two = lab.add("start"), lab.add()
    plan(lab, [two], [one], STARTED)
    lab.deploy(barrier=False)
    lab.fail(one)
    assert lab.state(two) == "FAILED"
    assert lab.resource(two).error["message"] == "it waits for #1 start, which is FAILED"


def test_what_cannot_be_planned(lab):
    one, two = lab.add(), lab.add()
    bad = [revise.plan_value, lab.world, "level", 9]
    refused(BadAttribute, "level of #2 plain cannot be set while it runs", *bad, "design", [two], [one], STARTED, 0)
    refused(BadCondition, "one resource at least on each side", *bad, "live", [two], [], STARTED, 0)
    refused(UnknownGuid, "there is no resource #9", *bad, "live", [two], [9], STARTED, 0)
    lab.release(two)
    refused(BadState, "#2 plain is RELEASED: level cannot be set any more", *bad, "live", [two], [one], STARTED, 0)


# --- values of types


def test_what_is_set_for_a_type_reaches_those_without_a_value_of_their_own(lab):
    lab.type("app", attributes={"level": 0})
    lab.type("big", extends=["app"], attributes={"level": 0})
    one, two, big = lab.add(rtype="app"), lab.add(rtype="app", level=5), lab.add(rtype="big")
    lab.turn(revise.set_global(lab.world, "app", "level", 3, "live"))
    later = lab.add(rtype="big")
    assert [lab.world.values(lab.resource(guid)).get("level") for guid in (one, two, big, later)] == [3, 5, 3, 3]
    assert lab.changed == [Changed(one, "level", 0, 3), Changed(big, "level", 0, 3)]
    lab.turn(revise.set_global(lab.world, "big", "level", 4, "live"))
    assert [lab.world.values(lab.resource(guid)).get("level") for guid in (one, big)] == [3, 4]


def test_whether_a_type_is_critical_counts_at_once(lab):
    lab.type("app", ("start",))
    one, two = lab.add(rtype="app"), lab.add(rtype="app", critical=True)
    lab.turn([events.AttributeSet(two, "critical", True, 0)])
    lab.turn(revise.set_global(lab.world, "app", "critical", False, "live"))
    assert [lab.resource(guid).critical for guid in (one, two)] == [False, True]
    assert lab.resource(lab.add(rtype="app")).critical is False
    lab.deploy(one, two)
    lab.fail(one)
    assert not lab.world.aborted


def test_what_must_be_set_before_is_not_set_for_a_type_that_has_begun(lab):
    lab.type("app", attributes={"level": 0})
    lab.add(rtype="app")
    lab.deploy()
    message = "level of app can be set while they are NEW; these have begun: #1 app"
    refused(BadState, message, revise.set_global, lab.world, "app", "level", 3, "design")


# --- traces


def test_a_trace_is_switched(lab):
    lab.type("app")
    one = lab.add(rtype="app")
    assert lab.world.trace_enabled(lab.resource(one), "log") is True
    lab.turn(revise.switch_trace(lab.world, one, "log", enabled=False))
    assert lab.world.trace_enabled(lab.resource(one), "log") is False
    assert revise.switch_trace(lab.world, one, "log", enabled=False) == []
    lab.release()
    refused(
        BadState, "#1 app is RELEASED: it records nothing", revise.switch_trace, lab.world, one, "log", enabled=True
    )


# --- removal


def test_what_was_removed_had_never_been_there(lab):
    one, two = lab.add(label="first"), lab.add()
    lab.when(two, START, [two], READY)
    lab.turn(revise.remove(lab.world, one))
    assert list(lab.world.resources) == [two]
    assert lab.changed == [Forgotten(one)]
    assert lab.add(label="first") == 3
    assert lab.add(guid=1) == 1


def test_its_own_conditions_go_with_it(lab):
    one, two, three = lab.add(), lab.add(), lab.add()
    lab.when([two, three], START, one, STOPPED)
    lab.when(two, STOP, one, STOPPED)
    plan(lab, [two], [one], STARTED)
    lab.turn(revise.remove(lab.world, two))
    assert [condition.guids for condition in lab.world.conditions.values()] == [[three]]
    assert lab.world.plans == {}


def test_what_others_count_on_is_not_removed(lab, pair):
    host, app = pair
    remove = lambda guid: revise.remove(lab.world, guid)  # noqa: E731
    refused(BadState, "#1 host is connected to #2: unregister_connection first", remove, host)
    one, two = lab.add(), lab.add()
    lab.when(two, START, one, STARTED)
    refused(BadState, "#4 wait for #3 plain: unregister_condition first", remove, one)
    lab.deploy(two, barrier=False)
    refused(BadState, "#4 plain is READY and deployed: release it first", remove, two)
    refused(UnknownGuid, "there is no resource #9", remove, 9)
    assert app == 2


def test_a_released_one_can_be_removed_from_its_group(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.deploy()
    lab.release(one)
    lab.done(one)
    lab.turn(revise.remove(lab.world, one))
    assert lab.world.groups[1].members == [two]
    three = lab.add("start")
    lab.deploy(three, group=1)
    lab.done(two)
    assert lab.look()[-1] == "start #3"


def test_what_is_to_be_forgotten_is_when_nobody_counts_on_it(lab, pair):
    host, app = pair
    lab.turn([events.AttributeSet(host, "hard_release", True, 0)])
    lab.deploy()
    lab.done(host)
    lab.done(app)
    assert revise.forget(lab.world) == []
    lab.release()
    for guid in (app, app, host):
        lab.done(guid)
    lab.turn(revise.forget(lab.world))
    assert list(lab.world.resources) == [app]
    assert lab.resource(app).connections == []


def test_it_is_not_forgotten_while_another_waits_for_it(lab):
    one, two = lab.add(hard_release=True), lab.add()
    lab.when(two, START, one, STARTED)
    lab.release(one)
    assert revise.forget(lab.world) == []
    lab.release(two)
    lab.turn(revise.forget(lab.world))
    assert list(lab.world.resources) == [two]


def test_it_is_not_forgotten_while_its_group_cannot_start_because_of_it():
    lab = Lab(wants_abort=lambda guid: False)
    one, two = lab.add("deploy", hard_release=True), lab.add("deploy")
    lab.deploy()
    lab.fail(one)
    lab.release(one)
    assert revise.forget(lab.world) == []
    refused(BadState, "the group of #2 cannot start because of #1", revise.remove, lab.world, one)
    lab.done(two)
    assert lab.state(two) == "FAILED"
    assert lab.resource(two).error["message"] == "it waits for #1 deploy, which is RELEASED"
    lab.release(two)
    lab.turn(revise.forget(lab.world))
    assert list(lab.world.resources) == [two]


def test_a_group_can_be_joined_once_those_that_broke_it_are_gone():
    lab = Lab(wants_abort=lambda guid: False)
    one, two = lab.add("deploy"), lab.add("deploy")
    lab.deploy()
    lab.fail(one)
    lab.fail(two)
    lab.release()
    lab.turn(revise.remove(lab.world, two))
    three = lab.add("deploy", "start")
    refused(BadCondition, "#3 .* would wait for #1 deploy", decide.deploy, lab.world, [three], 1, wait_all_ready=True)
    lab.turn(revise.remove(lab.world, one))
    lab.deploy(three, group=1)
    lab.done(three)
    lab.done(three)
    assert lab.state(three) == "STARTED"
