"""Rectangles that do not overlap: in rows, in a snake, spread like a graph, or where there is room.

Lengths are in inches. x goes to the right, y goes down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import networkx as nx
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

Point = tuple[float, float]

SHAPE: Final = 1.6
"""How much wider than high a picture is to be."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a rectangle."""

    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in its place: its left upper corner, and its size."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        """Its right edge."""
        return self.x + self.width

    @property
    def bottom(self) -> float:
        """Its lower edge."""
        return self.y + self.height

    @property
    def center(self) -> Point:
        """Its middle."""
        return self.x + self.width / 2, self.y + self.height / 2

    def moved(self, x: float, y: float) -> Box:
        """It, moved by so much."""
        return Box(self.x + x, self.y + y, self.width, self.height)

    def overlaps(self, other: Box) -> bool:
        """Whether they have any room in common."""
        apart_x = self.right <= other.x or other.right <= self.x
        apart_y = self.bottom <= other.y or other.bottom <= self.y
        return not (apart_x or apart_y)


def around(boxes: Iterable[Box]) -> Size:
    """How much room boxes take whose left upper corner is at (0, 0)."""
    boxes = list(boxes)
    return Size(max(box.right for box in boxes), max(box.bottom for box in boxes))


def good_width(sizes: Sequence[Size], gap: float) -> float:
    """How wide rows of these are to be for a picture of a good `SHAPE`."""
    area = sum((size.width + gap) * (size.height + gap) for size in sizes)
    return max(math.sqrt(SHAPE * area), *(size.width + gap for size in sizes))


def in_rows(sizes: Sequence[Size], width: float, gap: float, *, snake: bool = False) -> list[Box]:
    """Rectangles in rows, in their order.

    Args:
        sizes: theirs.
        width: of a row, at most, unless a single one is wider.
        gap: between any two of them.
        snake: every second row goes from right to left, so that each stands beside the one before.
    """
    rows = _rows(sizes, width, gap)
    full = max(sum(sizes[index].width + gap for index in row) - gap for row in rows)
    boxes: list[Box] = []
    y = 0.0
    for number, row in enumerate(rows):
        backwards = snake and number % 2 == 1
        boxes += _row([sizes[index] for index in row], y, gap, full if backwards else None)
        y += max(sizes[index].height for index in row) + gap
    return boxes


def _rows(sizes: Sequence[Size], width: float, gap: float) -> list[list[int]]:
    rows: list[list[int]] = []
    room = 0.0
    for index, size in enumerate(sizes):
        if not rows or size.width > room + 1e-9:
            rows.append([])
            room = width
        rows[-1].append(index)
        room -= size.width + gap
    return rows


def _row(sizes: Sequence[Size], y: float, gap: float, right: float | None) -> list[Box]:
    """One row, from the left, or from the right edge to the left."""
    boxes, used = [], 0.0
    for size in sizes:
        x = used if right is None else right - used - size.width
        boxes.append(Box(x, y, size.width, size.height))
        used += size.width + gap
    return boxes


def spread(graph: nx.Graph[int], sizes: Mapping[int, Size], gap: float) -> dict[int, Box]:
    """Rectangles as far apart as their distance in a connected graph suggests, and never less than `gap`."""
    order = sorted(graph)
    graph = nx.Graph([(one, two) for one, two in sorted(map(sorted, graph.edges))])
    places = _wished(graph)
    centers = np.array([places[guid] for guid in order])
    extents = np.array([[sizes[guid].width + gap, sizes[guid].height + gap] for guid in order])
    centers *= math.sqrt(extents.prod(axis=1).sum()) / max(np.ptp(centers, axis=0).max(), 1e-9)
    centers *= (math.sqrt(SHAPE), 1 / math.sqrt(SHAPE))
    while not _push_apart(centers, extents):
        centers *= 1.1
    corners = centers - extents / 2
    corners -= corners.min(axis=0)
    return {
        guid: Box(float(x), float(y), sizes[guid].width, sizes[guid].height)
        for guid, (x, y) in zip(order, corners, strict=True)
    }


_MANY: Final = 300
"""For more nodes than that Kamada and Kawai's method takes too long: it looks at the paths between all pairs."""


def _wished(graph: nx.Graph[int]) -> Mapping[int, Floats]:
    if graph.order() <= _MANY:
        places: Mapping[int, Floats] = nx.kamada_kawai_layout(graph)
    else:
        places = nx.spring_layout(graph, seed=0)
    return places


def _push_apart(centers: Floats, extents: Floats) -> bool:
    """Move those that overlap apart, each pair along the shorter way; whether none overlaps any more."""
    numbers = np.arange(len(centers))
    later = np.sign(numbers[:, None] - numbers)[..., None]
    for _ in range(100):
        between = centers[:, None] - centers
        short = (extents[:, None] + extents) / 2 - np.abs(between)
        overlaps = np.logical_and(*np.moveaxis(short > 1e-6, 2, 0))
        np.fill_diagonal(overlaps, val=False)
        if not overlaps.any():
            return True
        sideways = short[..., 0] < short[..., 1]
        step = np.where(np.stack([sideways, ~sideways], axis=2) & overlaps[..., None], short, 0)
        # Of two in the very same place, the later one goes to the right or down.
        sign = np.where(between == 0, later, np.sign(between))
        centers += (step * sign).sum(axis=1) / 2
    return False


@cache
def _steps(reach: float) -> list[Point]:
    """The ways to go from a point to look for a free place, the shortest first."""
    count = round(reach * 10)
    steps = ((x / 10, y / 10) for x in range(-count, count + 1) for y in range(-count, count + 1))
    return sorted((step for step in steps if math.hypot(*step) <= reach), key=lambda step: (math.hypot(*step), step))


class Room:
    """A page that is partly taken, and the nearest free places on it."""

    _CELL: Final = 0.05
    _REACH: Final = 3.0
    """How far from where it should be something is put, at most."""

    def __init__(self, size: Size) -> None:
        self._size = size
        self._taken = np.zeros((self._cells(size.height) + 1, self._cells(size.width) + 1), dtype=np.bool_)
        self._free_row = Box(0, size.height, 0, 0)

    def take(self, box: Box) -> None:
        """Nothing else may stand here."""
        self._taken[self._slices(box)] = True

    def put(self, size: Size, center: Point) -> Box:
        """The free place that is nearest to a point, or one below the page; it is taken from now on."""
        x, y = center[0] - size.width / 2, center[1] - size.height / 2
        candidates = (Box(x + dx, y + dy, size.width, size.height) for dx, dy in _steps(self._REACH))
        box = next(filter(self._is_free, candidates), None)
        if box is None:
            return self._below(size)
        self.take(box)
        return box

    def _is_free(self, box: Box) -> bool:
        if box.x < 0 or box.y < 0 or box.right > self._size.width or box.bottom > self._size.height:
            return False
        return not self._taken[self._slices(box)].any()

    def _below(self, size: Size) -> Box:
        last = self._free_row
        fits = last.right + size.width <= self._size.width
        x, y = (last.right, last.y) if fits else (0.0, last.bottom)
        self._free_row = Box(x, y, size.width, max(size.height, last.height if fits else 0))
        return Box(x, y, size.width, size.height)

    def _slices(self, box: Box) -> tuple[slice, slice]:
        return (
            slice(int(box.y / self._CELL), self._cells(box.bottom)),
            slice(int(box.x / self._CELL), self._cells(box.right)),
        )

    def _cells(self, length: float) -> int:
        return math.ceil(length / self._CELL)
