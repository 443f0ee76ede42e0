"""How states and rules look. One table for all formats."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import Struct

from engine.core.states import ResourceState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.plots.drawing import Drawing, Node, Rule


class Look(Struct, frozen=True):
    """The colours of a box, as ``#rrggbb``."""

    fill: str
    text: str


STATES: Final[Mapping[ResourceState, Look]] = {
    ResourceState.NEW: Look("#ffffff", "#000000"),
    ResourceState.DISCOVERED: Look("#c6dbef", "#000000"),
    ResourceState.RESERVED: Look("#96bfe2", "#000000"),
    ResourceState.PROVISIONED: Look("#5a9bd4", "#000000"),
    ResourceState.READY: Look("#16487f", "#ffffff"),
    ResourceState.STARTED: Look("#189a6b", "#000000"),
    ResourceState.STOPPED: Look("#f8ef5a", "#000000"),
    ResourceState.FAILED: Look("#6e100d", "#ffffff"),
    ResourceState.RELEASED: Look("#aaaaaa", "#000000"),
}
"""On the way up ever darker blues, then hues that colour-blind people tell apart, too. Each has a lightness of its own,
so that a print without colours still shows which is which."""

BORDER: Final = "#404040"
FAILURE: Final = "#d55e00"
WIRE: Final = "#8a8a8a"
CONDITION: Final = "#a3369b"
PLAN: Final = "#7a5200"

_LONGEST: Final = 28
"""Characters of a line in a box."""

CROSS: Final = "\N{BALLOT X}"
"""What stands before the name of one that failed."""


def title(node: Node) -> str:
    """The first line of a node."""
    return f"{CROSS} {node.name}" if node.failed else node.name


def cut(text: str) -> str:
    """A line in a box; what is too long for one is cut off."""
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def states(drawing: Drawing) -> list[ResourceState]:
    """The states that occur, in the order of a life."""
    found = {node.state for node in drawing.nodes.values()}
    return [state for state in ResourceState if state in found]


def colour(rule: Rule) -> str:
    """The colour of its arrows and its text."""
    return PLAN if rule.is_plan else CONDITION
