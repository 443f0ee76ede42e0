"""The topologies that can be made, and the sizes that each of them can have."""

from __future__ import annotations

from enum import StrEnum
from itertools import count
from math import isqrt
from typing import TYPE_CHECKING, Any

import networkx as nx

from engine.core.errors import UsageError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable


class TopologyType(StrEnum):
    """How the nodes of a topology are linked."""

    LINEAR = "linear"
    LADDER = "ladder"
    MESH = "mesh"
    TREE = "tree"
    STAR = "star"
    RING = "ring"
    GRID = "grid"
    ADHOC = "adhoc"


def to_type(name: str) -> TopologyType:
    """The topology of that name.

    Raises:
        UsageError: there is none.
    """
    try:
        return TopologyType(name)
    except ValueError:
        raise UsageError(f"topo_type={name!r}: there is no such topology; {nearest(str(name), TopologyType)}") from None


def make(topo_type: TopologyType, node_count: int, branches: int | None = None) -> nx.Graph[Any]:
    """A topology of nodes 0, 1, 2, ….

    Args:
        topo_type: how the nodes are linked.
        node_count: how many nodes there are, at least 1.
        branches: of a STAR, how many arms it has (by default one for each node but the hub); of a TREE, how many
            children a node has (by default 2).

    Raises:
        UsageError: there is none of that size; it says which sizes there are.
    """
    _check_count("node_count", node_count)
    if branches is not None:
        _check_count("branches", branches)
    graph: nx.Graph[Any] = _shape(topo_type, node_count, branches)
    return graph


def _check_count(name: str, value: Any) -> None:
    if type(value) is not int or value < 1:
        raise UsageError(f"{name}={value!r}: give a whole number, at least 1")


def _shape(topo_type: TopologyType, node_count: int, branches: int | None) -> Any:
    """The same for numbers that are checked. Half of what networkx offers for it has no annotations."""
    match topo_type:
        case TopologyType.STAR:
            return _star(node_count, branches)
        case TopologyType.TREE:
            return nx.full_rary_tree(branches or 2, node_count)
        case _ if branches is not None:
            raise UsageError(f"branches={branches}: a {topo_type} has none; only a star and a tree have")
        case TopologyType.LINEAR:
            return nx.path_graph(node_count)
        case TopologyType.LADDER:
            return _ladder(node_count)
        case TopologyType.MESH:
            return nx.complete_graph(node_count)
        case TopologyType.RING:
            return _ring(node_count)
        case TopologyType.GRID:
            return _grid(node_count)
        case TopologyType.ADHOC:
            return nx.empty_graph(node_count)


def _ladder(node_count: int) -> Any:
    _check_size(node_count, "a ladder has two sides of the same length", lambda size: size % 2 == 0)
    return nx.ladder_graph(node_count // 2)


def _ring(node_count: int) -> Any:
    _check_size(node_count, "a ring has at least three nodes", lambda size: size >= 3)
    return nx.cycle_graph(node_count)


def _grid(node_count: int) -> Any:
    """As square as can be, numbered row by row."""
    _check_size(node_count, "a grid has at least two rows and two columns", lambda size: _rows(size) > 1)
    rows = _rows(node_count)
    return nx.convert_node_labels_to_integers(nx.grid_2d_graph(rows, node_count // rows))


def _rows(node_count: int) -> int:
    return next(rows for rows in range(isqrt(node_count), 0, -1) if node_count % rows == 0)


def _star(node_count: int, branches: int | None) -> Any:
    """Node 0 is the hub; the arms are numbered one after the other, each from the hub outwards."""
    if branches is None:
        return nx.star_graph(node_count - 1)
    rule = f"a star of {branches} branches has a hub and as many nodes on each of them"
    _check_size(node_count, rule, lambda size: size > 1 and (size - 1) % branches == 0)
    graph = nx.empty_graph(node_count)
    length = (node_count - 1) // branches
    for first in range(1, node_count, length):
        nx.add_path(graph, [0, *range(first, first + length)])
    return graph


def _check_size(node_count: int, rule: str, fits: Callable[[int], bool]) -> None:
    """Refuse a size that does not fit, and name the nearest that do."""
    if fits(node_count):
        return
    smaller = next(filter(fits, range(node_count - 1, 0, -1)), None)
    larger = next(filter(fits, count(node_count + 1)))
    nearest_sizes = f"the smallest size is {larger}" if smaller is None else f"the nearest are {smaller} and {larger}"
    raise UsageError(f"node_count={node_count}: {rule}; {nearest_sizes}")
