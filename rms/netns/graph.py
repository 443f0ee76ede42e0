"""From a graph to a network: nodes, links, addresses, and the routes of the shortest paths."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from typing import TYPE_CHECKING, Any, Final, cast

import networkx as nx

from engine.core.errors import UsageError
from rms.netns.emulation import Emulation
from rms.netns.interface import Interface
from rms.netns.link import Link
from rms.netns.node import Node
from rms.netns.route import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.controller import ExperimentController
    from engine.handles import Guids, Handle
    from engine.netgraph import NetGraph
    from engine.netgraph.checks import Nid

_OURS: Final = frozenset({"critical", "hard_release"})


@dataclass(frozen=True, slots=True)
class Network:
    """What was described for a graph.

    Attributes:
        emulation: what it is all part of.
        nodes: by the node of the graph.
        interfaces: by the node that it is at, and the neighbour that it leads to.
        links: by the edge of the graph, in both directions.
        routes: by the node that it is at, and the neighbour that it leads to.
    """

    emulation: Handle
    nodes: dict[Nid, Handle] = field(default_factory=dict)
    interfaces: dict[tuple[Nid, Nid], Handle] = field(default_factory=dict)
    links: dict[tuple[Nid, Nid], Handle] = field(default_factory=dict)
    routes: dict[tuple[Nid, Nid], Handle] = field(default_factory=dict)


def describe(
    ec: ExperimentController, graph: NetGraph | None = None, *, on: Guids | None = None, weight: str | None = None
) -> Network:
    """Describe the network of a graph: from then on it is deployed like anything else.

    Each node of the graph becomes a node, called as it is there (a number with an n before it), and each edge a link.
    Annotations of an edge that are called as attributes of a link are its attributes. A node with several neighbours is
    a router. Edges without addresses get some; routes lead along the shortest paths.

    Args:
        ec: the controller.
        graph: by default that of the controller.
        on: the host; by default this machine.
        weight: the annotation of edges that is the length of a path; by default each edge is as long as any other.

    Raises:
        UsageError: there is no graph, some of its edges have addresses and some do not, or not all are connected.
    """
    graph = ec.netgraph if graph is None else graph
    if graph is None:
        raise UsageError("there is no graph to make a network of: give one, or a controller that has one")
    _see_to_addresses(graph)
    network = Network(ec.add(Emulation(), on=on))
    for nid in graph.nodes():
        spec = Node(hostname=nid if isinstance(nid, str) else f"n{nid}", forwarding=graph.topology.degree(nid) > 1)
        network.nodes[nid] = ec.add(spec, on=network.emulation)
    for nid1, nid2 in graph.edges():
        _describe_link(ec, graph, network, nid1, nid2)
    for nid in graph.nodes():
        for neighbour, networks in _routes(graph, nid, weight):
            route = Route(destination=networks, via=_address(graph, neighbour, nid))
            network.routes[nid, neighbour] = ec.add(route, on=network.interfaces[nid, neighbour])
    return network


def _see_to_addresses(graph: NetGraph) -> None:
    without = [edge for edge in graph.edges() if "net" not in graph.edge_annotations(*edge)]
    if len(without) == len(graph.edges()) and without:
        graph.assign_p2p_ips()
    elif without:
        raise UsageError(f"edge {without[0]!r} has no addresses, and others have: give all of them some, or none")


def _describe_link(ec: ExperimentController, graph: NetGraph, network: Network, nid1: Nid, nid2: Nid) -> None:
    ends = []
    for here, there in ((nid1, nid2), (nid2, nid1)):
        number = sum(1 for at, _ in network.interfaces if at == here)
        prefix = graph.get_p2p_info(here, there).prefix
        spec = Interface(name=f"eth{number}", addresses=[f"{_address(graph, here, there)}/{prefix}"])
        ends.append(ec.add(spec, on=network.nodes[here]))
        network.interfaces[here, there] = ends[-1]
    link = ec.add(Link(**_attributes(graph, nid1, nid2)), on=ends)
    network.links[nid1, nid2] = network.links[nid2, nid1] = link


def _attributes(graph: NetGraph, nid1: Nid, nid2: Nid) -> dict[str, Any]:
    """Those annotations of an edge that are attributes of a link."""
    names = set(graph.edge_annotations(nid1, nid2)) & set(Link.declared()) - _OURS
    return {name: graph.edge_annotation(nid1, nid2, name) for name in names}


def _address(graph: NetGraph, nid: Nid, neighbour: Nid) -> str:
    """That of a node on its edge to a neighbour."""
    return graph.get_p2p_info(nid, neighbour).ip1


def _routes(graph: NetGraph, nid: Nid, weight: str | None) -> Iterator[tuple[Nid, list[str]]]:
    """By which neighbour a node reaches which networks, put together where they are one behind the other."""
    found_paths = nx.single_source_dijkstra(graph.topology, nid, weight=weight or _one)
    lengths, paths = cast("tuple[dict[Nid, float], dict[Nid, list[Nid]]]", found_paths)
    found: dict[Nid, list[IPv4Network | IPv6Network]] = defaultdict(list)
    for nid1, nid2 in graph.edges():
        if nid not in (nid1, nid2):
            nearer = min((nid1, nid2), key=lambda it: lengths[it])
            info = graph.get_p2p_info(nid1, nid2)
            found[paths[nearer][1]].append(ip_network(f"{info.network}/{info.prefix}"))
    for neighbour, networks in found.items():
        yield neighbour, [str(it) for version in (4, 6) for it in _together(networks, version)]


def _together(networks: Iterable[IPv4Network | IPv6Network], version: int) -> Iterator[IPv4Network | IPv6Network]:
    return collapse_addresses([it for it in networks if it.version == version])  # type: ignore[type-var]  # of one kind


def _one(*_: object) -> int:
    return 1
