"""Links and release: what comes up first goes down last, and everything goes down."""

import pytest

from engine.core import apply, messages, stepping
from engine.core.errors import BadConnection, BadState
from engine.core.states import ResourceState as State
from tests.engine.core.lab import STOP, Lab, link


@pytest.fixture
def lab():
    """A laboratory with hosts and what runs on them."""
    lab = Lab()
    lab.type("host", ("provision", "release"))
    lab.type("app", ("deploy", "start", "stop", "release"), [link("host", min=1, max=1)])
    return lab


def make(lab, *rtypes, to=()):
    return [lab.add(rtype=rtype, to=to) for rtype in rtypes]


def test_a_step_waits_until_the_linked_ones_have_got_there(lab):
    (host,) = make(lab, "host")
    (app,) = make(lab, "app", to=[host])
    lab.deploy()
    assert lab.look() == ["provision #1"]
    assert lab.state(app) == "PROVISIONED"
    lab.done(host)
    assert lab.look() == ["deploy #2"]


def test_a_link_may_name_another_state_and_step(lab):
    lab.type("probe", ("provision", "start"), [link("host", after="STARTED", before="start")])
    (host,) = make(lab, "host")
    (probe,) = make(lab, "probe", to=[host])
    lab.deploy(barrier=False)
    assert lab.look() == ["provision #1", "provision #2"]
    lab.done(probe)
    assert lab.look() == []
    lab.done(host)
    assert lab.look() == ["start #2"]


def test_steps_without_code_are_passed_only_up_to_the_next_gate(lab):
    lab.type("probe", (), [link("host", before="configure")])
    (host,) = make(lab, "host")
    (probe,) = make(lab, "probe", to=[host])
    lab.deploy()
    assert (lab.state(probe), lab.resource(probe).walked) == ("PROVISIONED", 3)
    lab.done(host)
    assert lab.state(probe) == "STARTED"


def test_types_that_extend_the_linked_one_count(lab):
    lab.type("rack host", ("provision",), extends=["host"])
    (host,) = make(lab, "rack host")
    make(lab, "app", to=[host])
    lab.deploy()
    assert lab.look() == ["provision #1"]


def test_many_that_are_linked_to_one_share_a_condition(lab):
    (host,) = make(lab, "host")
    apps = [make(lab, "app", to=[host])[0] for _ in range(50)]
    assert len(lab.world.links) == 1
    lab.deploy()
    lab.done(host)
    assert lab.look() == ["provision #1", *(f"deploy #{app}" for app in apps)]


def test_release_runs_in_reverse(lab):
    (host,) = make(lab, "host")
    app, other = make(lab, "app", "app", to=[host])
    lab.deploy()
    lab.done(host)
    lab.done(app, other)
    lab.done(app, other)
    lab.look()
    lab.release()
    assert lab.look() == [f"stop #{app}", f"stop #{other}"]
    lab.done(app, other)
    assert lab.look() == [f"release #{app}", f"release #{other}"]
    lab.done(app)
    assert lab.look() == []
    lab.done(other)
    assert lab.look() == [f"release #{host}"]
    lab.done(host)
    assert lab.state(host, app, other) == ["RELEASED"] * 3


def test_what_was_never_deployed_is_released_too(lab):
    (host,) = make(lab, "host")
    make(lab, "app", to=[host])
    lab.release()
    assert lab.look() == ["release #2"]
    lab.done(2)
    assert lab.look() == ["release #1"]


def test_a_partial_release_lets_the_rest_go_on(lab):
    (host,) = make(lab, "host")
    app, other = make(lab, "app", "app", to=[host])
    lab.deploy()
    lab.done(host)
    lab.done(app, other)
    lab.done(app, other)
    lab.release(app)
    lab.done(app)
    lab.done(app)
    assert lab.state(host, app, other) == ["STARTED", "RELEASED", "STARTED"]
    lab.release()
    lab.look()
    for guid in (other, other, host):
        lab.done(guid)
    assert lab.state(host, app, other) == ["RELEASED"] * 3


def test_a_second_release_adds_those_that_the_first_left_out(lab):
    (host,) = make(lab, "host")
    app, other = make(lab, "app", "app", to=[host])
    lab.release(app)
    assert stepping.release(lab.world, [app]) == []
    lab.release()
    lab.look()
    lab.done(app)
    assert lab.look() == []
    lab.done(other)
    assert lab.look() == ["release #1"]


