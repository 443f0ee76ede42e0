"""What is wrong with a resource type is told when its class is made: where it stands, and what would be right."""

from typing import Any  # noqa: F401 - an annotation names it
from unittest.mock import Mock

import pytest

from engine import BadAttribute, ResourceManager, ResourceState, Trace, UsageError, attr, link
from tests.engine.kinds import Thing


def make(rtype="test::Made", bases=(ResourceManager,), types=None, **members):
    """A class with these members; `types` are the annotations."""
    return type(ResourceManager)("Made", bases, {"__annotations__": types or {}, **members}, rtype=rtype)


# --- the class ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rtype", ["lab made", "lab::Made\n", "lab::\x1b[31m", "lab::M\u2028", 3, b"lab::Made"])
def test_the_name_of_a_type_is_one_word(rtype):
    with pytest.raises(UsageError) as caught:
        make(rtype)
    what = f"Made is called {rtype!r}"
    assert str(caught.value) == (
        f"{what}: the name of a type is a text without spaces and control characters, such as lab::Made"
    )


@pytest.mark.parametrize("rtype", [None, "", "Made", "lab::Größe", "a.b/c-d::E_1"])
def test_names_that_a_type_can_have(rtype):
    assert make(rtype).rtype == (rtype or "")


class Mixin:
    """Somebody's own class, which is made in its own way."""

    def __init__(self):
        self.made = True


@pytest.mark.parametrize(("bases", "members"), [((Thing,), {"__init__": Mixin.__init__}), ((Mixin, Thing), {})])
def test_a_type_is_made_by_the_engine(bases, members):
    with pytest.raises(UsageError, match=r"^Made has an __init__ of its own; define setup\(self\), which comes before"):
        make(bases=bases, **members)


# --- attributes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (attr(when="lve"), "Made.size: when='lve' is none of design, live, never"),
        (attr(when=None), "Made.size: when=None is none of design, live, never"),
        (attr(check=3), "Made.size: check is a function of the value, not 3"),
    ],
)
def test_an_attribute_that_is_declared_wrongly(declared, message):
    with pytest.raises(BadAttribute) as caught:
        make(types={"size": "int"}, size=declared)
    assert str(caught.value).startswith(message)


def test_an_attribute_has_a_type():
    with pytest.raises(BadAttribute, match=r"^Made.size has no type: write size: int = attr\(…\)"):
        make(size=attr(default=0))
    with pytest.raises(BadAttribute, match=r"^Sized.size has no type"):
        make(bases=(type("Sized", (), {"size": attr()}), ResourceManager))


def test_a_plain_value_hides_no_attribute():
    with pytest.raises(BadAttribute, match=r"^Made.critical = False hides an attribute: write critical: … = attr\("):
        make(critical=False)
    with pytest.raises(BadAttribute, match=r"^Made.size = 3 hides an attribute: write size: … = attr\("):
        make(bases=(Thing,), size=3)


@pytest.mark.parametrize("declared", ["set", set, "tuple[int, ...]", "list", "dict", "dict[int, str]", complex, "[1]"])
def test_a_type_that_no_attribute_can_have(declared):
    made = make(types={"size": declared}, size=attr())
    with pytest.raises(BadAttribute, match=r"^Made.size: .* is no type of an attribute; take bool, int, float, str"):
        made.declared()


@pytest.mark.parametrize("declared", ["list[int | str]", "int | set[str]", "list[list[set]]", "dict[str, None | int]"])
def test_a_type_in_which_something_cannot_be(declared):
    made = make(types={"size": declared}, size=attr())
    with pytest.raises(BadAttribute, match=r"^Made.size: .* is no type of an attribute"):
        made(size=1)


@pytest.mark.parametrize("declared", ["int | None", "list[list[bytes]]", "dict[str, list[float]] | bool", "list[Any]"])
def test_types_that_an_attribute_can_have(declared):
    made = make(types={"size": declared}, size=attr(), __module__=__name__)
    assert list(made.declared()) == ["critical", "hard_release", "size"]


@pytest.mark.parametrize("declared", ["Unheard", "int or", "int | 'x'"])
def test_a_type_that_cannot_be_read(declared):
    made = make(types={"size": declared}, size=attr())
    with pytest.raises(BadAttribute, match=r"^Made: the types of its attributes cannot be read: .*at run time"):
        made.declared()


@pytest.mark.parametrize(
    ("declared", "limits", "message"),
    [
        ("str", {"ge": 1}, "Made.size: ge and le are for int and float, and it is str"),
        ("int | str", {"le": 1}, "Made.size: ge and le are for int and float, and it is int or str"),
        ("int", {"ge": 5, "le": 4}, "Made.size: no value is at least 5 and at most 4"),
        ("str", {"choices": ()}, "Made.size: choices names no value; leave it out where any may be given"),
        ("int", {"choices": (1, "2")}, "Made.size is int, so '2' cannot be one of its choices"),
        ("int | None", {"choices": ["a"]}, "Made.size is int or None, so 'a' cannot be one of its choices"),
    ],
)
def test_limits_that_do_not_fit_the_type(declared, limits, message):
    with pytest.raises(BadAttribute) as caught:
        make(types={"size": declared}, size=attr(**limits)).declared()
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("declared", "limits"),
    [("float | None", {"ge": 0, "le": 0}), ("Any", {"le": 3}), ("str | None", {"choices": [None, "a"]})],
)
def test_limits_that_fit_the_type(declared, limits):
    made = make(types={"size": declared}, size=attr(**limits), __module__=__name__)
    assert list(made.declared()) == ["critical", "hard_release", "size"]


