"""From a graph to a network: nodes, links, addresses, and the routes of the shortest paths."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network
from math import asin, cos, radians, sin, sqrt
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast
from unicodedata import normalize

import networkx as nx
from msgspec import Struct, field

from engine.core.errors import ExperimentAborted, UsageError
from engine.netgraph import NetGraph
from engine.rm.base import ResourceManager
from rms.netns.emulation import Emulation
from rms.netns.interface import Interface
from rms.netns.link import Link
from rms.netns.node import Node
from rms.netns.route import Route

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from os import PathLike

    from engine.controller import ExperimentController
    from engine.handles import Guids, Handle
    from engine.netgraph.checks import Nid

    Graph = NetGraph | nx.Graph[Any] | str | PathLike[str]
    Net = IPv4Network | IPv6Network

_Spec = TypeVar("_Spec", bound=ResourceManager)

_NAMES: Final = ("hostname", "label", "Name")
"""Annotations that a node may be called after: ours, what yEd and the Internet Topology Zoo write, and others."""

_RATE: Final = "LinkSpeedRaw"
"""What the Internet Topology Zoo calls the bits per second of a link."""

_WHERE: Final = ("Latitude", "Longitude")
"""What it calls the degrees at which a node is."""

_EARTH: Final = 6_371_000.0  # metres, its mean radius
_IN_FIBRE: Final = 2e8  # metres per second
_LONGEST_NAME: Final = 64


class Network(Struct, frozen=True):
    """What was described for a graph.

    Attributes:
        emulation: what it is all part of.
        nodes: by the node of the graph.
        interfaces: by the node that it is at, and the neighbour that it leads to.
        links: by the edge of the graph, in both directions.
        routes: by the node that it is at, and the neighbour that it leads to.
        addresses: by the node of the graph, without prefixes.
    """

    emulation: Handle
    nodes: dict[Nid, Handle] = field(default_factory=dict)
    interfaces: dict[tuple[Nid, Nid], Handle] = field(default_factory=dict)
    links: dict[tuple[Nid, Nid], Handle] = field(default_factory=dict)
    routes: dict[tuple[Nid, Nid], Handle] = field(default_factory=dict)
    addresses: dict[Nid, list[str]] = field(default_factory=dict)


def bring_up(ec: ExperimentController, graph: Graph | None = None, **options: Any) -> Network:
    """Have the network of a graph run: `describe` it, deploy it, and wait until all of it is there.

    Raises:
        UsageError: see `describe`.
        ExperimentAborted: it could not be built.
    """
    before = set(ec.resources)
    network = describe(ec, graph, **options)
    described = [guid for guid in ec.resources if guid not in before]
    ec.deploy(described)
    if not ec.wait_started(described):
        raise ExperimentAborted([failure for guid in described if (failure := ec.failure(guid)) is not None])
    return network


def describe(
    ec: ExperimentController,
    graph: Graph | None = None,
    *,
    on: Guids | None = None,
    weight: str | None = None,
    distances: bool = False,
) -> Network:
    """Describe the network of a graph: from then on it is deployed like anything else.

    Each node of the graph becomes a node, and each edge a link. A node is called after its annotation ``hostname``, or
    ``label`` as files of yEd and of the Internet Topology Zoo have it, or else as it is in the graph; what no host can
    be called is replaced, and where two have one name the node of the graph is added. A node with several neighbours is
    a router. Annotations that are called as attributes of a node or of a link are its attributes, and ``LinkSpeedRaw``
    is the rate of a link. Edges without addresses get some; routes lead along the shortest paths.

    Args:
        ec: the controller.
        graph: a graph of ours or of networkx, or the path of a GraphML file; by default that of the controller.
        on: the host; by default this machine.
        weight: the annotation of edges that is the length of a path; by default each edge is as long as any other.
        distances: whether links take as long as light in a fibre from the ``Latitude`` and ``Longitude`` of one node to
            those of the other, where both have them and the edge has no ``delay``.

    Raises:
        UsageError: there is no graph, it cannot be read or be a network, some of its edges have addresses and some do
            not, or not all are connected. Nothing was described.
    """
    plan = _Plan(_graph(ec, graph), weight, distances=distances)
    with ec.batch():
        return _describe(ec, plan, on)


def _describe(ec: ExperimentController, plan: _Plan, on: Guids | None) -> Network:
    network = Network(ec.add(Emulation(), on=on), addresses=plan.addresses)
    for nid, node in plan.nodes.items():
        network.nodes[nid] = ec.add(node, on=network.emulation)
    for (nid1, nid2), link in plan.links.items():
        for here, there in ((nid1, nid2), (nid2, nid1)):
            network.interfaces[here, there] = ec.add(plan.interfaces[here, there], on=network.nodes[here])
        ends = [network.interfaces[nid1, nid2], network.interfaces[nid2, nid1]]
        network.links[nid1, nid2] = network.links[nid2, nid1] = ec.add(link, on=ends)
    for (here, there), route in plan.routes.items():
        network.routes[here, there] = ec.add(route, on=network.interfaces[here, there])
    return network


def _graph(ec: ExperimentController, given: Graph | None) -> NetGraph:
    """The graph that is meant, with addresses; one that is given as ours gets them itself."""
    graph = ec.netgraph if given is None else given
    if graph is None:
        raise UsageError("there is no graph to make a network of: give one, or a controller that has one")
    if not isinstance(graph, NetGraph):
        graph = NetGraph(topology=graph)
    without = [edge for edge in graph.edges() if "net" not in graph.edge_annotations(*edge)]
    if len(without) == len(graph.edges()) and without:
        graph.assign_p2p_ips()
    elif without:
        raise UsageError(f"edge {without[0]!r} has no addresses, and others have: give all of them some, or none")
    return graph


class _Plan:
    """All that a graph comes to, before any of it is described: what is wrong with it is found here.

    Args:
        graph: one with addresses.
        weight: see `describe`.
        distances: see `describe`.
    """

    def __init__(self, graph: NetGraph, weight: str | None, *, distances: bool) -> None:
        self._graph = graph
        self._distances = distances
        self.nodes: dict[Nid, Node] = {}
        self.links: dict[tuple[Nid, Nid], Link] = {}
        self.interfaces: dict[tuple[Nid, Nid], Interface] = {}
        self.routes: dict[tuple[Nid, Nid], Route] = {}
        self.addresses: dict[Nid, list[str]] = {nid: [] for nid in graph.nodes()}
        for nid, name in _names(graph).items():
            self.nodes[nid] = _made(Node, f"node {nid!r}", self._of_node(nid, name))
        for nid1, nid2 in graph.edges():
            self.links[nid1, nid2] = _made(Link, f"edge {nid1!r}-{nid2!r}", self._of_link(nid1, nid2))
            for here, there in ((nid1, nid2), (nid2, nid1)):
                self.interfaces[here, there] = self._interface(here, there)
        self._find_routes(weight)

    def _of_node(self, nid: Nid, name: str) -> dict[str, Any]:
        annotations = {key: self._graph.node_annotation(nid, key) for key in self._graph.node_annotations(nid)}
        forwarding = {"forwarding": self._graph.topology.degree(nid) > 1}
        return forwarding | _called_as(Node, annotations) | {"hostname": name}

    def _of_link(self, nid1: Nid, nid2: Nid) -> dict[str, Any]:
        graph = self._graph
        annotations = {key: graph.edge_annotation(nid1, nid2, key) for key in graph.edge_annotations(nid1, nid2)}
        read = {"rate": annotations[_RATE]} if annotations.get(_RATE) else {}
        if self._distances and (metres := self._distance(nid1, nid2)) is not None:
            read["delay"] = metres / _IN_FIBRE
        return read | _called_as(Link, annotations)

    def _distance(self, nid1: Nid, nid2: Nid) -> float | None:
        """Metres between two nodes, along a great circle; None if one of them is nowhere."""
        graph = self._graph
        if any(name not in graph.node_annotations(nid) for nid in (nid1, nid2) for name in _WHERE):
            return None
        here, there = ([radians(float(graph.node_annotation(nid, name))) for name in _WHERE] for nid in (nid1, nid2))
        across = [sin((one - other) / 2) ** 2 for one, other in zip(here, there, strict=True)]
        return 2 * _EARTH * asin(sqrt(min(1.0, across[0] + cos(here[0]) * cos(there[0]) * across[1])))

    def _interface(self, here: Nid, there: Nid) -> Interface:
        info = self._graph.get_p2p_info(here, there)
        name = f"eth{len(self.addresses[here])}"
        self.addresses[here].append(info.ip1)
        return Interface(name=name, addresses=[f"{info.ip1}/{info.prefix}"])

    def _find_routes(self, weight: str | None) -> None:
        info = {edge: self._graph.get_p2p_info(*edge) for edge in self.links}
        networks = {edge: ip_network(f"{each.network}/{each.prefix}") for edge, each in info.items()}
        length = {edge: self._length(*edge, weight) for edge in self.links}
        length |= {(nid2, nid1): it for (nid1, nid2), it in length.items()}
        for nid in self.nodes:
            lengths, paths = _shortest(self._graph.topology, nid, length)
            found: dict[Nid, list[Net]] = defaultdict(list)
            for edge, network in networks.items():
                if nid not in edge:
                    found[paths[min(edge, key=lengths.__getitem__)][1]].append(network)
            for neighbour, behind in found.items():
                via = self._graph.get_p2p_info(neighbour, nid).ip1
                self.routes[nid, neighbour] = Route(destination=_put_together(behind), via=via)

    def _length(self, nid1: Nid, nid2: Nid, weight: str | None) -> float:
        if weight is None or weight not in self._graph.edge_annotations(nid1, nid2):
            return 1
        length = self._graph.edge_annotation(nid1, nid2, weight)
        if isinstance(length, bool) or not isinstance(length, int | float) or not length >= 0:
            raise UsageError(f"edge {nid1!r}-{nid2!r}: its {weight} is {length!r}; a length is a number, 0 or more")
        return length


def _names(graph: NetGraph) -> dict[Nid, str]:
    """What each node is called, each by another name."""
    wanted = {nid: _name(graph, nid) for nid in graph.nodes()}
    often = Counter(wanted.values())
    return {nid: name if often[name] == 1 else _host_name(f"{name}-{nid}") for nid, name in wanted.items()}


def _name(graph: NetGraph, nid: Nid) -> str:
    for key in _NAMES:
        if key in graph.node_annotations(nid) and (name := _host_name(str(graph.node_annotation(nid, key)))):
            return name
    return _host_name(nid) if isinstance(nid, str) else f"n{nid}"


def _host_name(text: str) -> str:
    """What a host can be called that is nearest to a text."""
    plain = normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9.]+", "-", plain)[:_LONGEST_NAME].strip("-.")


def _called_as(rtype: type[ResourceManager], annotations: Mapping[str, Any]) -> dict[str, Any]:
    """Those annotations that are called as attributes of a type."""
    names = set(rtype.declared()) - set(ResourceManager.declared())
    return {name: value for name, value in annotations.items() if name in names}


def _made(rtype: type[_Spec], where: str, attributes: Mapping[str, Any]) -> _Spec:
    try:
        return rtype(**attributes)
    except UsageError as error:
        raise UsageError(f"{where}: {error}") from error


def _shortest(
    topology: nx.Graph[Any], nid: Nid, length: Mapping[tuple[Nid, Nid], float]
) -> tuple[dict[Nid, float], dict[Nid, list[Nid]]]:
    """How far it is from a node to each, and by which ways."""
    found = nx.single_source_dijkstra(topology, nid, weight=lambda one, two, _: length[one, two])
    return cast("tuple[dict[Nid, float], dict[Nid, list[Nid]]]", found)


def _put_together(networks: Iterable[Net]) -> list[str]:
    """Networks as text, with those in one that are one behind the other."""
    return [str(it) for version in (4, 6) for it in _collapsed(networks, version)]


def _collapsed(networks: Iterable[Net], version: int) -> Iterator[Net]:
    return collapse_addresses([it for it in networks if it.version == version])  # type: ignore[type-var]  # of one kind
