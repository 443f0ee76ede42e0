"""An experiment from a topology: its graph, from the keywords of a controller or from the log, and its description."""

from __future__ import annotations

from inspect import signature
from typing import TYPE_CHECKING, Any, Final

from engine.core.errors import UsageError, nearest
from engine.core.events import TopologyDescribed
from engine.core.values import check_plain
from engine.core.world import EXPERIMENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from engine.controller import ExperimentController
    from engine.core.world import World
    from engine.netgraph import NetGraph

_PART: Final = 500
"""How many nodes or edges of a topology go into one event."""


def make(topology: dict[str, Any], own: Iterable[str]) -> NetGraph | None:
    """The graph that these keywords of a controller ask for, beside its `own`; None without any.

    Raises:
        UsageError: one of them is unknown, or no such graph can be made.
    """
    if not topology:
        return None
    from engine.netgraph import NetGraph  # noqa: PLC0415 - networkx takes a tenth of a second, and few need it

    known = {*signature(NetGraph).parameters, *own}
    for name in topology:
        if name not in known:
            raise UsageError(f"a controller has no argument {name!r}; {nearest(name, known)}")
    return NetGraph(**topology)


def describe(
    ec: ExperimentController,
    netgraph: NetGraph,
    add_node: Callable[[ExperimentController, Any], object] | None,
    add_edge: Callable[[ExperimentController, Any, Any], object] | None,
) -> None:
    """Have the user's functions describe what is at each node, and then what is at each edge, in a batch."""
    with ec.batch():
        if add_node is not None:
            for nid in netgraph.nodes():
                add_node(ec, nid)
        if add_edge is not None:
            for nid1, nid2 in netgraph.edges():
                add_edge(ec, nid1, nid2)


def to_events(netgraph: NetGraph) -> list[TopologyDescribed]:
    """What the log keeps of a graph, in parts.

    Raises:
        UsageError: an annotation is no plain value, or too large for the log.
    """
    data = netgraph.to_dict()
    nodes, edges = data.pop("nodes"), data.pop("edges")
    parts = [{**data, "nodes": [], "edges": []}]
    parts += [{"nodes": nodes[at : at + _PART], "edges": []} for at in range(0, len(nodes), _PART)]
    parts += [{"nodes": [], "edges": edges[at : at + _PART]} for at in range(0, len(edges), _PART)]
    for part in parts:
        check_plain(part, "the topology")
    return [TopologyDescribed(EXPERIMENT, part) for part in parts]


def recorded(world: World) -> NetGraph | None:
    """The graph that the log has, if there is one."""
    if not world.topology:
        return None
    from engine.netgraph import NetGraph  # noqa: PLC0415 - as above

    nodes = [node for part in world.topology for node in part["nodes"]]
    edges = [edge for part in world.topology for edge in part["edges"]]
    return NetGraph.from_dict({**world.topology[0], "nodes": nodes, "edges": edges})
