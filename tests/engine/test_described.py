"""A resource as a script describes it: checked at once, and nothing but attributes."""

import pytest

from engine import BadAttribute, ResourceManager, UsageError, attr, link
from engine.rm.attributes import view
from tests.engine.kinds import App, Thing


def test_a_description_keeps_what_was_given():
    thing = Thing(size="7", hardRelease=True)
    assert thing.given() == {"size": 7, "hard_release": True}
    assert (thing.size, thing.level, thing.hard_release, App().command) == (7, 0.5, True, None)
    assert repr(thing) == "Thing(size=7, hard_release=True)"


def test_what_is_given_cannot_be_changed_from_outside():
    names = ["a"]
    thing = Thing(names=names)
    names.append("b")
    thing.given()["names"].append("c")
    thing.names.append("d")
    assert thing.names == ["a"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"sise": 1}, "test::Thing has no attribute 'sise'; did you mean size?"),
        ({"size": "large"}, "test::Thing.size takes int, not 'large'"),
        ({"password": "hunter2"}, "test::Thing.password is secret: give env:NAME or file:PATH"),
    ],
)
def test_names_and_values_are_checked_at_once(given, message):
    with pytest.raises(BadAttribute, match=message):
        Thing(**given)


@pytest.mark.parametrize("name", ["guid", "log", "receipts", "tokens", "state", "run_dir", "epoch", "transport"])
def test_a_description_has_nothing_of_a_manager(name):
    with pytest.raises(UsageError, match=r"Thing\(size=3\) only describes a resource.*ec.add\(\)"):
        getattr(Thing(size=3), name)


def test_a_description_is_linked_to_nothing():
    with pytest.raises(UsageError, match="only describes"):
        App().linked("host")


def test_an_attribute_is_not_assigned_to():
    with pytest.raises(AttributeError, match=r"test::Thing.size is set by ec.set\(\), which logs it"):
        Thing().size = 3


@pytest.mark.parametrize("name", ["state", "start", "log", "linked"])
@pytest.mark.parametrize("made", [attr(default=""), link("test::Host")])
def test_a_name_that_the_base_class_needs_is_taken(name, made):
    with pytest.raises(BadAttribute, match=f"Mine.{name}: ResourceManager needs this name itself"):
        type("Mine", (ResourceManager,), {name: made, "__annotations__": {name: "str"}})


def test_setup_comes_once_before_any_hook(ec, stage):
    order = []

    class Early(Thing, rtype="test::Thing"):
        def setup(self):
            order.append(("setup", self.guid, dict(self.receipts)))

    manager = Early.bind(4, {"size": 2}, None)
    assert order == [("setup", 4, {})]
    assert (manager.size, repr(manager)) == (2, "<test::Thing #4>")


def test_an_attribute_as_got():
    seen = view(Thing.declared()["colour"], "red")
    assert (seen.name, seen.value, seen.default, seen.help, seen.type, seen.choices) == (
        "colour",
        "red",
        None,
        "",
        str | None,
        ("green", "red"),
    )
    assert view(App.declared()["command"], None).default is None


def test_a_secret_that_must_be_set_and_is_not():
    class Guarded(ResourceManager, rtype="test::Guarded"):
        password: str = attr(secret=True)

    assert Guarded().password is None
