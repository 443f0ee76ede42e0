"""Gantt charts as PNG and SVG."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from matplotlib.ticker import MaxNLocator

from engine.core.states import ResourceState
from engine.plots import looks
from engine.plots.head import Entry, Head
from engine.plots.ink import BOLD, SMALL, Ink, titled, width_of
from engine.plots.packing import Box, Size

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.plots.gantt import Gantt, Row

_MARGIN: Final = 0.25
_GAP: Final = 0.1
_WIDTH: Final = 9.0
"""Of the time axis; a picture grows with the resources, not with the time."""

_TICKS: Final = 12
_AXIS: Final = 0.2
"""The height of the numbers above and below."""

_ROW: Final = 0.22
_LOW_ROW: Final = 0.13
_MANY: Final = 60
"""With more resources, rows are low."""

_FILLED: Final = 0.7
"""The share of a row that a bar takes."""

_NARROWEST: Final = 0.002
"""Of what is narrower nothing would be seen, and a long run has a great many."""

_BUSY: Final = 0.15
"""The share of a row that is taken by what says that a step is under way: a line below the bar."""

_GRID: Final = "#dddddd"
_WORK: Final = "#000000"
_UNITS: Final = ((2 * 86400, 86400, "d"), (2 * 3600, 3600, "h"), (300, 60, "min"), (0, 1, "s"))
"""From how many seconds on time is told in which unit, and how many seconds that has."""


def png(gantt: Gantt) -> bytes:
    """A picture."""
    return _drawn(gantt).saved()


def svg(gantt: Gantt) -> bytes:
    """A picture whose texts are texts. It says how long each state took where the mouse stands on a name."""
    return titled(_drawn(gantt), {row.guid: _story(row) for row in gantt.rows})


class _Page(NamedTuple):
    """Where things stand: below and to the right of (0, 0), which is the left upper corner of the bars.

    Attributes:
        names: how wide the names are, which stand to the left.
        scale: inches of a second.
        row: the height of one.
        height: of all rows.
    """

    names: float
    scale: float
    row: float
    height: float

    def box(self, number: int, begin: float, end: float, *, busy: bool = False) -> Box:
        """Where a bar stands, or what says that a step is under way, of the row of that number."""
        y, height = (_FILLED, _BUSY) if busy else (0.0, _FILLED)
        return Box(begin * self.scale, (number + y) * self.row, (end - begin) * self.scale, height * self.row)


def _page(gantt: Gantt) -> _Page:
    row = _LOW_ROW if len(gantt.rows) > _MANY else _ROW
    names = max((_types_at(each) + width_of(looks.cut(each.rtype), SMALL) for each in gantt.rows), default=0.0)
    return _Page(names + _GAP, _WIDTH / (gantt.end or 1.0), row, row * len(gantt.rows))


def _drawn(gantt: Gantt) -> Ink:
    page = _page(gantt)
    head = Head(gantt.title, gantt.moment, _entries(gantt), page.names + _WIDTH)
    above = head.size.height + 2 * _MARGIN + _AXIS
    width = max(head.size.width, page.names + _WIDTH) + 3 * _MARGIN
    ink = Ink(Size(width, above + page.height + _AXIS + _MARGIN), (page.names + _MARGIN, above))
    head.draw(ink, -page.names, _MARGIN - above)
    _draw_axis(ink, gantt.end, page)
    _draw_bars(ink, gantt, page)
    for number, each in enumerate(gantt.rows):
        _draw_name(ink, each, (number + _FILLED / 2) * page.row, page)
    return ink


def _draw_axis(ink: Ink, end: float, page: _Page) -> None:
    seconds, unit = next((seconds, unit) for least, seconds, unit in _UNITS if end >= least)
    ticks = [tick for tick in MaxNLocator(_TICKS).tick_values(0, end / seconds) if tick * seconds <= end or not tick]
    for tick in ticks:
        x = tick * seconds * page.scale
        ink.lines([[(x, -0.04), (x, page.height + 0.04)]], _GRID, linewidths=0.7, zorder=1)
        for y in (-_AXIS / 2, page.height + _AXIS / 2):
            ink.text((x, y), f"{tick:g} {unit}", SMALL, ha="center")


def _draw_bars(ink: Ink, gantt: Gantt, page: _Page) -> None:
    for state, look in looks.STATES.items():
        bars = [
            page.box(number, bar.begin, bar.end)
            for number, row in enumerate(gantt.rows)
            for bar in row.bars
            if bar.state is state and (bar.end - bar.begin) * page.scale >= _NARROWEST
        ]
        ink.boxes(bars, look.fill, looks.BORDER, linewidth=0.3, zorder=2, gid=f"state-{state.name}")
    busy = [
        page.box(number, begin, end, busy=True)
        for number, row in enumerate(gantt.rows)
        for begin, end in row.busy
        if (end - begin) * page.scale >= _NARROWEST
    ]
    ink.boxes(busy, _WORK, "none", zorder=3, gid="busy")


def _draw_name(ink: Ink, row: Row, y: float, page: _Page) -> None:
    at = -page.names
    ink.text((at, y), looks.cut(_title(row)), BOLD, name=f"resource-{row.guid}-name", zorder=4)
    ink.text((at + _types_at(row), y), looks.cut(row.rtype), SMALL, name=f"resource-{row.guid}-type", zorder=4)


def _title(row: Row) -> str:
    return f"{looks.CROSS} {row.name}" if row.failed else row.name


def _types_at(row: Row) -> float:
    """How far to the right of a name the type stands."""
    return width_of(looks.cut(_title(row)), BOLD) + _GAP


def _story(row: Row) -> str:
    told = [f"{bar.state.name} {bar.begin:.2f} to {bar.end:.2f} s" for bar in row.bars]
    return f"{row.name} {row.rtype}: {', '.join(told)}"


def _entries(gantt: Gantt) -> Iterator[Entry]:
    """What occurs."""
    found = {bar.state for row in gantt.rows for bar in row.bars if bar.end > bar.begin}
    for state in ResourceState:
        if state in found:
            yield Entry(state.name, looks.STATES[state].fill)
    if any(row.busy for row in gantt.rows):
        yield Entry("a step is under way", _WORK)
    if any(row.failed for row in gantt.rows):
        yield Entry("it failed", mark=looks.CROSS)
