"""What stands above a picture: what it shows, which moment, and what the colours mean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from engine.plots import looks
from engine.plots.ink import LARGE, SMALL, Ink, width_of
from engine.plots.packing import Box, Size, frame, in_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_NARROWEST: Final = 5.0
"""Its width, at least."""

_SWATCH: Final = Size(0.3, 0.15)


class Entry(NamedTuple):
    """A line of the legend: what is explained, and how it looks."""

    text: str
    fill: str = "#ffffff"
    style: Mapping[str, Any] = {}
    mark: str = ""
    line: str = ""


class Head:
    """A title, a moment and a legend.

    Args:
        title: what the picture shows.
        moment: as of when.
        entries: of the legend.
        width: that it is to take, if that is enough.

    Attributes:
        size: that it takes.
    """

    def __init__(self, title: str, moment: str, entries: Iterable[Entry], width: float) -> None:
        self._title, self._moment, self._entries = title, moment, list(entries)
        sizes = [Size(_SWATCH.width + 0.06 + width_of(entry.text, SMALL), _SWATCH.height) for entry in self._entries]
        self._boxes = [box.moved(0, 0.45) for box in in_rows(sizes, max(width, _NARROWEST), 0.12)] if sizes else []
        lines = [Box(0, 0, width_of(title, LARGE), 0.2), Box(0, 0.2, width_of(moment, SMALL), 0.2)]
        self.size = frame([*lines, *self._boxes]).size

    def draw(self, ink: Ink, x: float, y: float) -> None:
        """Draw it with its left upper corner there."""
        ink.text((x, y + 0.1), self._title, LARGE)
        ink.text((x, y + 0.3), self._moment, SMALL)
        for entry, box in zip(self._entries, self._boxes, strict=True):
            _draw_entry(ink, entry, box.moved(x, y))


def _draw_entry(ink: Ink, entry: Entry, box: Box) -> None:
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
