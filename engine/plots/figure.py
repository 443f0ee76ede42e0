"""Plots as PNG and SVG."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import matplotlib as mpl

from engine.plots import looks
from engine.plots.ink import BOLD, LARGE, SMALL, Ink, width_of
from engine.plots.layout import arrange
from engine.plots.packing import Box, Size, frame, in_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from engine.plots.drawing import Drawing, Node, Rule
    from engine.plots.layout import Page
    from engine.plots.packing import Point

_LONGEST: Final = 28
"""Characters of a line in a box; what is more is cut off."""

_PADDING: Final = 0.1
_MARGIN: Final = 0.25
_LINE: Final = 0.15
"""The height of a line of text."""

_NARROWEST: Final = 5.0
"""The width of the head, at least."""

_SWATCH: Final = Size(0.3, 0.15)


def png(drawing: Drawing) -> bytes:
    """A picture."""
    return _drawn(drawing).saved()


def svg(drawing: Drawing) -> bytes:
    """A picture whose texts are texts. It says more of a resource where the mouse stands."""
    # The names of what it defines depend on the salt and nothing else: the same drawing gives the same bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "netreel"}):
        text = _drawn(drawing).saved(is_svg=True).decode()
    titles = {str(guid): f"<title>{escape(node.story)}</title>" for guid, node in drawing.nodes.items()}
    titled = re.sub(r'<g id="resource-(\d+)[^>]*>', lambda group: group[0] + titles[group[1]], text)
    return titled.encode()


def _drawn(drawing: Drawing) -> Ink:
    page = arrange(drawing, _node_size(drawing), [_pill_size(rule) for rule in drawing.rules])
    head = _Head(drawing, page.frame.width)
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
    names = {_cut(looks.title(node)) for node in drawing.nodes.values()}
    types = {_cut(node.rtype) for node in drawing.nodes.values()}
    widths = [*(width_of(name, BOLD) for name in names), *(width_of(name, SMALL) for name in types)]
    return Size(max(widths, default=0) + 2 * _PADDING, 2 * _LINE + _PADDING)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"


def _draw_node(ink: Ink, node: Node, box: Box) -> None:
    look, name = looks.STATES[node.state], f"resource-{node.guid}"
    ink.box(box, look.fill, is_round=not node.is_base, name=name, zorder=3, **_border(node))
    x, y = box.center
    for at, text, font, part in (
        (y - _LINE / 2, looks.title(node), BOLD, "name"),
        (y + _LINE / 2, node.rtype, SMALL, "type"),
    ):
        ink.text((x, at), _cut(text), font, name=f"{name}-{part}", color=look.text, ha="center", zorder=4)


def _border(node: Node) -> dict[str, Any]:
    return {
        "edge": looks.FAILURE if node.failed else looks.BORDER,
        "linewidth": 2.5 if node.failed else 1.0,
        "linestyle": "solid" if node.critical else (0, (4, 2)),
    }


# --- rules ------------------------------------------------------------------------------------------------------


def _pill_texts(rule: Rule) -> tuple[str, str]:
    return _cut(rule.what), f"after {rule.when}"


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


# --- the head of the page ---------------------------------------------------------------------------------------


class _Entry(NamedTuple):
    """A line of the legend: what is explained, and how it looks."""

    text: str
    fill: str = "#ffffff"
    style: Mapping[str, Any] = {}
    mark: str = ""
    line: str = ""


class _Head:
    """What stands above the nodes: which experiment it is, which moment, and what the colours mean."""

    def __init__(self, drawing: Drawing, width: float) -> None:
        self._drawing = drawing
        self._entries = list(_entries(drawing))
        sizes = [Size(_SWATCH.width + 0.06 + width_of(entry.text, SMALL), _SWATCH.height) for entry in self._entries]
        self._boxes = [box.moved(0, 0.45) for box in in_rows(sizes, max(width, _NARROWEST), 0.12)] if sizes else []
        lines = [Box(0, 0, width_of(drawing.title, LARGE), 0.2), Box(0, 0.2, width_of(drawing.moment, SMALL), 0.2)]
        self.size = frame([*lines, *self._boxes]).size

    def draw(self, ink: Ink, x: float, y: float) -> None:
        """Draw it with its left upper corner there."""
        ink.text((x, y + 0.1), self._drawing.title, LARGE)
        ink.text((x, y + 0.3), self._drawing.moment, SMALL)
        for entry, box in zip(self._entries, self._boxes, strict=True):
            _draw_entry(ink, entry, box.moved(x, y))


def _draw_entry(ink: Ink, entry: _Entry, box: Box) -> None:
    swatch = Box(box.x, box.y, _SWATCH.width, _SWATCH.height)
    y = swatch.center[1]
    if entry.line:
        ends = (swatch.x, y), (swatch.right, y)
        dashes = "solid" if entry.line == looks.WIRE else [(0, (3, 1.5))]
        ink.lines([ends], entry.line, linewidths=1.0, linestyles=dashes)
        if entry.line != looks.WIRE:
            ink.heads([ends], entry.line)
    else:
        ink.box(swatch, entry.fill, **{"edge": looks.BORDER, "is_round": True, "linewidth": 1.0, **entry.style})
        ink.text(swatch.center, entry.mark, SMALL, ha="center")
    ink.text((swatch.right + 0.06, y), entry.text, SMALL)


def _entries(drawing: Drawing) -> Iterator[_Entry]:
    """What occurs."""
    nodes = drawing.nodes.values()
    for state in looks.states(drawing):
        yield _Entry(state.name, looks.STATES[state].fill)
    if any(node.failed for node in nodes):
        yield _Entry("it failed", style={"edge": looks.FAILURE, "linewidth": 2.5}, mark=looks.CROSS)
    if not all(node.critical for node in nodes):
        yield _Entry("not critical", style={"linestyle": (0, (4, 2))})
    if any(node.is_base for node in nodes):
        yield _Entry("others depend on it", style={"is_round": False})
    if drawing.wires:
        yield _Entry("connection", line=looks.WIRE)
    if any(not rule.is_plan for rule in drawing.rules):
        yield _Entry("condition", line=looks.CONDITION)
    if any(rule.is_plan for rule in drawing.rules):
        yield _Entry("planned value", line=looks.PLAN)