@pytest.fixture
def shared(lab):
    """A host with two that run on it."""
    (host,) = make(lab, "host")
    apps = make(lab, "app", "app", to=[host])
    lab.deploy()
    lab.done(host)
    lab.done(*apps)
    lab.done(*apps)
    lab.look()
    return host


def test_what_others_need_is_not_released_under_them(lab, shared):
    seq = lab.world.seq
    needed = (
        r"#1 host cannot be released: needed by #2 app \(STARTED\), #3 app \(STARTED\); release them first, or with it"
    )
    with pytest.raises(BadState, match=needed):
        lab.release(shared)
    lab.request(2, "stop")
    with pytest.raises(BadState, match=needed):
        lab.release(shared)
    with pytest.raises(BadState, match=r"needed by #3 app \(STARTED\);"):
        lab.release(shared, 2)
    assert lab.kinds(after=seq) == ["step.requested", "step.begun"]


def test_what_is_released_with_those_who_need_it_goes_last(lab, shared):
    lab.release(2)
    lab.release(shared, 3)
    assert lab.look() == ["stop #2", "stop #3"]


def test_what_only_new_ones_would_need_may_be_released(lab):
    (host,) = make(lab, "host")
    make(lab, "app", to=[host])
    lab.deploy(host)
    lab.done(host)
    lab.release(host)
    assert lab.look() == ["provision #1", "release #1"]


def test_a_new_one_with_a_step_under_way_needs_what_it_is_linked_to(lab):
    lab.type("scout", ("discover",), [link("host")])
    (host,) = make(lab, "host")
    (scout,) = make(lab, "scout", to=[host])
    lab.request(scout, "discover")
    with pytest.raises(BadState, match=r"needed by #2 scout \(NEW\)"):
        lab.release(host)


def test_a_step_under_way_is_finished_but_no_longer_wanted(lab):
    lab.type("slow", ("deploy", "start", "release"))
    (slow,) = make(lab, "slow")
    lab.deploy()
    lab.release()
    assert (lab.cancelled, lab.look()) == ([slow], ["deploy #1"])
    lab.done(slow)
    assert (lab.state(slow), lab.look()) == ("READY", ["release #1"])


def test_a_start_under_way_is_stopped_before_the_release(lab):
    one = lab.add("start", "stop", "release")
    lab.deploy()
    lab.release()
    lab.look()
    for step in ("stop", "release"):
        lab.done(one)
        assert lab.look() == [f"{step} #1"]


def test_a_stop_under_way_is_not_cancelled(lab):
    one = lab.add("start", "stop", "release")
    lab.deploy()
    lab.done(one)
    lab.request(one, "stop")
    lab.release()
    assert lab.cancelled == []
    lab.done(one)
    assert lab.look() == ["start #1", "stop #1", "release #1"]


@pytest.fixture
def failed_running(lab):
    """One that failed while it ran, and may still run."""
    one = lab.add("start", "stop", "release", critical=False)
    lab.deploy()
    lab.done(one)
    lab.turn(messages.FailedByItself(one, {"type": "ValueError", "message": "no such level", "step": "on_set"}, None))
    assert lab.state(one) == "FAILED"
    lab.look()
    return one


def test_one_that_failed_while_it_ran_is_stopped_before_it_is_released(lab, failed_running):
    lab.release()
    assert lab.look() == ["stop #1"]
    lab.done(failed_running)
    assert (lab.look(), lab.state(failed_running)) == (["release #1"], "FAILED")


def test_one_that_failed_while_it_ran_can_be_stopped_once(lab, failed_running):
    lab.request(failed_running, "stop")
    lab.done(failed_running)
    assert (lab.state(failed_running), lab.look()) == ("FAILED", ["stop #1"])
    with pytest.raises(BadState, match="is FAILED: it cannot stop; what it can do now: release"):
        lab.request(failed_running, "stop")
    lab.release()
    assert lab.look() == ["release #1"]


def test_a_stop_of_a_failed_one_that_fails_is_not_tried_for_ever(lab, failed_running):
    lab.wants_abort = lambda guid: True
    lab.release()
    lab.fail(failed_running, "it sticks")
    assert lab.look() == ["stop #1", "release #1"]
    assert not lab.world.aborted


def test_a_stop_of_a_failed_one_is_done_again_after_a_crash(lab, failed_running):
    lab.release()
    lab = lab.crash()
    lab.take_over()
    assert lab.look() == ["stop #1"]


