"""Conditions: nothing comes before they hold, everything comes as soon as they do."""

import pytest

from engine.core import decide
from engine.core.errors import BadCondition
from engine.core.states import ResourceState as State
from tests.engine.core.lab import DEPLOY, START, STOP, Lab, S


@pytest.fixture
def lab():
    return Lab()


def test_a_start_waits_for_another_start(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.STARTED)
    lab.deploy()
    assert lab.look() == ["start #1"]
    lab.done(one)
    assert lab.look() == ["start #2"]


def test_a_deployment_waits_before_its_first_step(lab):
    one, two = lab.add("start"), lab.add("provision")
    lab.when(two, DEPLOY, one, State.READY)
    lab.when(two, DEPLOY, one, State.PROVISIONED, 2)
    lab.deploy(barrier=False)
    assert lab.state(one, two) == ["READY", "NEW"]
    lab.wait(2)
    assert lab.look() == ["start #1", "provision #2"]


def test_a_delay_is_exact_to_the_nanosecond(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.STARTED, 1.5)
    lab.deploy()
    lab.done(one)
    lab.look()
    lab.turn(at=lab.now + 3 * S // 2 - 1)
    assert lab.look() == []
    assert lab.kernel.next_due() == lab.now + 1
    lab.turn(at=lab.now + 1)
    assert lab.look() == ["start #2"]


def test_a_delay_counts_from_the_last_that_got_there(lab):
    one, two, three = (lab.add("start") for _ in range(3))
    lab.when(three, START, [one, two], State.STARTED, 5)
    lab.deploy()
    lab.done(one)
    lab.wait(3)
    lab.done(two)
    lab.wait(5)
    lab.done(three)
    assert lab.at(three, "STARTED") == 8


def test_a_condition_of_the_past_counts_from_when_it_was_met(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.deploy(one)
    lab.done(one)
    lab.wait(3)
    lab.when(two, START, one, State.STARTED, 5)
    lab.deploy(two)
    assert lab.kernel.next_due() == lab.now + 2 * S
    lab.wait(2)
    assert lab.look() == ["start #1", "start #2"]


def test_several_conditions_must_all_hold(lab):
    one, two, three = (lab.add("start") for _ in range(3))
    lab.when(three, START, one, State.STARTED, 4)
    lab.when(three, START, two, State.STARTED, 1)
    lab.deploy()
    lab.look()
    lab.done(one)
    lab.wait(10)
    assert lab.look() == []
    lab.done(two)
    assert lab.look() == []
    lab.wait(1)
    assert lab.look() == ["start #3"]


def test_the_longest_of_several_delays_counts(lab):
    one, two = lab.add("start"), lab.add("start")
    for delay in (1, 7, 3):
        lab.when(two, START, one, State.STARTED, delay)
    lab.deploy()
    lab.done(one)
    lab.wait(7)
    lab.done(two)
    assert lab.at(two, "STARTED") == 7


def test_stopped_counts_as_started_from_the_moment_of_the_start(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.deploy(one)
    lab.done(one)
    lab.wait(1)
    lab.ended(one)
    lab.wait(1)
    lab.when(two, START, one, State.STARTED, 3)
    lab.deploy(two)
    assert lab.kernel.next_due() == lab.now + 1 * S


def test_a_stop_condition_stops_it(lab):
    one, two = lab.add("start"), lab.add("start", "stop")
    lab.when(two, STOP, one, State.STOPPED, 2)
    lab.deploy()
    lab.done(one, two)
    lab.ended(one)
    lab.look()
    lab.wait(2)
    assert lab.look() == ["stop #2"]
    lab.done(two)
    assert lab.state(two) == "STOPPED"


def test_stop_so_long_after_its_own_start(lab):
    one = lab.add("start", "stop")
    lab.when(one, STOP, one, State.STARTED, 4)
    lab.deploy()
    lab.wait(1)
    lab.done(one)
    lab.wait(4)
    lab.done(one)
    assert lab.at(one, "STOPPED") == 5


def test_start_so_long_after_it_is_ready_itself(lab):
    one, two = lab.add("deploy", "start"), lab.add("deploy", "start")
    lab.when([one, two], START, [one, two], State.READY, 2)
    lab.deploy(barrier=False)
    lab.done(one)
    lab.wait(9)
    lab.done(two)
    lab.look()
    lab.wait(2)
    assert lab.look() == ["start #1", "start #2"]


def test_without_a_stop_condition_it_runs_on(lab):
    one = lab.add("start", "stop")
    lab.deploy()
    lab.done(one)
    lab.wait(1000)
    assert lab.state(one) == "STARTED"


def test_one_that_ended_by_itself_is_not_stopped(lab):
    one, two = lab.add("start"), lab.add("start", "stop")
    lab.when(two, STOP, one, State.STOPPED)
    lab.deploy()
    lab.done(one, two)
    lab.ended(two)
    lab.look()
    lab.ended(one)
    assert (lab.look(), lab.state(two)) == ([], "STOPPED")


def test_a_group_that_many_wait_for_is_counted_once(lab):
    ones = [lab.add("start") for _ in range(10)]
    twos = [lab.add("start") for _ in range(10)]
    lab.when(twos, START, ones, State.STARTED)
    assert len(lab.world.conditions) == 1
    lab.deploy()
    lab.look()
    for one in ones[:-1]:
        lab.done(one)
        assert lab.look() == []
    lab.done(ones[-1])
    assert lab.look() == [f"start #{two}" for two in twos]


def test_the_same_resource_twice_is_once(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when([two, two], START, [one, one], State.STARTED)
    lab.deploy()
    lab.done(one)
    assert lab.look() == ["start #1", "start #2"]


def test_a_condition_that_comes_while_it_waits_counts(lab):
    one, two, three = (lab.add("start") for _ in range(3))
    lab.when(three, START, one, State.STARTED)
    lab.deploy()
    lab.when(three, START, two, State.STARTED)
    lab.look()
    lab.done(one)
    assert lab.look() == []
    lab.done(two)
    assert lab.look() == ["start #3"]


@pytest.mark.parametrize(
    ("done", "action", "standing"),
    [
        ("deploy", START, "STARTED"),
        ("deploy", DEPLOY, "STARTED"),
        ("stop", START, "STOPPED"),  # who starts it again does so by hand, which asks no condition
        ("stop", DEPLOY, "STOPPED"),
        ("release", STOP, "RELEASED"),
        ("release", START, "RELEASED"),
    ],
)
def test_what_has_come_already_is_not_held_back(lab, done, action, standing):
    one, two, three = lab.add(), lab.add(), lab.add()
    lab.deploy(two)
    if done == "stop":
        lab.request(two, "stop")
    elif done == "release":
        lab.release(two)
    seq = lab.world.seq
    with pytest.raises(BadCondition) as caught:
        lab.when([three, two], action, one, State.STARTED)
    assert str(caught.value) == (
        f"#2 plain is {standing}: no {action.name} of it is to come that a condition could hold back; register "
        f"conditions before it is deployed"
    )
    assert lab.world.seq == seq


@pytest.mark.parametrize(("step", "action"), [("deploy", DEPLOY), ("start", START)])
def test_what_is_under_way_is_not_held_back(lab, step, action):
    one, two = lab.add(), lab.add(step)
    lab.deploy(two)
    with pytest.raises(BadCondition, match=f"no {action.name} of it is to come"):
        lab.when(two, action, one, State.STARTED)


def test_the_rest_of_a_deployment_can_still_be_held_back(lab):
    one, two = lab.add(), lab.add("provision")
    lab.deploy(two)
    lab.when(two, DEPLOY, one, State.STARTED)
    lab.done(two)
    assert lab.state(two) == "PROVISIONED"
    lab.deploy(one)
    assert lab.state(two) == "STARTED"


def test_the_next_stop_of_one_that_has_stopped_can_wait(lab):
    one, two = lab.add(), lab.add()
    lab.deploy(two)
    lab.request(two, "stop")
    lab.when(two, STOP, one, State.STARTED)
    lab.request(two, "start")
    assert lab.state(two) == "STARTED"
    lab.deploy(one)
    assert lab.state(two) == "STOPPED"


def test_the_cause_of_a_start_is_the_event_that_opened_the_way(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.STARTED, 2)
    lab.deploy()
    lab.done(one)
    opened = lab.world.seq
    lab.wait(2)
    assert lab.entries[-1].event.kind == "step.begun"
    assert lab.entries[-1].cause == opened


@pytest.mark.parametrize("state", [s for s in State if s not in (State.FAILED, State.RELEASED)])
def test_every_state_of_an_ordinary_life_can_be_waited_for(lab, state):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, state, 1)
    lab.deploy(barrier=False)
    lab.wait(1)
    lab.done(one)
    lab.wait(1)
    lab.ended(one)
    lab.wait(1)
    assert lab.look() == ["start #1", "start #2"]


@pytest.mark.parametrize("state", [State.NEW, State.FAILED])
def test_a_delay_after_any_state_goes_by(lab, state):
    one, two = lab.add("start", critical=False), lab.add("start")
    lab.when(two, START, one, state, 3)
    lab.deploy(barrier=False)
    lab.fail(one)
    lab.wait(2.9)
    assert lab.look() == ["start #1"]
    lab.wait(0.1)
    assert lab.look() == ["start #2"]


def test_a_failure_can_be_waited_for(lab):
    one, two, three = lab.add("start", critical=False), lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.FAILED)
    lab.when(three, START, two, State.STARTED)
    lab.deploy(barrier=False)
    assert lab.look() == ["start #1"]
    lab.fail(one)
    assert lab.look() == ["start #2"]


def test_a_start_can_wait_for_a_release(lab):
    one, two = lab.add("start", "release"), lab.add("start")
    lab.when(two, START, one, State.RELEASED)
    lab.deploy(barrier=False)
    lab.done(one)
    lab.release(one)
    lab.look()
    lab.done(one)
    assert lab.look() == ["start #2"]


# --- groups


def test_a_group_starts_once_all_of_it_is_ready(lab):
    one, two = lab.add("deploy", "start"), lab.add("deploy", "start")
    lab.deploy()
    assert lab.look() == ["deploy #1", "deploy #2"]
    lab.done(two)
    assert lab.look() == []
    lab.done(one)
    assert lab.look() == ["start #1", "start #2"]


def test_without_the_barrier_each_starts_when_it_is_ready(lab):
    lab.add("deploy", "start")
    two = lab.add("deploy", "start")
    lab.deploy(barrier=False)
    lab.look()
    lab.done(two)
    assert lab.look() == ["start #2"]


def test_groups_do_not_wait_for_each_other(lab):
    one, two = lab.add("deploy", "start"), lab.add("deploy", "start")
    assert (lab.deploy(one), lab.deploy(two)) == (1, 2)
    lab.look()
    lab.done(two)
    assert lab.look() == ["start #2"]


def test_who_joins_a_group_that_has_started_starts_when_it_is_ready(lab):
    one = lab.add("start")
    group = lab.deploy()
    lab.done(one)
    two = lab.add("deploy", "start")
    assert lab.deploy(two, group=group) == group
    lab.look()
    lab.done(two)
    assert lab.look() == ["start #2"]
    assert lab.world.groups[group].members == [one, two]


def test_two_who_join_a_group_start_when_both_are_ready(lab):
    one, quick, slow = lab.add("start"), lab.add("start"), lab.add("deploy", "start")
    group = lab.deploy(one)
    lab.done(one)
    lab.look()
    lab.deploy(quick, slow, group=group)
    assert (lab.state(one, quick, slow), lab.look()) == (["STARTED", "READY", "PROVISIONED"], ["deploy #3"])
    lab.done(slow)
    assert sorted(lab.look()) == ["start #2", "start #3"]


def test_a_group_that_has_not_started_waits_for_those_who_join(lab):
    one, two = lab.add("deploy", "start"), lab.add("deploy", "start")
    group = lab.deploy(one)
    lab.deploy(two, group=group)
    lab.look()
    lab.done(one)
    assert lab.look() == []
    lab.done(two)
    assert sorted(lab.look()) == ["start #1", "start #2"]


def test_a_group_that_was_ready_waits_again_for_those_who_join(lab):
    one, two, other = lab.add("start"), lab.add("deploy", "start"), lab.add("start")
    lab.when(one, START, other, State.STARTED)
    group = lab.deploy(one)
    lab.deploy(two, group=group)
    lab.deploy(other)
    lab.done(other)
    lab.look()
    lab.done(two)
    assert sorted(lab.look()) == ["start #1", "start #2"]


def test_nobody_may_join_a_group(lab):
    one = lab.add("provision", "start")
    group = lab.deploy()
    lab.release(one)
    lab.done(one)
    lab.turn(decide.deploy(lab.world, [], group, wait_all_ready=True))
    assert lab.world.groups[group].members == [one]


def test_a_member_that_is_released_before_it_is_ready_keeps_nobody_waiting(lab):
    one, two = lab.add("deploy", "start"), lab.add("provision")
    lab.deploy()
    lab.done(one)
    lab.release(two)
    lab.done(two)
    assert lab.state(two) == "RELEASED"
    assert lab.look() == ["deploy #1", "provision #2", "start #1"]


def test_an_empty_group_is_a_group(lab):
    group = lab.deploy()
    one = lab.add("start")
    lab.deploy(one, group=group)
    assert lab.look() == ["start #1"]
