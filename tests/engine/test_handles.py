"""Handles: a resource in the hand, and conditions as one says them."""

import pytest

from engine import (
    BadAttribute,
    BadCondition,
    BadState,
    Handle,
    ResourceFactory,
    ResourceManager,
    UnknownGuid,
    UnknownResourceType,
    UsageError,
    attr,
)
from tests.engine.kinds import READY, START, STARTED, STOPPED, App, Host, Plain, Thing


def test_a_class_describes_a_resource(ec, stage):
    one = ec()
    host = one.add(Host(), label="the host")
    app = one.add(App(command="run", critical=False), on=host)
    assert isinstance(app, Handle)
    assert (app.guid, app.rtype, app.label, app.state.name) == (2, "test::App", None, "NEW")
    assert repr(host) == "<#1 test::Host 'the host' NEW>"
    assert (app.get("command"), app.get("critical")) == ("run", False)
    app.set("command", "walk")
    assert one.get(app, "command") == "walk"
    one.deploy([host, app])
    assert one.wait_started([app, host]) is True
    app._ec.stop(app)
    assert app.wait_finished(timeout="20s") is True


def test_it_can_be_connected_to_several(ec):
    one = ec()
    hosts = [one.add(Plain()) for _ in range(3)]
    thing = one.add(Thing(), on=hosts)
    assert one._session.read(lambda world: world.resources[thing.guid].connections) == [1, 2, 3]


def test_a_handle_is_as_good_as_a_guid(ec):
    one = ec()
    a, b = one.add(Plain()), one.add(Plain())
    one.register_connection(a, b.guid)
    one.register_condition([a], START, [b], STARTED)
    assert one[a] == a == one[1] == one.get_resource(1)
    assert {a, one[1]} == {a}
    assert a != b
    assert a != 1


def test_a_label_is_as_good_as_a_guid(ec):
    one = ec()
    server = one.register_resource("test::Thing", label="server")
    client = one.register_resource("test::Thing", label="client", connectedTo="server")
    other = one.add(Plain(), on=["server", client], label="other")
    one.register_condition("client", START, ["server"], STARTED)
    one.unregister_connection("other", "client")
    one.register_connection("other", "client")
    one.set("client", "size", 3)
    one.deploy(["server", client, "other"])
    assert one.wait_started("client")
    assert (one["client"].label, one.state("client"), one.get("client", "size")) == ("client", STARTED, 3)
    assert (one.label(server), other.guid, "server" in one) == ("server", 3, True)
    one.release(["other", "client"])
    one.remove_resource(one.register_resource("test::Plain", label="gone"))
    assert "gone" not in one


class Tagged(Thing, rtype="test::Tagged"):
    """Has an attribute of its own by the name of label."""

    label: str = attr(default="")


def test_of_a_type_that_has_an_attribute_label_it_is_that(ec):
    ResourceFactory.register_type(Tagged)
    one = ec()
    by_name = one.register_resource("test::Tagged", label="on the box")
    by_class = one.add(Tagged(label="on the box"), label="server")
    assert [one.get(it, "label") for it in (by_name, by_class)] == ["on the box"] * 2
    assert [one.label(it) for it in (by_name, by_class)] == [None, "server"]


def test_labels_find_their_resources(ec):
    one = ec()
    a = one.add(Plain(), label="server")
    assert one["server"] == a
    with pytest.raises(UnknownGuid, match=r"no resource is labelled 'sever'; did you mean 'server'\?|no resource is"):
        one["sever"]
    with pytest.raises(BadState, match=r"the label 'server' is that of #1 test::Plain \(server\): take another"):
        one.add(Plain(), label="server")
    for label in ("", " ", "a\nb", "x" * 101, 5):
        with pytest.raises(BadState, match="a label is a name of 1 to 100 printable characters"):
            one.add(Plain(), label=label)
    assert one.resources == [1]


def test_messages_show_labels(ec):
    one = ec()
    one.add(Plain(), label="server")
    with pytest.raises(BadState, match=r"#1 test::Plain \(server\) is NEW"):
        one.start(1)


