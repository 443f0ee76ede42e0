"""Rectangles that do not overlap: in rows, in a snake, spread like a graph, or where there is room.

Lengths are in inches. x goes to the right, y goes down.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

import networkx as nx
import numpy as np
from msgspec import Struct
from scipy.sparse.csgraph import shortest_path
from scipy.spatial import KDTree

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Graph = nx.Graph[int]

Point = tuple[float, float]

SHAPE: Final = 1.6
"""How much wider than high a picture is to be."""

_SPARSEST: Final = 12.0
"""How many times the room of its boxes a graph may take."""

_MANY: Final = 300
"""For more nodes than that Kamada and Kawai's method takes too long."""

_DENSE: Final = 0.7
"""With so many of all possible edges, a ring is the only place from which each of them can be seen."""


class Size(Struct, frozen=True):
    """Of a rectangle."""

    width: float
    height: float


class Box(Struct, frozen=True):
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

    @property
    def size(self) -> Size:
        """Its size."""
        return Size(self.width, self.height)

    def moved(self, x: float, y: float) -> Box:
        """It, moved by so much."""
        return Box(self.x + x, self.y + y, self.width, self.height)

    def overlaps(self, other: Box) -> bool:
        """Whether they have any room in common."""
        apart_x = self.right <= other.x or other.right <= self.x
        apart_y = self.bottom <= other.y or other.bottom <= self.y
        return not (apart_x or apart_y)


def frame(boxes: Iterable[Box]) -> Box:
    """What boxes are within, which begins at (0, 0) unless one lies to the left of it or above."""
    boxes = [Box(0, 0, 0, 0), *boxes]
    x, y = min(box.x for box in boxes), min(box.y for box in boxes)
    return Box(x, y, max(box.right for box in boxes) - x, max(box.bottom for box in boxes) - y)


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


def spread(graph: Graph, sizes: Mapping[int, Size], gap: float) -> dict[int, Box]:
    """Rectangles as far apart as their distance in a connected graph suggests, and never less than `gap`.

    Where that would take too much room they stand in rows, each beside one that it is connected to.
    """
    order = sorted(graph)
    ordered: Graph = nx.Graph()  # places depend on the order of nodes and edges, so there is only one
    ordered.add_nodes_from(order)
    ordered.add_edges_from(sorted((min(edge), max(edge)) for edge in graph.edges))
    extents = np.array([[sizes[guid].width + gap, sizes[guid].height + gap] for guid in order])
    centers = _roomy(_wished(ordered), extents)
    if np.ptp(centers, axis=0).prod() > _SPARSEST * extents.prod(axis=1).sum():
        order = list(nx.dfs_preorder_nodes(ordered, order[0]))
        ranked = [sizes[guid] for guid in order]
        return dict(zip(order, in_rows(ranked, good_width(ranked, gap), gap, snake=True), strict=True))
    while not _push_apart(centers, extents):
        centers *= 1.1
    corners = centers - extents / 2
    corners -= corners.min(axis=0)
    placed = zip(order, corners.tolist(), strict=True)
    return {guid: Box(x, y, sizes[guid].width, sizes[guid].height) for guid, (x, y) in placed}


def _wished(graph: Graph) -> Floats:
    """Where the nodes would be if they had no size."""
    ring = _array(nx.circular_layout(graph))
    if nx.density(graph) > _DENSE:
        return ring
    far: Floats = shortest_path(nx.to_scipy_sparse_array(graph), unweighted=True)
    sketch = _scaled(far) + ring / 100  # in which no two coincide
    if len(ring) > _MANY:
        return _turned(sketch)
    # What Kamada and Kawai's method comes to depends on where it begins.
    begins = (dict(zip(graph, begin, strict=True)) for begin in (sketch, ring))
    found = [_array(nx.kamada_kawai_layout(graph, pos=begin)) for begin in begins]
    return _turned(min(found, key=lambda places: _strain(places, far)))


def _turned(places: Floats) -> Floats:
    """The same places, with the longest way through them from left to right, and the first to the left and above."""
    places = places - places.mean(axis=0)
    turned: Floats = places @ np.linalg.svd(places, full_matrices=False)[2].T
    return turned * np.where(turned[0] > 0, -1, 1)


