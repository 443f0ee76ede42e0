"""Plots as PNG and SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine.plots import looks
from engine.plots.head import Entry, Head
from engine.plots.ink import BOLD, SMALL, Ink, titled, width_of
from engine.plots.layout import arrange
from engine.plots.packing import Size

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.plots.drawing import Drawing, Node, Rule
    from engine.plots.layout import Page
    from engine.plots.packing import Box, Point

_PADDING: Final = 0.1
_MARGIN: Final = 0.25
_LINE: Final = 0.15
"""The height of a line of text."""


def png(drawing: Drawing) -> bytes:
    """A picture."""
    return _drawn(drawing).saved()


def svg(drawing: Drawing) -> bytes:
    """A picture whose texts are texts. It says more of a resource where the mouse stands."""
    return titled(_drawn(drawing), {guid: node.story for guid, node in drawing.nodes.items()})


def _drawn(drawing: Drawing) -> Ink:
    page = arrange(drawing, _node_size(drawing), [_pill_size(rule) for rule in drawing.rules])
    head = Head(drawing.title, drawing.moment, _entries(drawing), page.frame.width)
    above = head.size.height + 2 * _MARGIN
    width = max(head.size.width, page.frame.width) + 2 * _MARGIN
    ink = Ink(Size(width, above + page.frame.height + _MARGIN), (_MARGIN - page.frame.x, above - page.frame.y))
    head.draw(ink, page.frame.x, page.frame.y - head.size.height - _MARGIN)
    ink.lines(page.tracks, looks.WIRE, linewidths=1.0, zorder=1)
    _draw_rules(ink, drawing, page)
    for guid, node in drawing.nodes.items():
        _draw_node(ink, node, page.boxes[guid])
    return ink


# --- nodes ------------------------------------------------------------------------------------------------------


def _node_size(drawing: Drawing) -> Size:
    """The size of all boxes: that of the one with the longest text."""
    names = {looks.cut(looks.title(node)) for node in drawing.nodes.values()}
    types = {looks.cut(node.rtype) for node in drawing.nodes.values()}
    widths = [*(width_of(name, BOLD) for name in names), *(width_of(name, SMALL) for name in types)]
    return Size(max(widths, default=0) + 2 * _PADDING, 2 * _LINE + _PADDING)


def _draw_node(ink: Ink, node: Node, box: Box) -> None:
    look, name = looks.STATES[node.state], f"resource-{node.guid}"
    ink.box(box, look.fill, is_round=not node.is_base, name=name, zorder=3, **_border(node))
    x, y = box.center
    for at, text, font, part in (
        (y - _LINE / 2, looks.title(node), BOLD, "name"),
        (y + _LINE / 2, node.rtype, SMALL, "type"),
    ):
        ink.text((x, at), looks.cut(text), font, name=f"{name}-{part}", color=look.text, ha="center", zorder=4)


def _border(node: Node) -> dict[str, Any]:
    return {
        "edge": looks.FAILURE if node.failed else looks.BORDER,
        "linewidth": 2.5 if node.failed else 1.0,
        "linestyle": "solid" if node.critical else (0, (4, 2)),
    }


# --- rules ------------------------------------------------------------------------------------------------------


def _pill_texts(rule: Rule) -> tuple[str, str]:
    return looks.cut(rule.what), f"after {rule.when}"


def _pill_size(rule: Rule) -> Size:
    width = max(width_of(text, SMALL) for text in _pill_texts(rule))
    return Size(width + 1.5 * _PADDING, 0.27)


def _draw_rules(ink: Ink, drawing: Drawing, page: Page) -> None:
    for rule, pill in zip(drawing.rules, page.pills, strict=True):
        colour = looks.colour(rule)
        style = {"alpha": 1.0 if rule.is_direct else 0.7, "zorder": 2}
        arrows = [(pill.center, _edge(page.boxes[guid], pill.center)) for guid in rule.guids]
        lines = [(page.boxes[guid].center, pill.center) for guid in rule.on]
        ink.lines([*lines, *arrows], colour, linewidths=0.9, linestyles=[(0, (3, 1.5))], **style)
        ink.heads(arrows, colour, **style)
        _draw_pill(ink, pill, _pill_texts(rule), colour)


def _draw_pill(ink: Ink, pill: Box, texts: Iterable[str], colour: str) -> None:
    ink.box(pill, "#ffffff", colour, is_round=True, linewidth=0.8, zorder=5)
    x, y = pill.center
    for line, text in enumerate(texts):
        ink.text((x, y + (line - 0.5) * 0.115), text, SMALL, color=colour, ha="center", zorder=6)


def _edge(box: Box, towards: Point) -> Point:
    """Where a line from somewhere to the middle of a box meets its edge."""
    x, y = box.center
    dx, dy = towards[0] - x, towards[1] - y
    share = min(box.width / 2 / abs(dx) if dx else 1.0, box.height / 2 / abs(dy) if dy else 1.0)
    return x + dx * share, y + dy * share


# --- the legend ------------------------------------------------------------------------------------------------


def _entries(drawing: Drawing) -> Iterator[Entry]:
    """What occurs."""
    nodes = drawing.nodes.values()
    for state in looks.states(drawing):
        yield Entry(state.name, looks.STATES[state].fill)
    if any(node.failed for node in nodes):
        yield Entry("it failed", style={"edge": looks.FAILURE, "linewidth": 2.5}, mark=looks.CROSS)
    if not all(node.critical for node in nodes):
        yield Entry("not critical", style={"linestyle": (0, (4, 2))})
    if any(node.is_base for node in nodes):
        yield Entry("others depend on it", style={"is_round": False})
    if drawing.wires:
        yield Entry("connection", line=looks.WIRE)
    if any(not rule.is_plan for rule in drawing.rules):
        yield Entry("condition", line=looks.CONDITION)
    if any(rule.is_plan for rule in drawing.rules):
        yield Entry("planned value", line=looks.PLAN)
