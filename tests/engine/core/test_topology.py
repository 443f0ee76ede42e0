"""Circles are refused before anything is deployed, and spelled out; what is no circle is not."""

import pytest

from engine.core import decide
from engine.core.errors import BadCondition
from engine.core.states import ResourceState as State
from tests.engine.core.lab import DEPLOY, START, STOP, Lab, declare, link


@pytest.fixture
def lab():
    return Lab()


def refusal(lab, *guids, **how):
    seq = lab.world.seq
    with pytest.raises(BadCondition) as refused:
        lab.deploy(*guids, **how)
    assert lab.world.seq == seq
    begins, ends = "these conditions wait for each other in a circle and can never hold: ", "; take one of them out"
    assert str(refused.value).startswith(begins)
    assert str(refused.value).endswith(ends)
    return str(refused.value).removeprefix(begins).removesuffix(ends).split(" waits for ")


def rotations(*moments):
    """The same circle, wherever it is begun."""
    ring = list(moments)
    return [[*ring[i:], *ring[:i], ring[i]] for i in range(len(ring))]


def test_two_starts_that_wait_for_each_other(lab):
    one, two = lab.add(), lab.add()
    lab.when(one, START, two, State.STARTED)
    lab.when(two, START, one, State.STARTED)
    assert refusal(lab) in rotations("start of #1 plain", "start of #2 plain")


def test_a_longer_circle_names_everyone_in_it_and_nobody_else(lab):
    one, two, three, four = (lab.add() for _ in range(4))
    lab.when(one, START, two, State.STARTED)
    lab.when(two, START, three, State.STOPPED)
    lab.when(three, START, one, State.STARTED)
    lab.when(four, START, one, State.STARTED)
    assert refusal(lab) in rotations("start of #1 plain", "start of #2 plain", "start of #3 plain")


def test_a_circle_through_deployments(lab):
    one, two = lab.add(), lab.add()
    lab.when(one, DEPLOY, two, State.READY)
    lab.when(two, DEPLOY, one, State.DISCOVERED)
    assert refusal(lab) in rotations("discover of #1 plain", "deploy of #2 plain")


def test_a_circle_through_a_link(lab):
    lab.type("host")
    lab.type("app", (), [link("host")])
    host = lab.add(rtype="host")
    app = lab.add(rtype="app", to=[host])
    lab.when(host, DEPLOY, app, State.READY)
    assert {moment.partition(" of ")[2] for moment in refusal(lab)} == {"#1 host", "#2 app"}


def test_a_circle_of_links(lab):
    for name, other in ("ab", "ba"):
        lab.type(name, (), [link(other)])
    one, two = lab.add(rtype="a"), lab.add(rtype="b")
    lab.connect(one, two)
    assert refusal(lab) in rotations("deploy of #1 a", "deploy of #2 b")


def test_a_circle_through_the_barrier(lab):
    one, two = lab.add(), lab.add()
    lab.when(two, DEPLOY, one, State.STARTED)
    assert refusal(lab) in rotations("start of #1 plain", "deploy of #2 plain")


def test_without_the_barrier_that_is_no_circle(lab):
    one, two = lab.add(), lab.add()
    lab.when(two, DEPLOY, one, State.STARTED)
    lab.deploy(barrier=False)
    assert lab.state(one, two) == ["STARTED", "STARTED"]


def test_who_joins_a_group_that_waits_for_it_makes_a_circle(lab):
    one, two = lab.add("start"), lab.add("provision")
    three = lab.add()
    group = lab.deploy(one, two)
    lab.when(three, DEPLOY, one, State.STARTED)
    assert refusal(lab, three, group=group) in rotations("start of #1 start", "deploy of #3 plain")


def test_who_joins_a_group_that_has_started_makes_no_circle(lab):
    one, two = lab.add("start"), lab.add()
    group = lab.deploy(one)
    lab.done(one)
    lab.when(two, DEPLOY, one, State.STARTED)
    lab.deploy(two, group=group)
    assert lab.state(two) == "STARTED"


def test_who_joins_a_group_without_a_barrier_makes_no_circle(lab):
    one, two, three = lab.add("start"), lab.add(), lab.add()
    group = lab.deploy(one, barrier=False)
    lab.when(three, DEPLOY, two, State.STARTED)
    lab.deploy(two, three, group=group)
    assert lab.state(two, three) == ["STARTED", "STARTED"]


def test_what_has_happened_is_in_no_circle(lab):
    one, two, three = lab.add(), lab.add(), lab.add()
    lab.deploy(one, two)
    lab.when(one, START, two, State.STARTED)
    lab.when(two, START, one, State.STARTED)
    lab.deploy(three)
    assert lab.state(three) == "STARTED"


@pytest.mark.parametrize("state", [State.STOPPED, State.STARTED])
def test_stops_that_wait_for_each_other_are_no_circle(lab, state):
    one, two = lab.add("start"), lab.add("start")
    lab.when(one, STOP, two, state)
    lab.when(two, STOP, one, state)
    lab.deploy()
    assert lab.look() == ["start #1", "start #2"]


def test_a_start_that_waits_for_what_comes_before_the_others_start_is_no_circle(lab):
    one, two = lab.add(), lab.add()
    lab.when(one, START, two, State.READY)
    lab.when(two, START, one, State.STARTED)
    lab.deploy()
    assert lab.state(one, two) == ["STARTED", "STARTED"]


@pytest.mark.parametrize("state", [State.FAILED, State.RELEASED])
def test_what_comes_on_demand_is_in_no_circle(lab, state):
    one, two = lab.add(), lab.add()
    lab.when(one, START, two, state)
    lab.when(two, START, one, State.STARTED)
    lab.deploy()
    assert lab.state(one, two) == ["READY", "READY"]


def test_a_thousand_for_a_thousand_are_checked_in_no_time(lab):
    plain = declare("plain")
    for _ in range(2000):
        lab.kernel.emit_all(decide.register(lab.world, plain, None, {}))
    ones, twos = range(1, 1001), range(1001, 2001)
    lab.kernel.emit_all(decide.add_condition(lab.world, twos, START, ones, State.STARTED, 0))
    lab.kernel.emit_all(decide.deploy(lab.world, None, None, wait_all_ready=True))
    lab.commit()
    assert set(lab.state(*twos)) == {"STARTED"}