def test_one_that_waited_in_vain_to_stop_is_stopped(lab):
    lab.wants_abort = lambda guid: False
    one, two = lab.add("start", "stop"), lab.add("start")
    lab.when(one, STOP, two, State.STARTED)
    lab.deploy()
    lab.done(one)
    lab.fail(two)
    assert lab.state(one) == "FAILED"
    lab.look()
    lab.release(one)
    assert lab.look() == ["stop #1"]


def test_one_that_never_started_is_not_stopped(lab):
    one = lab.add("start", "stop")
    lab.deploy()
    lab.fail(one)
    with pytest.raises(BadState, match="cannot stop"):
        lab.request(one, "stop")
    lab.release()
    assert lab.look() == ["start #1"]


@pytest.mark.parametrize("end", [lambda lab: lab.failed(1), lambda lab: lab.failed(1, code=3)])
def test_one_that_failed_by_itself_is_not_stopped(lab, end):
    one = lab.add("start", "stop")
    lab.deploy()
    lab.done(one)
    end(lab)
    lab.release()
    assert (lab.look(), lab.state(one)) == (["start #1"], "RELEASED")


def test_one_that_fails_to_be_released_is_released_with_the_error(lab):
    one = lab.add("release")
    lab.release()
    lab.fail(one, "it sticks")
    assert (lab.state(one), lab.resource(one).error["message"]) == ("RELEASED", "it sticks")
    assert not lab.world.aborted


def test_one_whose_stop_fails_is_released_all_the_same(lab):
    one = lab.add("start", "stop", "release")
    lab.deploy()
    lab.done(one)
    lab.release()
    lab.fail(one, "it sticks")
    lab.done(one)
    assert lab.state(one) == "RELEASED"


def test_nothing_is_left_to_release_after_a_release(lab):
    make(lab, "host")
    lab.release()
    lab.done(1)
    assert stepping.release(lab.world, None) == []


def test_two_that_are_linked_to_each_other_are_released_all_the_same(lab):
    lab.type("left", ("release",), [link("right")])
    lab.type("right", ("release",), [link("left", before="start")])
    left, right = make(lab, "left", "right")
    lab.connect(left, right)
    lab.release()
    lab.done(left)
    lab.done(right)
    assert lab.state(left, right) == ["RELEASED", "RELEASED"]


def test_a_ring_of_links_is_released_all_the_same(lab):
    for name, other in ("ab", "bc", "ca"):
        lab.type(name, ("release",), [link(other)])
    ring = make(lab, "a", "b", "c")
    for one, two in zip(ring, [*ring[1:], ring[0]], strict=True):
        lab.connect(one, two)
    lab.release()
    while begun := lab.look():
        lab.done(*(int(step.partition("#")[2]) for step in begun))
    assert lab.state(*ring) == ["RELEASED"] * 3


def test_what_is_new_closes_no_ring_and_none_is_looked_for(lab, monkeypatch):
    monkeypatch.setattr(apply, "_depends", None)
    lab.type("wire", ("release",), [link("host"), link("app")])
    (host,) = make(lab, "host")
    (app,) = make(lab, "app", to=[host])
    make(lab, "wire", to=[host, app])
    lab.release()
    assert lab.look() == ["release #3"]


def test_two_links_of_one_type_to_the_same_host_count_as_they_are(lab):
    lab.type("double", ("release",), [link("host"), link("host", name="again", before="start")])
    (host,) = make(lab, "host")
    (double,) = make(lab, "double", to=[host])
    lab.release()
    lab.done(double)
    lab.done(host)
    assert lab.look() == [f"release #{double}", f"release #{host}"]


def test_what_is_being_released_takes_no_more_connections(lab):
    (host,) = make(lab, "host")
    (app,) = make(lab, "app")
    lab.release(app)
    with pytest.raises(BadConnection, match="#2 app is being released and takes no more connections"):
        lab.connect(app, host)


def test_what_needs_a_host_that_was_released_is_not_deployed(lab):
    (host,) = make(lab, "host")
    lab.deploy(host)
    lab.done(host)
    app = lab.add(rtype="app", to=[host])
    lab.release(host)
    lab.done(host)
    with pytest.raises(BadState, match=rf"#{app} app needs #{host} host, which is released"):
        lab.deploy(app)
