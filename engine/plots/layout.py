"""Where everything of a drawing goes on a page, so that nothing covers a label. The same drawing has the same layout.

What a resource carries stands below it: that which depends on it alone, and that which is connected to nothing else.
What is left is a graph of those that carry. Of each part of it that hangs together

* a line becomes rows, from left to right and back;
* a tree is hung up on its middle;
* what has circles is spread out, and the trees on it hang from it.

Lengths are in inches. x goes to the right, y goes down.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import networkx as nx
from msgspec import Struct, field

from engine.plots.packing import Box, Point, Room, Size, frame, good_width, in_rows, spread

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from engine.plots.drawing import Drawing, Rule

    Graph = nx.Graph[int]

_GAP: Final = 0.3
"""Between any two boxes, at least: there is room for a wire."""

_RULES_GAP: Final = 0.7
"""The same where there are rules: there is room for two of these, too."""

_CLEARANCE: Final = 0.12
"""Between a rule and anything else."""

_DROP: Final = 0.12
"""From a wire that leads along a row down to the boxes of the row."""

_INDENT: Final = 0.3
"""How far what is carried stands to the right of its carrier's edge, if it needs more than one row."""

_WIDEST: Final = 24.0
"""Up to this width the branches of a tree stand side by side."""

_COLUMN: Final = 5
"""Up to so many leaves stand below each other."""

_STEPS: Final = 16
"""Of how many straight pieces a bow is made."""

Track = tuple[Point, ...]
"""The corners of a line."""


class Page(Struct, frozen=True):
    """A drawing in its places.

    Attributes:
        frame: what all boxes are within.
        boxes: of the nodes, by guid.
        tracks: the lines of the connections. They may run behind boxes.
        pills: of the rules, in their order.
    """

    frame: Box
    boxes: Mapping[int, Box]
    tracks: tuple[Track, ...]
    pills: tuple[Box, ...]


def arrange(drawing: Drawing, node: Size, pills: Sequence[Size]) -> Page:
    """Find a place for everything.

    Args:
        drawing: what is to be seen.
        node: how large the box of a node is.
        pills: how large the box of each rule is.
    """
    gap = _RULES_GAP if drawing.rules else _GAP
    forest = _Forest(drawing, node, gap)
    boxes = forest.boxes()
    buses = list(forest.buses(boxes))
    placed = _placed(drawing.rules, pills, boxes, buses)
    return Page(frame([*boxes.values(), *placed]), boxes, (*forest.wires(boxes), *buses), tuple(placed))


def _placed(
    rules: Sequence[Rule], pills: Sequence[Size], boxes: Mapping[int, Box], tracks: Sequence[Track]
) -> list[Box]:
    """Each rule halfway between those that wait and those that they wait for, or near there."""
    taken, edge = frame(boxes.values()), max((pill.width for pill in pills), default=0)
    room = Room(Box(-edge, 0, taken.right + 2 * edge, taken.bottom + _RULES_GAP), _CLEARANCE)
    for box in boxes.values():
        room.take(box)
    for (x, y), (to_x, to_y) in (line for track in tracks for line in pairwise(track)):
        if x == to_x or y == to_y:  # the others may be crossed
            room.take(Box(min(x, to_x), min(y, to_y), abs(to_x - x), abs(to_y - y)))
    return [
        room.put(pill, _middle([_middle(boxes[guid].center for guid in side) for side in (rule.on, rule.guids)]))
        for rule, pill in zip(rules, pills, strict=True)
    ]


def _middle(points: Iterable[Point]) -> Point:
    points = list(points)
    return sum(x for x, _ in points) / len(points), sum(y for _, y in points) / len(points)


class _Block(Struct):
    """A node and what it carries.

    Attributes:
        size: of all of it.
        head: the box of the node, within the block.
        parts: the blocks that it carries, within the block.
        rows: the same, row by row.
    """

    size: Size
    head: Box
    parts: dict[int, Box] = field(default_factory=dict)
    rows: list[list[int]] = field(default_factory=list)


