"""Boxes, texts, lines and arrows on a page, by matplotlib without its global state.

Lengths are in inches on the page, y goes down. Sizes of fonts are in points.
"""

from __future__ import annotations

import io
import math
import re
import warnings
from contextlib import contextmanager
from html import escape
from typing import TYPE_CHECKING, Any, Final

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path
from matplotlib.textpath import text_to_path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from engine.plots.packing import Box, Point, Size

SMALL: Final = FontProperties(family="DejaVu Sans", size=6.5)
BOLD: Final = FontProperties(family="DejaVu Sans", size=8, weight="bold")
LARGE: Final = FontProperties(family="DejaVu Sans", size=10, weight="bold")

_ROUNDING: Final = 0.08
_ARROW: Final = 0.1
_DPI: Final = 120
_MOST_PIXELS: Final = 40_000_000
_LONGEST_SIDE: Final = 60_000
"""Agg draws up to 2**16 pixels in each direction."""


def width_of(text: str, font: FontProperties) -> float:
    """How wide a text is."""
    with _any_glyph():
        width: float = text_to_path.get_text_width_height_descent(text, font, ismath=False)[0]
    return width / 72


@contextmanager
def _any_glyph() -> Iterator[None]:
    """A label may be in a script that the font does not have: it shows as boxes, and in an SVG it is a text."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


class Ink:
    """A page, and what it takes to draw on it.

    Args:
        size: of the page.
        origin: the point on it that is (0, 0) from here on.
    """

    def __init__(self, size: Size, origin: Point) -> None:
        self._figure = Figure(figsize=(size.width, size.height))
        FigureCanvasAgg(self._figure)
        axes = self._figure.add_axes((0, 0, 1, 1))
        axes.set_axis_off()
        axes.set_xlim(-origin[0], size.width - origin[0])
        axes.set_ylim(size.height - origin[1], -origin[1])
        self._axes = axes

    def saved(self, *, is_svg: bool = False) -> bytes:
        """The page as PNG, with 120 dots an inch or fewer if it is very large; or as SVG."""
        width, height = self._figure.get_size_inches()
        dpi = min(_DPI, math.sqrt(_MOST_PIXELS / (width * height)), _LONGEST_SIDE / max(width, height))
        how: dict[str, Any] = {"format": "png", "dpi": dpi, "metadata": {"Software": None}}
        if is_svg:
            how = {"format": "svg", "metadata": {"Date": None, "Creator": None}}
        buffer = io.BytesIO()
        with _any_glyph():
            self._figure.savefig(buffer, **how)
        return buffer.getvalue()

    def box(self, box: Box, fill: str, edge: str, *, is_round: bool, name: str | None = None, **style: Any) -> None:
        """A rectangle."""
        shape = f"round,pad=0,rounding_size={_ROUNDING}" if is_round else "square,pad=0"
        patch = FancyBboxPatch((box.x, box.y), box.width, box.height, shape, facecolor=fill, edgecolor=edge, **style)
        patch.set_gid(name)
        self._axes.add_patch(patch)

    def boxes(self, boxes: Iterable[Box], fill: str, edge: str, **style: Any) -> None:
        """Rectangles of one look, as a single shape: of many that is a small fraction of as many boxes."""
        corners = [
            corner
            for box in boxes
            for corner in ((box.x, box.y), (box.right, box.y), (box.right, box.bottom), (box.x, box.bottom), (0.0, 0.0))
        ]
        if not corners:
            return
        codes = [Path.MOVETO, Path.LINETO, Path.LINETO, Path.LINETO, Path.CLOSEPOLY] * (len(corners) // 5)
        self._axes.add_artist(PathPatch(Path(corners, codes), facecolor=fill, edgecolor=edge, **style))

    def text(self, at: Point, text: str, font: FontProperties, *, name: str | None = None, **style: Any) -> None:
        """A text, whose vertical middle is there. Dollars in it are dollars, and no formula."""
        self._axes.text(*at, text, fontproperties=font, va="center_baseline", parse_math=False, gid=name, **style)

    def lines(self, lines: Sequence[Sequence[Point]], colour: str, **style: Any) -> None:
        """Lines of one kind, each from corner to corner."""
        self._axes.add_collection(LineCollection(lines, colors=colour, **style), autolim=False)

    def heads(self, arrows: Sequence[tuple[Point, Point]], colour: str, **style: Any) -> None:
        """The heads of arrows that go from one point to another."""
        shapes = [_head(*arrow) for arrow in arrows]
        self._axes.add_collection(PolyCollection(shapes, facecolors=colour, linewidths=0, **style), autolim=False)


def titled(ink: Ink, titles: Mapping[int, str]) -> bytes:
    """A page as SVG whose texts are texts, with what it says where the mouse stands on what is named after a guid."""
    # The names of what it defines depend on the salt and nothing else: the same page gives the same bytes.
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "netreel"}):
        text = ink.saved(is_svg=True).decode()
    told = {str(guid): f"<title>{escape(title)}</title>" for guid, title in titles.items()}
    return re.sub(r'<g id="resource-(\d+)[^>]*>', lambda group: group[0] + told[group[1]], text).encode()


def _head(start: Point, end: Point) -> list[Point]:
    length = math.dist(start, end) or 1.0
    x, y = (end[0] - start[0]) / length * _ARROW, (end[1] - start[1]) / length * _ARROW
    back = end[0] - x, end[1] - y
    return [end, (back[0] - y * 0.4, back[1] + x * 0.4), (back[0] + y * 0.4, back[1] - x * 0.4)]
