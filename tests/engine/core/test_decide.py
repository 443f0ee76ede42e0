"""Every refusal, with its message; a refused request leaves nothing behind."""

import pytest

from engine.core import decide, errors, stepping
from engine.core.errors import BadAttribute, BadCondition, BadConnection, BadState, UnknownGuid, UsageError
from engine.core.states import ResourceState as State
from engine.core.states import Step
from tests.engine.core.lab import DEPLOY, START, STOP, Lab, declare, link


@pytest.fixture
def lab():
    """A host with an application, and a lonely switch."""
    lab = Lab()
    lab.type("host", ("start",))
    lab.type("app", ("start",), [link("host", name="node", min=1, max=1)], required=["command"])
    lab.type("switch", (), [link("app", name="port")])
    lab.add(rtype="host")
    lab.add(rtype="app", to=[1], command="x")
    lab.add(rtype="switch")
    return lab


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(lab):
    yield
    lab.check()


def refused(error, message, act, *args, **kwargs):
    with pytest.raises(error) as refusal:
        act(*args, **kwargs)
    assert message in str(refusal.value)
    assert isinstance(refusal.value, UsageError)


# --- registering


@pytest.mark.parametrize("guid", [0, -1, True, "2", 1.5, 2**63])
def test_a_guid_that_is_none(lab, guid):
    seq = lab.world.seq
    refused(BadState, f"a guid is a whole number from 1 to {2**63 - 1}, not {guid!r}", lab.add, guid=guid)
    assert lab.world.seq == seq


def test_a_guid_that_is_taken(lab):
    refused(BadState, "guid 2 is taken by #2 app; leave it out to get a free one", lab.add, guid=2)


def test_the_next_free_guid_is_above_the_highest_ever_used(lab):
    assert [lab.add(guid=100), lab.add(), lab.add(guid=50), lab.add()] == [100, 101, 50, 102]


def test_a_type_is_declared_with_its_first_resource(lab):
    made = decide.register(lab.world, declare("new"), None, {})
    assert [event.kind for event in made] == ["type.declared", "resource.registered"]
    lab.turn(made)
    assert [event.kind for event in decide.register(lab.world, declare("new"), None, {})] == ["resource.registered"]


def test_connected_to_nobody(lab):
    refused(UnknownGuid, "there is no resource #9; registered are #1, #2, #3", lab.add, rtype="app", to=[9])


def test_one_connection_too_many_among_several(lab):
    lab.add(rtype="host")
    message = "#5 app takes 1 host at the most as its 'node', and has #1; #4 host is one too many"
    refused(BadConnection, message, lab.add, rtype="app", to=[1, 4])


def test_deployed_at_once_without_what_it_needs(lab):
    refused(BadAttribute, "#4 app has no command: set(4, 'command', …) first", lab.add, rtype="app", to=[1], auto=True)
    refused(BadConnection, "#4 app is connected to 0 host", lab.add, rtype="app", command="x", auto=True)


def test_deployed_at_once(lab):
    guid = lab.add("start", auto=True)
    assert (lab.look(), lab.world.groups[1].members) == ([f"start #{guid}"], [guid])


# --- finding


def test_nobody_is_there():
    refused(UnknownGuid, "there is no resource #1; none has been registered", decide.find, Lab().world, 1)


def test_many_are_there(lab):
    for _ in range(10):
        lab.add()
    message = "registered are #1, #2, #3, #4, #5, #6, #7, #8, #9, #10 and 3 more"
    refused(UnknownGuid, message, decide.find, lab.world, 99)


def test_an_unknown_guid_is_a_key_error_that_can_be_read(lab):
    with pytest.raises(KeyError) as refusal:
        decide.find(lab.world, 9)
    assert str(refusal.value).startswith("there is no resource #9")


# --- connecting


def test_a_connection_is_made_for_both_sides_once(lab):
    lab.connect(3, 2)
    assert decide.connect(lab.world, 2, 3) == []
    assert (lab.resource(2).connections, lab.resource(3).connections) == ([1, 3], [2])


def test_to_itself(lab):
    refused(BadConnection, "#1 host cannot be connected to itself", lab.connect, 1, 1)


def test_one_too_many(lab):
    lab.add(rtype="host")
    message = "#2 app takes 1 host at the most as its 'node', and has #1; #4 host is one too many"
    refused(BadConnection, message, lab.connect, 2, 4)
    refused(BadConnection, message, lab.connect, 4, 2)


def test_what_neither_side_takes(lab):
    message = "#1 host and #3 switch cannot be connected: switch takes app"
    refused(BadConnection, message, lab.connect, 1, 3)


def test_what_has_ended(lab):
    lab.release(1)
    refused(BadConnection, "#1 host is RELEASED and takes no more connections", lab.connect, 1, 3)


def test_a_type_without_links_takes_anything(lab):
    lab.connect(1, lab.add())
    assert lab.resource(1).connections == [2, 4]


# --- attributes


@pytest.mark.parametrize(
    ("when", "state", "message"),
    [
        ("never", "NEW", "rate of #1 host is told by the resource itself and cannot be set"),
        ("design", "READY", "rate of #1 host can be set while it is NEW; it is READY"),
        ("live", "RELEASED", "#1 host is RELEASED: rate cannot be set any more"),
        ("design", "RELEASED", "#1 host is RELEASED: rate cannot be set any more"),
    ],
)
def test_an_attribute_that_cannot_be_set(lab, when, state, message):
    if state == "READY":
        lab.deploy(1)
    elif state == "RELEASED":
        lab.release(1)
    refused(BadState, message, decide.set_attribute, lab.resource(1), "rate", 1, when)


