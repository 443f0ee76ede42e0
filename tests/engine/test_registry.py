"""Types by name: loaded when they are first asked for, and a plain word when that does not work."""

from importlib.metadata import EntryPoint

import pytest

from engine import BadConnection, ResourceFactory, ResourceManager, UnknownResourceType, link
from engine.core.states import Step
from engine.rm import registry
from engine.rm.registry import told_in_full
from engine.testing.bench import Bench
from tests.engine.kinds import App, BigApp, Host, Plain, Thing


@pytest.fixture
def announced(monkeypatch):
    """Announces these types in place of what is installed."""

    def announce(**types):
        found = tuple(EntryPoint(name, value, registry.GROUP) for name, value in types.items())
        monkeypatch.setattr(registry, "_announced", lambda: found)
        monkeypatch.setattr(ResourceFactory, "_types", {})

    return announce


def test_a_type_is_found_by_its_name(announced):
    announced(**{"lab::Plain": "tests.engine.kinds:Plain"})
    assert ResourceFactory.get_resource_type("lab::Plain") is Plain


def test_listing_types_loads_none(announced):
    announced(**{"lab::B": "no.such:Thing", "lab::A": "neither.this:One"})
    assert ResourceFactory.resource_types() == ["lab::A", "lab::B"]


@pytest.mark.parametrize(
    ("rtype", "message"),
    [
        ("lab::Playn", "there is no resource type 'lab::Playn'; did you mean lab::Plain"),
        ("lab::Gone", "lab::Gone is announced as no.such:Thing, which cannot be loaded: No module named 'no'"),
        ("lab::Less", "lab::Less is announced as tests.engine.kinds:Nobody, which cannot be loaded"),
        ("lab::Other", "lab::Other is announced as tests.engine.kinds:Door, which is no resource type"),
    ],
)
def test_what_cannot_be_found_says_why(announced, rtype, message):
    announced(
        **{
            "lab::Plain": "tests.engine.kinds:Plain",
            "lab::Gone": "no.such:Thing",
            "lab::Less": "tests.engine.kinds:Nobody",
            "lab::Other": "tests.engine.kinds:Door",
        }
    )
    with pytest.raises(UnknownResourceType, match=message):
        ResourceFactory.get_resource_type(rtype)


class Nameless(ResourceManager):
    """Says no type name."""


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Nameless, "Nameless has no type name"),
        (int, "is no resource type"),
        (Plain(), "is no resource type"),
    ],
)
def test_what_is_no_type_is_not_registered(cls, message):
    with pytest.raises(UnknownResourceType, match=message):
        ResourceFactory.register_type(cls)


def test_the_types_of_the_project_are_announced():
    assert {"linux::Node", "linux::Application"} <= set(ResourceFactory.resource_types())


def test_hooks_are_the_steps_that_a_class_defines():
    assert Plain.hooks() == []
    assert App.hooks() == [Step.START, Step.STOP, Step.RELEASE]
    assert Thing.hooks() == list(Step)


def test_links_and_lineage_are_inherited():
    assert list(BigApp.links) == ["host"]
    assert BigApp.lineage() == ["test::BigApp", "test::App", "ResourceManager"]
    assert BigApp.links["host"].to_data() == {
        "name": "host",
        "rtype": "test::Host",
        "min": 1,
        "max": 1,
        "after": "READY",
        "before": "deploy",
    }


class Based(ResourceManager, rtype="test::Based"):
    """Is linked to what nobody can make, but somebody extends, and to what nobody needs to have."""

    base = link("test::Base", min=1)
    maybe = link("test::Nowhere")
    any = link("ResourceManager", min=1)


class Lost(ResourceManager, rtype="test::Lost"):
    """Is linked to what there is not."""

    host = link("test::Hots", min=2)


def test_a_link_to_what_there_is_not_is_told(announced):
    announced(**{"test::Host": "tests.engine.kinds:Host"})
    for cls in (Based, Lost):
        ResourceFactory.register_type(cls)
    with pytest.raises(UnknownResourceType) as caught:
        told_in_full(BadConnection("no"), ["test::Lost"])
    assert str(caught.value).startswith(
        "test::Lost needs 2 test::Hots as its 'host', and there is no such resource type; did you mean test::Host"
    )
    with pytest.raises(UnknownResourceType, match="test::Based needs 1 test::Base as its 'base'"):
        told_in_full(BadConnection("no"), ["test::Host", "test::Based"])
    base = type(ResourceManager)("Base", (ResourceManager,), {}, rtype="test::Base")
    ResourceFactory.register_type(type(base)("Own", (base,), {}, rtype="test::Own"))
    refused = BadConnection("#1 test::Based is connected to 0 test::Base")
    assert str(told_in_full(refused, ["test::Based"])) == f"{refused}; as a test::Base goes test::Own"


def test_linked_ones_are_found_by_the_name_of_the_link(ec, stage):
    seen = {}

    def look(manager, intent):
        seen.update(host=manager.linked("host"), all=manager.linked(), run_dir=manager.run_dir, epoch=manager.epoch)

    one = ec()
    host = one.register_resource("test::Host")
    app = one.register_resource("test::BigApp", command="x", connectedTo=host)
    stage.acts[f"start #{app}"] = look
    one.deploy()
    assert one.wait_started(app)
    assert [manager.guid for manager in seen["host"]] == [host]
    assert seen["all"] == seen["host"]
    assert (seen["run_dir"], seen["epoch"]) == (one.run_dir, 1)


def test_a_link_may_take_every_type(ec):
    class Friend(ResourceManager, rtype="test::Friend"):
        others = link("ResourceManager")

    one = ec()
    friend = one.add(Friend(), on=[one.add(Plain()), one.add(Host())])
    other = one.add(Friend(), on=friend)
    assert [it.rtype for it in one._session.manager(friend.guid).linked("others")] == [
        "test::Plain",
        "test::Host",
        "test::Friend",
    ]
    with pytest.raises(LookupError, match="#4 test::Friend is not connected to a host"):
        one._session.manager(other.guid).transport  # noqa: B018 - they are linked to each other


def test_what_is_connected_to_no_host_has_no_transport(ec, stage):
    stage.acts["start #1"] = lambda manager, intent: manager.transport
    one = ec()
    one.register_resource("test::Thing")
    one.deploy()
    assert one.wait_finished(1) is False


class Computer(ResourceManager, rtype="test::Computer"):
    """A host, of whose transport only the identity matters here."""

    way = object()

    @property
    def transport(self):
        return self.way


class Service(ResourceManager, rtype="test::Service"):
    """Is linked to others of its kind before its host."""

    above = link("test::Service")
    computer = link("test::Computer")


def test_the_way_to_a_host_is_that_of_ones_own_or_of_what_one_stands_on(tmp_path):
    bench = Bench(tmp_path)
    computer = bench.add(Computer())
    lone = bench.add(Service())
    both = bench.add(Service(), [lone, computer])
    over = bench.add(Service(), [both])
    assert both.manager.transport is over.manager.transport is Computer.way
    assert over.manager.linked() == [both.manager]
