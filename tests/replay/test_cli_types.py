"""`netreel types` on types that are announced here, some of which cannot be loaded."""

import json
from importlib.metadata import EntryPoint

import pytest

from engine import Intent, ResourceFactory, ResourceManager, Trace, attr, link
from engine.rm import registry
from tests.replay.shell import lines, refusal

HERE = "tests.replay.test_cli_types"


class Interface(ResourceManager, rtype="lab::Interface"):
    """An interface of the laboratory."""


class Queue(Interface, rtype="lab::Queue"):
    """A token-bucket queue on an interface.

    It is made when it is deployed,
    and gone after its release.

    Example:
        Queue(rate=5)
    """

    rate: int = attr(ge=1, help="Rate in bits per second.")
    colour: str | None = attr(default=None, choices=("green", "red"), when="live", help="Marking.")
    password: str = attr(default="", secret=True)
    told: float = attr(default=0.5, le=1, when="never")
    interface = link("lab::Interface", min=1, max=1)
    others = link("lab::Queue", min=1, before="start")
    traces = (Trace("drops", "One line for each dropped packet."), Trace("all", "Each packet.", enabled=False))

    def deploy(self, intent: Intent) -> None:
        """Make it."""

    def release(self, intent: Intent) -> None:
        """Remove it."""


class Silent(ResourceManager, rtype="lab::Silent"):
    pass


@pytest.fixture(autouse=True)
def announced(monkeypatch, home):
    """These types, one whose package is not there, and one whose entry point leads nowhere."""
    values = {
        "lab::Queue": f"{HERE}:Queue",
        "lab::Silent": f"{HERE}:Silent",
        "lab::Gone": "no.such.package:Thing",
        "lab::Wrong": f"{HERE}:HERE",
    }
    found = tuple(EntryPoint(name, value, registry.GROUP) for name, value in values.items())
    monkeypatch.setattr(registry, "_announced", lambda: found)
    monkeypatch.setattr(ResourceFactory, "_types", {})


def test_the_list_has_all_types_also_those_that_cannot_be_loaded():
    assert lines("types") == [
        "TYPE         WHAT",
        "lab::Gone    lab::Gone is announced as no.such.package:Thing, which cannot be loaded: No module named 'no'",
        "lab::Queue   A token-bucket queue on an interface.",
        "lab::Silent",
        f"lab::Wrong   lab::Wrong is announced as {HERE}:HERE, which is no resource type",
    ]


def test_the_list_as_json():
    told = json.loads("\n".join(lines("types", "--json")))
    assert told[1] == {"rtype": "lab::Queue", "help": "A token-bucket queue on an interface.", "problem": None}
    assert [(entry["rtype"], entry["help"], entry["problem"] is None) for entry in told if entry is not told[1]] == [
        ("lab::Gone", None, False),
        ("lab::Silent", "", True),
        ("lab::Wrong", None, False),
    ]


def test_a_type_is_shown_on_a_page():
    page = lines("types", "lab::Queue")
    begin = page.index("rate          int; must be set; at least 1")
    assert page[:10] == [
        "lab::Queue  extends lab::Interface",
        "",
        "A token-bucket queue on an interface.",
        "",
        "It is made when it is deployed, and gone after its release.",
        "",
        "Example:",
        "    Queue(rate=5)",
        "",
        "ATTRIBUTE",
    ]
    assert page[begin:] == [
        "rate          int; must be set; at least 1",
        "              Rate in bits per second.",
        "colour        str or None; default None; one of 'green', 'red'; can be set while it runs",
        "              Marking.",
        "password      str; default ''; secret: give env:NAME or file:PATH",
        "told          float; default 0.5; at most 1; cannot be set",
        "",
        "LINK",
        "interface  1 of lab::Interface; its deploy waits until they are READY",
        "others     1 to any number of lab::Queue; its start waits until they are READY",
        "",
        "TRACE",
        "drops  One line for each dropped packet.",
        "all    Each packet. Off unless it is switched on.",
        "",
        "Hooks: deploy, release",
    ]


def test_a_type_that_says_nothing_has_a_page():
    page = lines("types", "lab::Silent")
    assert page[:3] == ["lab::Silent", "", "ATTRIBUTE"]
    assert page[-1] == "Hooks: none: its states just follow each other"
    assert "LINK" not in page


def test_a_type_as_json():
    told = json.loads("\n".join(lines("types", "lab::Queue", "--json")))
    assert list(told) == ["rtype", "help", "lineage", "attributes", "links", "traces", "hooks"]
    assert told["lineage"] == ["lab::Queue", "lab::Interface"]
    assert told["attributes"]["colour"] == {
        "type": "str or None",
        "required": False,
        "default": None,
        "choices": ["green", "red"],
        "ge": None,
        "le": None,
        "when": "live",
        "secret": False,
        "help": "Marking.",
    }
    assert (told["attributes"]["rate"]["required"], told["attributes"]["rate"]["default"]) == (True, None)
    assert told["links"][0] == {
        "name": "interface",
        "rtype": "lab::Interface",
        "min": 1,
        "max": 1,
        "after": "READY",
        "before": "deploy",
    }
    assert told["traces"][1] == {"name": "all", "help": "Each packet.", "enabled": False}
    assert told["hooks"] == ["deploy", "release"]


@pytest.mark.parametrize(
    ("rtype", "message"),
    [
        ("lab::Que", "there is no resource type 'lab::Que'; did you mean lab::Queue"),
        ("lab::Gone", "lab::Gone is announced as no.such.package:Thing, which cannot be loaded: No module named 'no'"),
    ],
)
def test_a_type_that_cannot_be_shown_is_refused(rtype, message):
    assert refusal("types", rtype).startswith(message)