def test_what_add_takes(ec):
    one = ec()
    for spec in ("test::Plain", Plain, 5):
        with pytest.raises(UnknownResourceType, match=r"add takes a description such as Ping\(target=…\)"):
            one.add(spec)
    with pytest.raises(BadAttribute, match="test::Thing has no attribute 'siez'; did you mean"):
        Thing(siez=3)
    with pytest.raises(UnknownGuid):
        one.add(Plain(), on=9)
    assert one.resources == []


def test_a_class_of_the_script_itself_is_made_known(ec):
    class Own(ResourceManager, rtype="test::Own"):
        """Nobody has registered it."""

    class Other(ResourceManager, rtype="test::Own"):
        """Has the name of another."""

    one = ec()
    assert one.add(Own()).rtype == "test::Own"
    with pytest.raises(UnknownResourceType, match="a name is that of one type"):
        one.add(Other())


# --- conditions


def test_conditions_are_joined(ec, clock, stage):
    one = ec(clock=clock)
    a, b = (one.add(Plain()) for _ in range(2))
    c = one.add(Thing())
    c.start_when(a.started & b.ready, delay="2s")
    c.stop_when(c.started, delay=3)
    one.deploy()
    assert one.wait_started([a, b]) is True
    assert one.wait_deployed(c) is True
    clock.go_on(1.9)
    assert c.state is READY
    clock.go_on(0.1)
    assert one.wait_started(c, timeout=20) is True
    clock.go_on(3)
    assert c.wait_finished(timeout=20) is True
    assert c.state is STOPPED


def test_a_deployment_may_wait_too(ec, stage):
    one = ec()
    a, b = one.add(Plain()), one.add(Plain())
    b.deploy_when(a.stopped)
    one.deploy(wait_all_ready=False)
    assert one.wait_started(a) is True
    assert b.state.name == "NEW"
    one.stop(a)
    assert one.wait_started(b) is True


def test_a_condition_has_no_truth(ec):
    one = ec()
    a, b = one.add(Plain()), one.add(Plain())
    with pytest.raises(BadCondition, match="Join two of them with '&', not 'and'"):
        bool(a.started)
    with pytest.raises(TypeError):
        a.started & b
    with pytest.raises(BadCondition, match=r"a condition is one such as server.started & router.ready"):
        a.start_when(b)


def test_a_joined_condition_is_refused_as_a_whole(ec):
    one = ec()
    a, b = one.add(Plain()), one.add(Plain())
    with pytest.raises(BadCondition):
        a.start_when(b.started & a.started)
    with pytest.raises(UsageError):
        a.start_when(b.started, delay="soon")
    assert one._session.read(lambda world: world.conditions) == {}


# --- of another controller, or of nobody any more


def test_what_belongs_to_another_controller_is_refused(ec):
    one, two = ec(), ec()
    mine, other = one.add(Plain()), two.add(Plain())
    for call in (one.state, one.deploy, one.release, one.remove_resource, lambda it: one.add(Plain(), on=it)):
        with pytest.raises(UsageError, match="<#1 test::Plain NEW> is a resource of another controller"):
            call(other)
    with pytest.raises(BadCondition, match="resources of two controllers"):
        mine.started & other.started
    with pytest.raises(BadCondition, match="#1 cannot wait for a resource of another controller"):
        mine.start_when(other.started)
    assert (mine in one, other in one) == (True, False)


def test_one_that_is_gone_can_still_be_shown(ec):
    one = ec()
    gone = one.add(Plain())
    one.remove_resource(gone)
    assert repr(gone) == "<#1, of which nothing is known any more>"


def test_what_a_controller_has(ec):
    one = ec()
    a, b = one.add(Plain(), label="server"), one.add(Plain())
    assert list(one) == [a, b]
    assert [it in one for it in (1, "server", b, 9, "client", None)] == [True, True, True, False, False, False]
