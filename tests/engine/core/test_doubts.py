"""What may wait in vain is said: for those whom nobody has deployed, and for a failure that will not come."""

import pytest

from engine.core import events
from engine.core.states import ResourceState
from tests.engine.core.lab import START, STOP, Lab, link

READY, STARTED, FAILED = ResourceState.READY, ResourceState.STARTED, ResourceState.FAILED


@pytest.fixture
def lab():
    return Lab()


def warnings(lab):
    return [message for _, _, message in lab.world.warnings]


def test_waiting_for_what_nobody_has_deployed(lab):
    one, two = lab.add(), lab.add(label="server")
    lab.when(one, START, two, STARTED)
    lab.deploy(one)
    assert warnings(lab) == ["#1 plain waits for #2 plain (server) to be STARTED, and nobody has deployed it"]
    lab.deploy(two)
    assert lab.state(one, two) == ["STARTED", "STARTED"]


def test_a_condition_that_many_share_is_doubted_once(lab):
    ones, others = [lab.add() for _ in range(20)], [lab.add() for _ in range(7)]
    lab.when(ones, STOP, others, READY)
    lab.deploy(*ones)
    names = "#21 plain, #22 plain, #23 plain, #24 plain, #25 plain and 2 more"
    assert warnings(lab) == [f"#1 plain waits for {names} to be READY, and nobody has deployed them"]


def test_a_link_to_what_nobody_has_deployed(lab):
    lab.type("app", links=[link("plain")])
    host = lab.add()
    app = lab.add(rtype="app", to=[host])
    lab.deploy(app)
    assert warnings(lab) == ["#2 app waits for #1 plain to be READY, and nobody has deployed it"]


def test_what_is_deployed_or_has_got_there_is_not_doubted(lab):
    one, two, three, four = (lab.add() for _ in range(4))
    lab.when(four, START, [one, two, three], READY)
    lab.deploy(one)
    lab.deploy(two)
    lab.deploy(three, four)
    assert warnings(lab) == []


def test_waiting_for_the_failure_of_what_has_ended_well(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, FAILED)
    lab.deploy()
    lab.done(one)
    assert warnings(lab) == []
    lab.ended(one)
    message = "it waits for #1 start to fail, which has ended well: it waits in vain"
    assert lab.world.warnings == [(lab.world.seq, two, message)]
    lab = lab.crash()
    lab.take_over()
    assert warnings(lab) == [message]


def test_a_doubt_that_a_takeover_finds_is_due_to_the_end(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.deploy(one)
    lab.done(one)
    lab.ended(one)
    ended = lab.world.seq
    lab.deploy(two, barrier=False)
    lab.when(two, STOP, one, FAILED)
    lab = lab.crash()
    lab.take_over()
    assert [entry.cause for entry in lab.entries if isinstance(entry.event, events.ExperimentWarned)] == [ended]


def test_nobody_who_is_over_waits_in_vain(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, STOP, one, FAILED)
    lab.deploy()
    lab.done(one, two)
    lab.ended(two)
    lab.ended(one)
    assert not any(isinstance(entry.event, events.ExperimentWarned) for entry in lab.entries)
