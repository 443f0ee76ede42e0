"""Attributes: declared once; the declaration checks, converts, and says what would be right."""

from enum import IntEnum
from pathlib import PurePosixPath

import numpy as np
import pytest

from engine import BadAttribute, BadState, ResourceFactory, ResourceManager, UnknownGuid, attr
from engine.rm.attributes import Attribute, describe_type
from tests.engine.kinds import Thing


class Door(IntEnum):
    FRONT = 3


@pytest.fixture
def one(ec, stage):
    made = ec()
    made.register_resource("test::Thing")
    return made


@pytest.mark.parametrize(
    ("name", "given", "got"),
    [
        ("size", "7", 7),
        ("size", 9, 9),
        ("size", 0, 0),
        ("level", 2, 2.0),
        ("level", "1e3", 1000.0),
        ("colour", "red", "red"),
        ("colour", None, None),
        ("names", ("a", "b"), ["a", "b"]),
        ("names", iter("ab"), ["a", "b"]),
        ("limits", {"a": "1"}, {"a": 1}),
        ("is_on", "Yes", True),
        ("is_on", "off", False),
        ("is_on", True, True),
        ("blob", b"\xff", b"\xff"),
        ("critical", "no", False),
        ("password", "env:SECRET", "env:SECRET"),
        ("password", "", ""),
        ("isOn", "1", True),
        ("size", np.int64(7), 7),
        ("size", np.uint8(7), 7),
        ("size", Door.FRONT, 3),
        ("level", np.float32(0.25), 0.25),
        ("level", np.float64(0.25), 0.25),
        ("level", np.int32(2), 2.0),
        ("limits", {"a": np.int64(1)}, {"a": 1}),
        ("colour", PurePosixPath("red"), "red"),
        ("names", [PurePosixPath("a"), "b"], ["a", "b"]),
    ],
)
def test_a_value_is_converted_to_the_declared_type(one, name, given, got):
    one.set(1, name, given)
    value = one.get(1, name)
    assert (value, type(value)) == (got, type(got))


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("size", "x", "test::Thing.size takes int, not 'x'"),
        ("size", 1.5, "test::Thing.size takes int, not 1.5"),
        ("size", True, "test::Thing.size takes int, not True"),
        ("size", np.True_, r"test::Thing.size takes int, not (np\.)?True_?"),
        ("size", np.float64(2), r"test::Thing.size takes int, not (np\.float64\()?2.0"),
        ("level", np.True_, r"test::Thing.level takes float, not (np\.)?True_?"),
        ("names", PurePosixPath("ab"), r"test::Thing.names takes list\[str\], not PurePosixPath"),
        ("size", None, "test::Thing.size takes int, not None"),
        ("size", 10, "test::Thing.size is at most 9, not 10"),
        ("size", -1, "test::Thing.size is at least 0, not -1"),
        ("level", "fast", "test::Thing.level takes float, not 'fast'"),
        ("level", False, "test::Thing.level takes float, not False"),
        ("colour", "blue", "test::Thing.colour is one of 'green', 'red', not 'blue'"),
        ("colour", 3, "test::Thing.colour takes str or None, not 3"),
        ("names", "ab", r"test::Thing.names takes list\[str\], not 'ab'"),
        ("names", [1], r"test::Thing.names takes list\[str\], not \[1\]"),
        ("limits", {"a": "x"}, r"test::Thing.limits takes dict\[str, int\]"),
        ("limits", {1: 1}, r"test::Thing.limits takes dict\[str, int\]"),
        ("is_on", "maybe", "test::Thing.is_on takes bool, not 'maybe'"),
        ("is_on", 1, "test::Thing.is_on takes bool, not 1"),
        ("blob", "text", "test::Thing.blob takes bytes, not 'text'"),
        ("told", "x" * 600_000, "too many for the log"),
        ("names", ["\udcff"], "half a character"),
        ("limits", {"a": 2**64}, "does not fit into 64 bits"),
        ("sise", 1, "test::Thing has no attribute 'sise'; did you mean size?"),
    ],
)
def test_what_an_attribute_does_not_take(one, name, given, message):
    with pytest.raises(BadAttribute, match=message):
        one.set(1, name, given)
    with pytest.raises(BadAttribute, match=message):
        one.register_resource("test::Thing", **{name: given})
    assert one.resources == [1]


def test_a_secret_is_never_repeated(one):
    with pytest.raises(BadAttribute) as refusal:
        one.set(1, "password", "hunter2")
    assert str(refusal.value) == (
        "test::Thing.password is secret: give env:NAME or file:PATH, where its value is read from"
    )


def test_a_secret_is_read_where_it_comes_from(one, stage, monkeypatch, tmp_path):
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("SECRET", "from the environment")
    read = []
    for source in ("env:SECRET", f"file:{tmp_path}/secret", ""):
        guid = one.register_resource("test::Thing", password=source)
        stage.acts[f"start #{guid}"] = lambda manager, intent: read.append(manager.password)
        one.deploy(guid)
        assert one.wait_started(guid)
    assert read == ["from the environment", "from a file", ""]
    log = b"".join(path.read_bytes() for path in (one.run_dir / "log").iterdir())
    assert b"from a file" not in log
    assert b"from the environment" not in log


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("env:NO_SUCH_SECRET", "the environment variable NO_SUCH_SECRET, which is not set"),
        ("file:/nope/f", "the file /nope/f, which cannot be read: No such file or directory"),
        ("file:/", "the file /, which cannot be read: Is a directory"),
    ],
)
def test_a_secret_that_is_not_there_fails_the_hook_that_wants_it(one, stage, source, why):
    one.set(1, "password", source)
    stage.acts["start #1"] = lambda manager, intent: manager.password
    one.deploy()
    assert one.wait_finished(1) is False
    assert str(one.failure(1)).endswith(f"test::Thing.password needs {why}")


