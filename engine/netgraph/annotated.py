"""Nodes, edges, and what is noted on them."""

from __future__ import annotations

from copy import deepcopy
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

import networkx as nx

from engine.core.errors import UsageError, nearest
from engine.netgraph.addresses import P2PInfo, checked_address, checked_info
from engine.netgraph.checks import NET_FIELDS, Nid, check_annotation, check_nid, twin

if TYPE_CHECKING:
    from collections.abc import Iterable

_OWN_NODE_ANNOTATIONS: Final = {"ips": "annotate_node_ip", "source": "set_source", "target": "set_target"}
_OWN_EDGE_ANNOTATIONS: Final = {"net": "annotate_edge_net"}
"""Annotations that have a meaning here, and what writes them."""


class AnnotatedGraph:
    """A graph whose edges have no direction, and whose nodes and edges carry annotations.

    Nodes and edges keep the order in which they came, and everything that depends on an order depends on this one. So
    the same calls make the same graph in any process.

    Annotations are values that JSON knows, under names that can be printed. Four of them have a meaning: ``ips``,
    ``source`` and ``target`` of a node and ``net`` of an edge, each of which has methods of its own.
    """

    def __init__(self) -> None:
        self._graph: nx.Graph[Nid] = nx.Graph()

    @property
    def topology(self) -> nx.Graph[Nid]:
        """The graph itself, for the functions of networkx. What changes it are the methods here: they check."""
        return self._graph

    @property
    def order(self) -> int:
        """How many nodes there are."""
        return self._graph.order()

    def nodes(self) -> list[Nid]:
        """The nodes, in the order in which they came."""
        return list(self._graph.nodes())

    def edges(self) -> list[tuple[Nid, Nid]]:
        """The edges, each with the earlier of its nodes first, in the order of these."""
        return list(self._graph.edges())

    def add_node(self, nid: Nid) -> None:
        """Add a node; one that is there already stays as it is.

        Raises:
            UsageError: nothing can have this id: it is neither a number nor a text that can be printed, or reads like
                another node's.
        """
        self._check_free(nid)
        self._graph.add_node(nid)

    def add_edge(self, nid1: Nid, nid2: Nid) -> None:
        """Add an edge, and those of its two nodes that are not there yet; one that is there already stays as it is.

        Raises:
            UsageError: see `add_node`; or the two are one.
        """
        for nid in (nid1, nid2):
            self._check_free(nid)
        if str(nid1) == str(nid2):
            raise UsageError(f"edge {nid1!r}-{nid2!r}: both ends read the same; give two different nodes")
        self._graph.add_edge(nid1, nid2)

    def _check_free(self, nid: Nid) -> None:
        """Refuse an id that can name no node, or reads like another node's: in files and messages they would be one."""
        check_nid(nid)
        other = twin(nid)
        if other in self._graph:
            raise UsageError(f"node {nid!r} reads the same as node {other!r}, which is there; take another id")

    def _node(self, nid: Nid) -> dict[str, Any]:
        if type(nid) not in (int, str) or nid not in self._graph:
            raise UsageError(f"there is no node {nid!r}; {self._some_nodes()}")
        return self._graph.nodes[nid]

    def _edge(self, nid1: Nid, nid2: Nid) -> dict[str, Any]:
        self._node(nid1)
        self._node(nid2)
        if not self._graph.has_edge(nid1, nid2):
            others = _some(self._graph[nid1])
            raise UsageError(f"there is no edge {nid1!r}-{nid2!r}; the neighbours of {nid1!r} are: {others}")
        return self._graph.edges[nid1, nid2]

    def _some_nodes(self) -> str:
        return f"the nodes are: {_some(self._graph)}"

    # -- annotations of nodes

    def annotate_node(self, nid: Nid, name: str, value: Any) -> None:
        """Annotate a node. A value that was there under this name is replaced.

        Raises:
            UsageError: there is no such node, or this is no annotation.
        """
        node = self._node(nid)
        check_annotation(name, value, f"annotation {name!r} of node {nid!r}", _OWN_NODE_ANNOTATIONS)
        node[name] = deepcopy(value)

    def node_annotation(self, nid: Nid, name: str) -> Any:
        """An annotation of a node; None if it has none of this name."""
        return deepcopy(self._node(nid).get(name))

    def node_annotations(self, nid: Nid) -> list[str]:
        """The names of a node's annotations."""
        return list(self._node(nid))

    def del_node_annotation(self, nid: Nid, name: str) -> None:
        """Remove an annotation from a node.

        Raises:
            UsageError: there is no such node, or it has no annotation of this name.
        """
        _remove(self._node(nid), name, f"node {nid!r}")

    def annotate_node_ip(self, nid: Nid, ip: str) -> None:
        """Give a node an address, in addition to those that it has.

        Raises:
            UsageError: there is no such node, or it is no address of IPv4 or IPv6.
        """
        node = self._node(nid)
        address = checked_address(ip, f"node {nid!r}")
        ips = node.setdefault("ips", [])
        if address not in ips:
            ips.append(address)

    def node_ip_annotations(self, nid: Nid) -> list[str]:
        """The addresses of a node, in the order in which it got them."""
        return list(self._node(nid).get("ips", ()))

    # -- annotations of edges

    def annotate_edge(self, nid1: Nid, nid2: Nid, name: str, value: Any) -> None:
        """Annotate an edge. A value that was there under this name is replaced.

        Raises:
            UsageError: there is no such edge, or this is no annotation.
        """
        edge = self._edge(nid1, nid2)
        check_annotation(name, value, f"annotation {name!r} of edge {nid1!r}-{nid2!r}", _OWN_EDGE_ANNOTATIONS)
        edge[name] = deepcopy(value)

    def edge_annotation(self, nid1: Nid, nid2: Nid, name: str) -> Any:
        """An annotation of an edge; None if it has none of this name."""
        return deepcopy(self._edge(nid1, nid2).get(name))

    def edge_annotations(self, nid1: Nid, nid2: Nid) -> list[str]:
        """The names of an edge's annotations."""
        return list(self._edge(nid1, nid2))

    def del_edge_annotation(self, nid1: Nid, nid2: Nid, name: str) -> None:
        """Remove an annotation from an edge.

        Raises:
            UsageError: there is no such edge, or it has no annotation of this name.
        """
        _remove(self._edge(nid1, nid2), name, f"edge {nid1!r}-{nid2!r}")

    def annotate_edge_net(self, nid1: Nid, nid2: Nid, ip1: str, ip2: str, mask: str, network: str, prefix: int) -> None:
        """Say which subnet an edge is, and which address each of its ends has. The nodes are not given these addresses.

        Raises:
            UsageError: there is no such edge, or the addresses do not fit together.
        """
        edge = self._edge(nid1, nid2)
        info = checked_info(P2PInfo(ip1, ip2, mask, network, prefix), f"edge {nid1!r}-{nid2!r}")
        edge["net"] = {
            nid1: info.ip1,
            nid2: info.ip2,
            "mask": info.mask,
            "network": info.network,
            "prefix": info.prefix,
        }

    def edge_net_annotation(self, nid1: Nid, nid2: Nid) -> dict[Nid, Any]:
        """The addresses of an edge: by node its address, and ``mask``, ``network``, ``prefix``; empty without any."""
        return dict(self._edge(nid1, nid2).get("net", {}))

    def get_p2p_info(self, nid1: Nid, nid2: Nid) -> P2PInfo:
        """The addresses of an edge, those of its ends in the order in which these are named here.

        Raises:
            UsageError: there is no such edge, or it has no addresses.
        """
        net = self.edge_net_annotation(nid1, nid2)
        if not net:
            raise UsageError(f"edge {nid1!r}-{nid2!r} has no addresses; call assign_p2p_ips() or annotate_edge_net()")
        return P2PInfo(net[nid1], net[nid2], *(net[field] for field in NET_FIELDS))

    # -- sources and targets

    def set_source(self, nid: Nid) -> None:
        """Mark a node as a source of traffic."""
        self._node(nid)["source"] = True

    def set_target(self, nid: Nid) -> None:
        """Mark a node as a target of traffic."""
        self._node(nid)["target"] = True

    def is_source(self, nid: Nid) -> bool:
        """Whether a node is marked as a source."""
        return "source" in self._node(nid)

    def is_target(self, nid: Nid) -> bool:
        """Whether a node is marked as a target."""
        return "target" in self._node(nid)

    def sources(self) -> list[Nid]:
        """The nodes that are marked as sources."""
        return list(filter(self.is_source, self._graph))

    def targets(self) -> list[Nid]:
        """The nodes that are marked as targets."""
        return list(filter(self.is_target, self._graph))


def _remove(annotations: dict[str, Any], name: str, where: str) -> None:
    if name not in annotations:
        raise UsageError(f"{where} has no annotation {name!r}; {nearest(str(name), annotations)}")
    del annotations[name]


def _some(nids: Iterable[Nid]) -> str:
    """The first few of them, for a message."""
    first = [repr(nid) for nid in islice(nids, 11)]
    return ", ".join(first if len(first) < 11 else [*first[:10], "…"]) or "none"