def test_choices_are_no_text():
    with pytest.raises(BadAttribute, match=r"choices lists the values, as in choices=\('green',\)"):
        attr(choices="green")


@pytest.mark.parametrize("name", ["critical", "hard_release"])
def test_what_the_engine_reads_keeps_its_type(name):
    assert make(types={name: "bool"}, **{name: attr(default=True)}).declared()[name].default is True
    made = make(types={name: "int"}, **{name: attr(default=1)})
    with pytest.raises(BadAttribute, match=f"^Made.{name} is int, and the engine reads it as bool; keep that type"):
        made.declared()


# --- links --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        (link("lab::Host", min=3, max=1), "max=1 is to be a whole number, 3 at least, or None"),
        (link("lab::Host", max=0), "max=0 is to be a whole number, 1 at least, or None"),
        (link("lab::Host", max="1"), "max='1' is to be a whole number, 1 at least, or None"),
        (link("lab::Host", min=-1), "min=-1 is to be a whole number, 0 at least"),
        (link("lab::Host", min=None), "min=None is to be a whole number, 0 at least"),
        (link("lab::Host", after="READY"), "after='READY' is to be a state, such as ResourceState.READY"),
        (link(Thing), f"""a link names a type, as in link("lab::Host"); {Thing!r} is no name"""),
        (
            link("lab::Host", before="dploy"),
            "before='dploy' is none of discover, reserve, provision, configure, deploy, start",
        ),
        (link("lab::Host", before="stop"), "before='stop' is none of discover, reserve, provision, configure, deploy,"),
    ],
)
def test_a_link_that_is_declared_wrongly(declared, message):
    with pytest.raises(UsageError) as caught:
        make(host=declared)
    assert str(caught.value).startswith(f"Made.host: {message}")


def test_a_link_in_words_of_its_own():
    made = make(host=link("lab::Host", 1, 1, ResourceState.STARTED, "start"))
    assert made.links["host"].to_data()["before"] == "start"


# --- traces -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("traces", [("a",), Trace("a"), [Trace("a")], None])
def test_traces_are_a_tuple_of_traces(traces):
    with pytest.raises(UsageError) as caught:
        make(traces=traces)
    assert str(caught.value) == (f'Made.traces is a tuple such as (Trace("log", "What it says."),), not {traces!r}')


def test_each_trace_has_a_name_of_its_own():
    with pytest.raises(UsageError, match=r"^Made.traces has 'log' more than once; give each trace a name of its own"):
        make(bases=(Thing,), traces=(*Thing.traces, Trace("log")))


# --- hooks --------------------------------------------------------------------------------------------------------


async def awaited(self, intent):
    """Is no hook."""


async def awaited_piece_by_piece(self, intent):
    yield


def piece_by_piece(self, intent):
    yield


@pytest.mark.parametrize(
    ("hook", "what"),
    [
        (lambda self: None, "(self) cannot be called as the engine does"),
        (lambda: None, "() cannot be called as the engine does"),
        (lambda self, intent, more: None, "(self, intent, more) cannot be called as the engine does"),
        (lambda self, *, intent: None, "(self, *, intent) cannot be called as the engine does"),
        (staticmethod(lambda self, intent: None), "(self, intent) cannot be called as the engine does"),
        (awaited, " is async, and nobody would await it: hooks run on workers and may block"),
        (awaited_piece_by_piece, " is async, and nobody would await it: hooks run on workers and may block"),
        (None, " is called by the engine, and None is no function"),
    ],
)
def test_a_hook_that_cannot_be_called(hook, what):
    with pytest.raises(UsageError) as caught:
        make(start=hook)
    assert str(caught.value) == f"Made.start{what}; write def start(self, intent)"


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("setup", "(self)"),
        ("release", "(self, intent)"),
        ("probe", "(self, intent, receipt)"),
        ("exited", "(self, code, *, token=None)"),
        ("on_set", "(self, name, old, new)"),
        ("on_connect", "(self, other)"),
        ("on_disconnect", "(self, other)"),
        ("trace_path", "(self, name)"),
        ("trace_size", "(self, name)"),
        ("read_trace", "(self, name, offset=0, size=None)"),
    ],
)
def test_what_a_hook_is_to_be(name, right):
    with pytest.raises(UsageError) as caught:
        make(**{name: lambda: None})
    assert str(caught.value) == f"Made.{name}() cannot be called as the engine does; write def {name}{right}"


def test_only_a_hook_may_wait_with_yield():
    with pytest.raises(UsageError) as caught:
        make(setup=lambda self: (yield))
    assert str(caught.value) == "Made.setup has a yield in it, so nothing of it would run; write def setup(self)"


@pytest.mark.parametrize(
    "hook",
    [
        lambda self, intent: None,
        lambda manager, why, more=None: None,
        lambda *args: None,
        lambda self, _intent, **rest: None,
        piece_by_piece,
        staticmethod(lambda intent: None),
        classmethod(lambda cls, intent: None),
        Mock(),
        Thing.start,
    ],
)
def test_hooks_that_can_be_called(hook):
    assert make(start=hook).hooks() == ["start"]


def test_a_hook_from_another_class_is_looked_at_too():
    with pytest.raises(UsageError, match=r"^Made.stop\(self\) cannot be called as the engine does"):
        make(bases=(type("Stops", (), {"stop": lambda self: None}), ResourceManager))