def test_what_was_not_set_has_its_default(one):
    defaults = {"size": 1, "level": 0.5, "colour": None, "names": [], "is_on": False, "critical": True}
    assert {name: one.get(1, name) for name in defaults} == defaults


def test_what_has_neither_value_nor_default_is_none(one):
    assert one.get(one.register_resource("test::App"), "command") is None


def test_looking_for_what_is_not_there(one):
    with pytest.raises(BadAttribute, match="did you mean critical"):
        one.get(1, "criticl")
    with pytest.raises(UnknownGuid):
        one.get(2, "size")
    with pytest.raises(UnknownGuid):
        one.set(2, "size", 1)


def test_when_an_attribute_can_be_set(one):
    with pytest.raises(BadState, match="told of #1 test::Thing is told by the resource itself"):
        one.set(1, "told", "x")
    one.deploy()
    assert one.wait_started(1)
    with pytest.raises(BadState, match="size of #1 test::Thing can be set while it is NEW; it is STARTED"):
        one.set(1, "size", 2)
    one.set(1, "level", 4)
    one.release()
    with pytest.raises(BadState, match="#1 test::Thing is RELEASED: level cannot be set any more"):
        one.set(1, "level", 5)


def test_a_running_resource_is_told_of_a_new_value(one, stage):
    one.deploy()
    assert one.wait_started(1)
    one.set(1, "level", 4)
    one.stop(1)
    assert stage.called[-2:] == ["set level 0.5 4.0 #1", "stop #1"]
    assert stage.made[1].level == 4.0


def test_a_resource_that_cannot_take_a_new_value_fails(one, stage):
    def refuse(manager, name):
        raise RuntimeError("no")

    one.deploy()
    assert one.wait_started(1)
    stage.acts["set #1"] = refuse
    one.set(1, "level", 4)
    assert one.wait_finished(1) is False


def test_a_type_that_is_registered_twice_is_the_later_one():
    class Mine(ResourceManager, rtype="test::Mine"):
        pass

    class Other(ResourceManager, rtype="test::Mine"):
        pass

    for cls in (Mine, Other):
        ResourceFactory.register_type(cls)
    assert ResourceFactory.get_resource_type("test::Mine") is Other


class TestDeclarations:
    """What a class says, and what it inherits."""

    def test_inherited_ones_come_first(self):
        assert list(Thing.declared())[:3] == ["critical", "hard_release", "size"]
        assert isinstance(Thing.size, Attribute)

    def test_a_subclass_may_say_it_anew(self):
        class Large(Thing, rtype="test::Large"):
            size: int = attr(default=100, ge=50)

        assert (Large.declared()["size"].default, Thing.declared()["size"].default) == (100, 1)
        assert Large.lineage() == ["test::Large", "test::Thing", "ResourceManager"]

    def test_a_check_of_its_own(self, ec):
        def even(value):
            if value % 2:
                raise ValueError(f"{value} is odd")

        class Even(ResourceManager, rtype="test::Even"):
            number: int = attr(default=0, check=even)

        ResourceFactory.register_type(Even)
        one = ec()
        assert one.register_resource("test::Even", number=4) == 1
        with pytest.raises(BadAttribute, match=r"test::Even.number: 5 is odd") as caught:
            one.set(1, "number", 5)
        assert caught.value.__suppress_context__

    def test_a_check_that_breaks_says_whose_it_is(self, ec):
        class Fragile(ResourceManager, rtype="test::Fragile"):
            number: int = attr(default=2, check=lambda value: 1 // value)

        ResourceFactory.register_type(Fragile)
        one = ec()
        one.register_resource("test::Fragile")
        with pytest.raises(BadAttribute, match=r"^test::Fragile.number: its check broke off with ZeroDivis") as caught:
            one.set(1, "number", 0)
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
        one.set(1, "number", 1)
        assert one.get(1, "number") == 1

    @pytest.mark.parametrize(
        ("default", "message"),
        [
            (None, r"the declared default .*: test::Odd.pair takes list\[int\], not None"),
            (["x"], r"the declared default .*: test::Odd.pair takes list\[int\], not \['x'\]"),
            ([2**70], "does not fit into 64 bits"),
        ],
    )
    def test_a_default_is_a_value_as_any_other(self, ec, default, message):
        class Odd(ResourceManager, rtype="test::Odd"):
            pair: list[int] = attr(default=default)

        ResourceFactory.register_type(Odd)
        one = ec()
        with pytest.raises(BadAttribute, match=message):
            one.register_resource("test::Odd")
        assert one.resources == []

    def test_a_default_is_converted_as_any_other(self):
        class Even(ResourceManager, rtype="test::Even"):
            pair: list[int] = attr(default=(1, 2))
            level: float = attr(default=1)

        assert (Even().pair, type(Even().level)) == ([1, 2], float)

    def test_the_old_value_of_one_that_had_none(self, ec, stage):
        told = []

        class Late(ResourceManager, rtype="test::Late"):
            number: int = attr(when="live")

            def start(self, intent):
                pass

            def on_set(self, name, old, new):
                told.append((name, old, new))

        ResourceFactory.register_type(Late)
        one = ec()
        one.register_resource("test::Late")
        one._session.manager(1)
        one.set(1, "number", 3)
        one.deploy()
        assert one.wait_started(1)
        assert told == [("number", None, 3)]


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (int, "int"),
        (str | None, "str or None"),
        (dict[str, int] | str, "dict[str, int] or str"),
        (list[str], "list[str]"),
    ],
)
def test_a_type_in_words(declared, said):
    assert describe_type(declared) == said
