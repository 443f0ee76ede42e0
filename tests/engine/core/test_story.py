"""What a resource waits for, in words."""

import pytest

from engine.core import messages, revise, story
from engine.core.states import ResourceState as State
from tests.engine.core.lab import DEPLOY, START, STOP, Lab, S, link


@pytest.fixture
def lab():
    return Lab()


def why(lab, guid):
    return story.waiting_for(lab.world, guid)


def test_nobody_has_deployed_it(lab):
    assert why(lab, lab.add()) == ["nobody has deployed it"]


def test_a_step_is_under_way(lab):
    one = lab.add("provision")
    lab.deploy()
    assert why(lab, one) == ["its provision is under way"]


def test_a_hook_says_what_it_is_doing(lab):
    one = lab.add("provision")
    lab.deploy()
    lab.doing(one, "installing iperf3 with apt-get")
    assert why(lab, one) == ["its provision is under way: it is installing iperf3 with apt-get"]
    seq = lab.world.seq
    lab.doing(one, "installing iperf3 with apt-get")  # again
    lab.turn(messages.Doing(one, "an earlier attempt", "sleeping"))
    lab.turn(messages.Doing(77, "one that is gone", "sleeping"))
    assert lab.world.seq == seq
    lab.doing(one, "")
    assert why(lab, one) == ["its provision is under way"]


def test_others_are_awaited(lab):
    one, two = lab.add("provision"), lab.add("start")
    lab.when(two, DEPLOY, one, State.READY)
    lab.when(two, DEPLOY, one, State.RESERVED)
    lab.when(two, START, one, State.STARTED)
    lab.deploy(barrier=False)
    assert why(lab, two) == ["before its discover, #1 provision (RESERVED) is to be READY"]


def test_of_many_five_are_named(lab):
    ones = [lab.add("provision") for _ in range(7)]
    two = lab.add("start")
    lab.when(two, START, ones, State.STARTED)
    lab.deploy(barrier=False)
    named = ", ".join(f"#{one} provision (RESERVED)" for one in ones[:5])
    assert why(lab, two) == [f"before its start, {named} and 2 more are to be STARTED"]


def test_a_delay_is_to_go_by(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, START, one, State.STARTED, 1.5)
    lab.deploy()
    lab.done(one)
    assert why(lab, two) == ["before its start, 1.5 s are to go by"]


def test_the_rest_of_its_group_is_awaited(lab):
    _, two, three = lab.add("provision"), lab.add("start"), lab.add("provision")
    lab.deploy()
    lab.release(three)
    lab.done(three)
    assert why(lab, two) == ["before its start, #1 provision (RESERVED) of its group is to be READY"]


def test_the_experiment_was_aborted(lab):
    one, two = lab.add("start"), lab.add("provision")
    lab.deploy()
    lab.done(two)
    lab.fail(one)
    assert why(lab, two) == ["it runs until it ends or is stopped"]


def test_an_abort_holds_it_where_it_is(lab):
    one, two = lab.add("deploy"), lab.add("start")
    lab.deploy()
    lab.fail(one)
    assert why(lab, two) == ["the experiment was aborted"]


def test_it_runs_until_it_is_told_otherwise(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.when(two, STOP, one, State.STOPPED)
    lab.deploy()
    lab.done(one, two)
    assert why(lab, one) == ["it runs until it ends or is stopped"]
    assert why(lab, two) == ["before its stop, #1 start (STARTED) is to be STOPPED"]


def test_nothing_is_awaited_after_an_end(lab):
    one = lab.add("start")
    lab.deploy()
    lab.done(one)
    lab.ended(one)
    assert why(lab, one) == []


def test_dependents_are_to_be_released_first(lab):
    lab.type("host")
    lab.type("app", ("release",), [link("host")])
    host = lab.add(rtype="host")
    for _ in range(2):
        lab.add(rtype="app", to=[host])
    lab.release()
    assert why(lab, host) == ["2 that depend on it are still to be released"]
    assert why(lab, 2) == ["its release is under way"]


def test_one_line_tells_all(lab):
    one, two = lab.add("start"), lab.add("start")
    lab.deploy()
    lab.done(one)
    lab.fail(two, "no such file")
    assert story.tell(lab.world, one) == "#1 start is STARTED: it runs until it ends or is stopped"
    assert story.tell(lab.world, two) == "#2 start is FAILED: no such file"
    lab.ended(one)
    assert story.tell(lab.world, one) == "#1 start is STOPPED"


def test_a_planned_value_waits_too(lab):
    one, two = lab.add("start"), lab.add(level=1)
    lab.turn(revise.plan_value(lab.world, "level", 9, "live", [two], [one], State.STARTED, 0))
    lab.deploy()
    assert why(lab, two) == [
        "it runs until it ends or is stopped",
        "before its level is 9, #1 start (READY) is to be STARTED",
    ]


LOST = "has not answered since 12:00:00 UTC: no route"


@pytest.fixture
def running(lab):
    """A host, an application on it, and one that depends on that, all of which run; they are #1, #2 and #3."""
    lab.type("host", ("provision", "release"))
    lab.type("app", ("start", "stop", "release"), [link("host", min=1, max=1)])
    lab.type("probe", (), [link("app")])
    host = lab.add(rtype="host", label="h1")
    app = lab.add(rtype="app", to=[host])
    lab.add(rtype="probe", to=[app])
    lab.deploy()
    lab.done(host)
    lab.done(app)
    return lab


def test_what_a_resource_says_of_itself_is_told_of_it_and_of_what_runs_on_it(running):
    running.remark(1, LOST)
    runs = "it runs until it ends or is stopped"
    assert why(running, 1) == [runs, f"it {LOST}"]
    assert why(running, 2) == why(running, 3) == [runs, f"#1 host (h1) {LOST}"]
    assert story.tell(running.world, 2) == f"#2 app is STARTED: {runs}; #1 host (h1) {LOST}"
    running.remark(1, "")
    assert why(running, 1) == why(running, 2) == [runs]


def test_what_was_said_already_or_by_nobody_is_no_event(running):
    seq = running.world.seq
    running.remark(1, "")
    running.remark(77, LOST)
    assert running.world.seq == seq
    running.wait(3)
    running.remark(1, LOST)
    since = running.resource(1).remarked_at
    running.wait(3)
    running.remark(1, LOST)
    assert (running.world.seq, since, running.resource(1).remarked_at) == (seq + 1, running.now - 3 * S, since)


def test_what_does_not_run_is_not_told_of_its_host(running):
    running.remark(1, LOST)
    running.ended(2)
    running.release(2, 3)
    running.done(2)
    assert story.tell(running.world, 2) == "#2 app is RELEASED"
    assert why(running, 1)[1:] == [f"it {LOST}"]


def test_what_is_released_says_nothing_more(running):
    running.remark(1, LOST)
    running.release()
    while working := [guid for guid in (1, 2, 3) if running.resource(guid).attempt]:
        running.done(*working)
    assert (running.state(1), running.resource(1).remark) == ("RELEASED", "")
    seq = running.world.seq
    running.remark(1, LOST)
    assert running.world.seq == seq


def test_of_a_long_row_only_the_nearest_are_asked(lab):
    lab.type("hop", (), [link("hop", before="start")])
    for number in range(150):
        lab.add(rtype="hop", to=[number] if number else [])
    lab.deploy()
    lab.remark(1, LOST)
    lab.remark(140, LOST)
    assert story.remarks(lab.world, lab.resource(150)) == [f"#140 hop {LOST}"]