class _Forest:
    """The nodes of a drawing as trees of carriers, and the graph of their roots."""

    def __init__(self, drawing: Drawing, node: Size, gap: float) -> None:
        self._node = node
        self._gap = gap
        self._graph: Graph = nx.Graph()
        self._graph.add_nodes_from(drawing.nodes)
        self._graph.add_edges_from(drawing.wires)
        self._carriers = _carriers(drawing, self._graph)
        self._roots = self._graph_of_roots()
        self._parts = self._parts_of_roots()
        self._children: dict[int, list[int]] = {guid: [] for guid in self._graph}
        for guid, carrier in sorted(self._carriers.items()):
            self._children[carrier].append(guid)
        self._blocks: dict[int, _Block] = {}
        for guid in reversed(self._downwards()):
            self._blocks[guid] = self._block(guid)

    def _root(self, guid: int) -> int:
        while guid in self._carriers:
            guid = self._carriers[guid]
        return guid

    def _graph_of_roots(self) -> Graph:
        roots = {guid: self._root(guid) for guid in self._graph}
        graph: Graph = nx.Graph()
        graph.add_nodes_from(roots.values())
        graph.add_edges_from((roots[one], roots[two]) for one, two in self._graph.edges if roots[one] != roots[two])
        return graph

    def _parts_of_roots(self) -> list[list[int]]:
        """What hangs together, of lines in their order. What hangs from something gets its carrier."""
        parts = []
        for guids in sorted(nx.connected_components(self._roots), key=min):
            part = self._roots.subgraph(guids)
            if _is_line(part):
                parts.append(_along(part))
            else:
                hung = dict(_peel(part))
                self._carriers.update(hung)
                parts.append(sorted(set(guids) - set(hung)))
        return parts

    def _downwards(self) -> list[int]:
        """All of them, carriers first."""
        order = [guid for part in self._parts for guid in part]
        for guid in order:
            order.extend(self._children[guid])
        return order

    # --- sizes

    def _block(self, guid: int) -> _Block:
        children = self._children[guid]
        head = Box(0, 0, self._node.width, self._node.height)
        if not children:
            return _Block(self._node, head)
        sizes = [self._blocks[child].size for child in children]
        placed = in_rows(sizes, self._width(children, sizes), self._gap)
        rows = _by_row(children, placed)
        if len(rows) == 1:
            centers = [box.x + self._blocks[child].head.center[0] for child, box in zip(children, placed, strict=True)]
            x = (centers[0] + centers[-1]) / 2 - head.width / 2
            head, indent = head.moved(max(x, 0), 0), max(-x, 0)
        else:
            indent = _INDENT
        parts = {child: box.moved(indent, head.bottom + self._gap) for child, box in zip(children, placed, strict=True)}
        return _Block(frame([head, *parts.values()]).size, head, parts, rows)

    def _width(self, children: Sequence[int], sizes: Sequence[Size]) -> float:
        """How wide the rows of what is carried are: branches stand side by side, leaves below each other."""
        total = sum(size.width + self._gap for size in sizes)
        if any(self._children[child] for child in children):
            return total if total <= _WIDEST else good_width(sizes, self._gap)
        return self._node.width if len(children) <= _COLUMN else good_width(sizes, self._gap)

    # --- places

    def boxes(self) -> dict[int, Box]:
        """Where each node stands."""
        parts = [self._arranged(part) for part in self._parts]
        if not parts:
            return {}
        sizes = [frame(part.values()).size for part in parts]
        gap = self._gap * 1.5
        corners = in_rows(sizes, good_width(sizes, gap), gap)
        found = {
            guid: box.moved(corner.x, corner.y)
            for part, corner in zip(parts, corners, strict=True)
            for guid, box in part.items()
        }
        for guid in self._downwards():
            block, corner = self._blocks[guid], found[guid]
            found |= {child: box.moved(corner.x, corner.y) for child, box in block.parts.items()}
            found[guid] = block.head.moved(corner.x, corner.y)
        return found

    def _arranged(self, part: list[int]) -> dict[int, Box]:
        """The blocks of what hangs together."""
        sizes = {guid: self._blocks[guid].size for guid in part}
        graph = self._roots.subgraph(part)
        if len(part) > 1 and not _is_line(graph):
            return spread(graph, sizes, self._gap * 1.5)
        width = good_width(list(sizes.values()), self._gap)
        placed = in_rows(list(sizes.values()), width, self._gap, snake=True)
        return dict(zip(part, placed, strict=True))

    # --- lines

    def buses(self, boxes: Mapping[int, Box]) -> Iterator[Track]:
        """The lines from each carrier to what it carries. They cross nothing."""
        for guid, block in self._blocks.items():
            wired = [[child for child in row if self._graph.has_edge(guid, child)] for row in block.rows]
            yield from _bus(boxes[guid], [[boxes[child] for child in row] for row in wired])

    def wires(self, boxes: Mapping[int, Box]) -> Iterator[Track]:
        """The lines of all other connections."""
        for one, two in sorted(self._graph.edges):
            if self._carriers.get(one) != two and self._carriers.get(two) != one:
                free = self._stands_alone(one) and self._stands_alone(two)
                yield (boxes[one].center, boxes[two].center) if free else _bow(boxes[one], boxes[two])

    def _stands_alone(self, guid: int) -> bool:
        return guid not in self._carriers and not self._children[guid]