# --- conditions


@pytest.mark.parametrize(("ones", "others"), [([], [1]), ([1], [])])
def test_a_condition_of_nobody(lab, ones, others):
    refused(
        BadCondition, "a condition needs one resource at least on each side", lab.when, ones, START, others, State.READY
    )


def test_a_condition_on_one_that_is_not_there(lab):
    refused(UnknownGuid, "there is no resource #7", lab.when, 1, START, 7, State.READY)
    refused(UnknownGuid, "there is no resource #7", lab.when, 7, START, 1, State.READY)


SELF = {
    DEPLOY: [State.NEW],
    START: [State.NEW, State.DISCOVERED, State.RESERVED, State.PROVISIONED, State.READY],
    STOP: [State.NEW, State.DISCOVERED, State.RESERVED, State.PROVISIONED, State.READY, State.STARTED],
}


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("action", SELF)
def test_what_a_resource_may_wait_for_of_itself(lab, action, state):
    if state in SELF[action]:
        lab.when([1, 2], action, [2, 3], state)
        return
    message = f"{action.name} of #2 would wait for #2 itself to be {state.name}: it can never hold"
    refused(BadCondition, message, lab.when, [1, 2], action, [2, 3], state)


# --- deploying


def test_deploy_without_a_value(lab):
    lab.add(rtype="app", to=[1])
    refused(BadAttribute, "#4 app has no command: set(4, 'command', …) first", lab.deploy)
    assert lab.state(1, 2, 3, 4) == ["NEW"] * 4


def test_deploy_without_a_connection(lab):
    lab.add(rtype="app", command="x")
    message = "#4 app is connected to 0 host; its 'node' needs 1: call register_connection(4, …) first"
    refused(BadConnection, message, lab.deploy)


def test_deploy_twice(lab):
    lab.deploy(1)
    refused(BadState, "#1 host is deployed already, in group 1", lab.deploy, 1)


def test_deploy_into_a_group_that_is_not_there(lab):
    refused(BadState, "there is no group 5; groups so far: none", lab.deploy, 1, group=5)
    lab.deploy(1)
    refused(BadState, "there is no group 5; groups so far: 1", lab.deploy, 3, group=5)


def test_deploy_what_has_ended(lab):
    lab.release(1)
    refused(BadState, "#1 host is RELEASED and cannot be deployed", lab.deploy, 1)


def test_deploy_what_is_being_released(lab):
    lab.type("slow", ("release",))
    slow = lab.add(rtype="slow")
    lab.release(slow)
    refused(BadState, f"#{slow} slow is being released and cannot be deployed", lab.deploy, slow)
    lab.deploy()
    assert lab.world.groups[1].members == [1, 2, 3]


def test_deploy_all_that_are_new(lab):
    lab.deploy(1)
    lab.request(3, "discover")
    lab.deploy()
    assert {number: group.members for number, group in lab.world.groups.items()} == {1: [1], 2: [2]}


# --- one step


@pytest.mark.parametrize(
    ("step", "message"),
    [
        ("reserve", "#1 host is NEW: it cannot reserve; what it can do now: discover, release"),
        ("start", "#1 host is NEW: it cannot start; what it can do now: discover, release"),
        ("stop", "#1 host is NEW: it cannot stop; what it can do now: discover, release"),
    ],
)
def test_a_step_that_the_state_does_not_allow(lab, step, message):
    refused(BadState, message, lab.request, 1, step)


def test_a_step_of_what_has_been_released(lab):
    lab.release(1)
    refused(BadState, "#1 host is RELEASED: nothing else can be done", lab.request, 1, "discover")


def test_a_step_of_what_is_being_released(lab):
    lab.type("slow", ("release",))
    slow = lab.add(rtype="slow")
    lab.release(slow)
    refused(BadState, "#4 slow is being released: nothing else can be done", lab.request, slow, "discover")


def test_a_step_of_nobody(lab):
    refused(UnknownGuid, "there is no resource #8", stepping.request_step, lab.world, 8, Step.START)


def test_releasing_nobody(lab):
    refused(UnknownGuid, "there is no resource #8", stepping.release, lab.world, [1, 8])


# --- errors


def test_the_tree_of_errors():
    usage = {"UnknownResourceType", "UnknownGuid", "BadAttribute", "BadConnection", "BadCondition", "BadState"}
    assert {cls.__name__ for cls in UsageError.__subclasses__()} >= usage
    assert issubclass(UsageError, ValueError)
    assert issubclass(errors.WaitTimeout, TimeoutError)
    others = {
        "UsageError",
        "ResourceFailed",
        "ExperimentAborted",
        "WaitTimeout",
        "ScriptDiverged",
        "Closed",
        "EngineBug",
    }
    assert {cls.__name__ for cls in errors.ExperimentError.__subclasses__()} >= others


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("comand", ["command", "env"], "did you mean command?"),
        ("zzz", ["b", "a"], "known are a, b"),
        ("zzz", [], "none is known"),
    ],
)
def test_what_was_probably_meant(name, known, hint):
    assert errors.nearest(name, known) == hint


def test_one_who_waits_for_a_step_of_what_is_forgotten_is_told(lab):
    with pytest.raises(BadState, match="#9 was released and forgotten before anybody could say whether its stop was"):
        stepping.check_taken(lab.world, 9, Step.STOP, taken=True)


def test_a_bug_carries_the_last_events():
    bug = errors.EngineBug("it cannot be", ["one", "two"])
    assert bug.last_events == ("one", "two")
    assert str(bug) == "this is a bug in netreel: it cannot be\nlast events:\n  one\n  two"