def _array(places: Mapping[int, Floats]) -> Floats:
    return np.array(list(places.values()))


def _scaled(far: Floats) -> Floats:
    """The plane that shows most of these distances: classical multidimensional scaling, after Torgerson."""
    squares = far**2
    centered = (squares.mean(axis=0) + squares.mean(axis=1)[:, None] - squares - squares.mean()) / 2
    values, vectors = np.linalg.eigh(centered)
    best = [-1, -2]
    plane: Floats = vectors[:, best] * np.sqrt(np.maximum(values[best], 0))
    return plane


def _strain(places: Floats, far: Floats) -> float:
    """How unevenly distances in the plane stand to those in the graph."""
    pairs = np.triu_indices(len(places), 1)
    ratios = np.linalg.norm(places[:, None] - places, axis=2)[pairs] / far[pairs]
    return float(ratios.std() / ratios.mean())


def _roomy(centers: Floats, extents: Floats) -> Floats:
    """The same places, so far apart that half of the rectangles have room: the closest pair would want too much."""
    centers = centers * (SHAPE, 1.0)
    with np.errstate(divide="ignore"):
        needed = ((extents[:, None] + extents) / 2 / np.abs(centers[:, None] - centers)).min(axis=2)
    np.fill_diagonal(needed, 0)
    scaled: Floats = centers * np.median(needed.max(axis=1))
    return scaled


def _push_apart(centers: Floats, extents: Floats) -> bool:
    """Move those that overlap apart, each pair along the shorter way; whether none overlaps any more."""
    reach = extents.max(axis=0)
    for _ in range(100):
        one, two = KDTree(centers / reach).query_pairs(1.0, p=math.inf, output_type="ndarray").T
        between = centers[two] - centers[one]
        short = (extents[one] + extents[two]) / 2 - np.abs(between)
        overlap = (short > 1e-6).min(axis=1, initial=True)
        if not overlap.any():
            return True
        is_way = overlap[:, None] & (short == short.min(axis=1, keepdims=True))
        # Of two in the very same place, the later one goes to the right or down.
        step = np.where(is_way, short, 0) * np.where(between < 0, -1, 1) / 2
        np.add.at(centers, two, step)
        np.subtract.at(centers, one, step)
    return False


@cache
def _steps(reach: float) -> list[Point]:
    """The ways to go from a point to look for a free place, the shortest first."""
    count = round(reach * 10)
    steps = ((x / 10, y / 10) for x in range(-count, count + 1) for y in range(-count, count + 1))
    return sorted((step for step in steps if math.hypot(*step) <= reach), key=lambda step: (math.hypot(*step), step))


class Room:
    """A page that is partly taken, and the nearest free places on it.

    Args:
        frame: the page.
        clearance: what is put somewhere stands at least so far from all that is taken.
    """

    _CELL: Final = 0.03
    _REACH: Final = 3.0
    """How far from where it should be something is put, at most."""

    def __init__(self, frame: Box, clearance: float) -> None:
        self._frame = frame
        self._clearance = clearance
        self._taken = np.zeros((self._cells(frame.height) + 1, self._cells(frame.width) + 1), dtype=np.bool_)
        self._last_below = Box(frame.x, frame.bottom, 0, 0)

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
        page = self._frame
        if box.x < page.x or box.y < page.y or box.right > page.right or box.bottom > page.bottom:
            return False
        return not self._taken[self._slices(box)].any()

    def _below(self, size: Size) -> Box:
        last, page = self._last_below, self._frame
        fits = last.right + size.width <= page.right
        x, y = (last.right, last.y) if fits else (page.x, last.bottom)
        self._last_below = Box(x, y, size.width, max(size.height, last.height if fits else 0))
        return Box(x, y, size.width, size.height)

    def _slices(self, box: Box) -> tuple[slice, slice]:
        near = self._clearance / 2
        x, y = box.x - self._frame.x, box.y - self._frame.y
        return (
            slice(max(0, math.floor((y - near) / self._CELL)), self._cells(y + box.height + near)),
            slice(max(0, math.floor((x - near) / self._CELL)), self._cells(x + box.width + near)),
        )

    def _cells(self, length: float) -> int:
        return math.ceil(length / self._CELL)