def _bow(one: Box, two: Box) -> Track:
    """A line that leaves and enters at the sides: above and below there may be what is carried by the same."""
    if one.right < two.x:
        x, out, to_x, to_out = one.right, 1, two.x, -1
    elif two.right < one.x:
        x, out, to_x, to_out = one.x, -1, two.right, 1
    else:
        x, out, to_x, to_out = one.x, -1, two.x, -1
    y, to_y = one.center[1], two.center[1]
    reach = max(_INDENT, abs(to_x - x) / 3)
    corners = ((x, y), (x + out * reach, y), (to_x + to_out * reach, to_y), (to_x, to_y))
    return tuple(_bezier(corners, step / _STEPS) for step in range(_STEPS + 1))


def _bezier(corners: Sequence[Point], share: float) -> Point:
    """The point on a cubic Bézier curve after that share of it."""
    weights = [math.comb(3, k) * share**k * (1 - share) ** (3 - k) for k in range(4)]
    x, y = (sum(weight * corner[axis] for weight, corner in zip(weights, corners, strict=True)) for axis in (0, 1))
    return x, y


def _bus(head: Box, rows: Sequence[Sequence[Box]]) -> Iterator[Track]:
    """The lines from a box to those that it carries."""
    if len(rows) == 1:
        for box in rows[0]:
            x, y = box.center[0], box.y - _DROP
            yield (head.center[0], head.bottom), (head.center[0], y), (x, y), (x, box.y)
        return
    trunk = head.x + _INDENT / 2
    is_column = all(len(row) == 1 for row in rows)
    for box in (box for row in rows for box in row):
        x, y = (box.x, box.center[1]) if is_column else (box.center[0], box.y - _DROP)
        yield (trunk, head.bottom), (trunk, y), (x, y), (x, y if is_column else box.y)


def _by_row(guids: Sequence[int], placed: Sequence[Box]) -> list[list[int]]:
    rows: dict[float, list[int]] = {}
    for guid, box in zip(guids, placed, strict=True):
        rows.setdefault(box.y, []).append(guid)
    return list(rows.values())


# --- graphs -----------------------------------------------------------------------------------------------------


def _carriers(drawing: Drawing, graph: Graph) -> dict[int, int]:
    """By guid, what carries it: the only one that it depends on, or that it is connected to."""
    carriers = {}
    for guid, node in drawing.nodes.items():
        if len(node.depends_on) == 1:
            carriers[guid] = node.depends_on[0]
        elif not node.depends_on and graph.degree[guid] == 1:
            (other,) = graph[guid]
            # The end of a line is a part of it.
            if graph.degree[other] > 2 and guid not in drawing.nodes[other].depends_on:
                carriers[guid] = other
    return carriers


def _is_line(graph: Graph) -> bool:
    return graph.size() == graph.order() - 1 and all(degree <= 2 for _, degree in graph.degree)


def _along(line: Graph) -> list[int]:
    """The nodes of a line, from the end with the lower number on."""
    ends = [guid for guid, degree in line.degree if degree <= 1]
    return list(nx.dfs_preorder_nodes(line, min(ends)))


def _peel(graph: Graph) -> Iterator[tuple[int, int]]:
    """What can be taken off a connected graph, leaf by leaf, each with what it hung from. Of a tree one is left."""
    graph = graph.copy()
    while leaves := sorted(guid for guid, degree in graph.degree if degree == 1):
        for guid in reversed(leaves):
            if graph.degree[guid] == 1:
                (other,) = graph[guid]
                yield guid, other
                graph.remove_node(guid)
