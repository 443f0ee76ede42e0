"""Circles are refused before anything is deployed, and spelled out; what is no circle is not."""

import pytest

from engine.core import decide, topology
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


def test_a_circle_names_labels(lab):
    one, two = lab.add("start", label="client"), lab.add("start", label="server")
    lab.when(one, START, two, State.STARTED)
    lab.when(two, START, one, State.STARTED)
    with pytest.raises(BadCondition, match=r"start of #1 start \(client\) waits for start of #2 start \(server\)"):
        lab.deploy()


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
    lab.type("host")
    lab.type("app", (), [link("host", before="start")])
    host, app = lab.add(rtype="host"), lab.add(rtype="app")
    lab.when(host, START, app, State.STARTED)
    lab.deploy(barrier=False)
    assert lab.state(host, app) == ["STARTED", "STARTED"]
    lab.connect(app, host)


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


@pytest.fixture
def held(lab):
    """Two that are deployed, and wait for a third one before they start."""
    one, two, three = lab.add(), lab.add(), lab.add("start")
    lab.when([one, two], START, three, State.STARTED)
    lab.deploy(barrier=False)
    return one, two


def refused(lab, what):
    """The circle that a call was refused for; nothing has changed."""
    seq = lab.world.seq
    with pytest.raises(BadCondition, match="wait for each other in a circle") as refusal:
        what()
    assert lab.world.seq == seq
    return str(refusal.value).partition(": ")[2].removesuffix("; take one of them out").split(" waits for ")


def test_a_condition_that_closes_a_circle_of_deployed_ones_is_refused(lab, held):
    one, two = held
    lab.when(one, START, two, State.STARTED)
    circle = refused(lab, lambda: lab.when(two, START, one, State.STOPPED))
    assert circle in rotations("start of #1 plain", "start of #2 plain")


def test_a_circle_through_one_deployed_one_is_refused(lab, held):
    one, new = held[0], lab.add()
    lab.when(one, START, new, State.STARTED)
    assert refused(lab, lambda: lab.when(new, START, one, State.STARTED))


def test_a_circle_through_a_barrier_that_stands_is_refused(lab):
    one, two = lab.add("start"), lab.add("provision")
    lab.deploy()
    circle = refused(lab, lambda: lab.when(two, DEPLOY, one, State.STARTED))
    assert set(circle) <= {"start of #1 start", "configure of #2 provision", "deploy of #2 provision"}
    assert len(circle) == 3


def test_a_step_that_is_under_way_waits_for_nothing_any_more(lab):
    one, two = lab.add(), lab.add("provision")
    lab.when(one, START, two, State.PROVISIONED)
    lab.deploy(barrier=False)
    lab.when(two, DEPLOY, one, State.STARTED)
    lab.done(two)
    assert lab.state(one, two) == ["STARTED", "STARTED"]


def test_what_is_not_deployed_may_be_in_a_circle_for_now(lab, held):
    new, other = lab.add(), lab.add()
    lab.when(new, START, other, State.STARTED)
    lab.when(other, START, new, State.STARTED)
    lab.when(held[0], START, new, State.STARTED)
    assert refusal(lab) in rotations("start of #4 plain", "start of #5 plain")


def test_a_condition_that_closes_no_circle_is_taken(lab, held):
    one, two = held
    lab.when(one, START, two, State.STARTED)
    lab.when(two, START, one, State.READY)
    lab.when(two, STOP, one, State.STARTED)
    lab.done(3)
    assert lab.state(one, two) == ["STARTED", "STOPPED"]


@pytest.fixture
def mutual(lab):
    for name, other in ("xy", "yx"):
        lab.type(name, (), [link(other, after="STARTED", before="start")])
    return lab


def test_a_connection_that_closes_a_circle_of_deployed_ones_is_refused(mutual):
    one, two = mutual.add(rtype="x"), mutual.add(rtype="y")
    waits = mutual.add("start")
    mutual.when([one, two], START, waits, State.STARTED)
    mutual.deploy(barrier=False)
    circle = refused(mutual, lambda: mutual.connect(one, two))
    assert circle in rotations("start of #1 x", "start of #2 y")
    assert mutual.resource(one).connections == []


def test_one_that_is_deployed_into_a_circle_as_it_is_registered_is_refused(mutual):
    one = mutual.add(rtype="x")
    circle = refused(mutual, lambda: mutual.add(rtype="y", to=[one], auto=True))
    assert circle in rotations("start of #1 x", "start of #2 y")
    mutual.add(rtype="y", to=[one])


def test_one_that_is_registered_into_a_circle_with_a_deployed_one_is_refused(mutual):
    one, waits = mutual.add(rtype="x"), mutual.add("start")
    mutual.when(one, START, waits, State.STARTED)
    mutual.deploy(barrier=False)
    assert refused(mutual, lambda: mutual.add(rtype="y", to=[one]))


def test_a_deployment_is_checked_no_further_than_it_waits(lab):
    one, two, three = lab.add(), lab.add(), lab.add()
    lab.when(one, START, two, State.STARTED)
    lab.when(two, START, one, State.STARTED)
    lab.deploy(three)
    assert lab.state(three) == "STARTED"


@pytest.mark.slow
def test_a_deployment_one_by_one_looks_at_one_by_one(lab, monkeypatch):
    looked_at = []
    asked = topology._Waits.asked
    monkeypatch.setattr(topology._Waits, "asked", lambda *args: looked_at.append(1) or asked(*args))
    guids = [lab.add("start") for _ in range(50)]
    for guid in guids:
        lab.deploy(guid)
    assert len(looked_at) == 50 * 2  # its start, and what the barrier waits for


@pytest.mark.slow
def test_a_thousand_for_a_thousand_are_checked_in_no_time(lab):
    plain = declare("plain")
    for _ in range(2000):
        lab.kernel.emit_all(decide.register(lab.world, plain, None, {}))
    ones, twos = range(1, 1001), range(1001, 2001)
    lab.kernel.emit_all(decide.add_condition(lab.world, twos, START, ones, State.STARTED, 0))
    lab.kernel.emit_all(decide.deploy(lab.world, None, None, wait_all_ready=True))
    lab.commit()
    assert set(lab.state(*twos)) == {"STARTED"}
