"""A graph as plain values, as `NetGraph.to_dict` gives them, and back. Whatever comes from outside takes this way.

{"topo_type": "linear", "seed": None,
 "nodes": [{"nid": 0, "annotations": {"ips": ["10.0.0.1"], "target": True}}, ...],
 "edges": [{"nid1": 0, "nid2": 1, "annotations": {"net": {"0": "10.0.0.1", "1": "10.0.0.2", "mask": ...}}}, ...]}
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

from engine.core.errors import UsageError
from engine.netgraph.checks import NET_FIELDS, fields, listed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from engine.netgraph.annotated import AnnotatedGraph
    from engine.netgraph.checks import Nid


def from_graph(graph: AnnotatedGraph, topo_type: str, seed: int | None) -> dict[str, Any]:
    """The plain values of a graph."""
    topology = graph.topology
    return {
        "topo_type": topo_type,
        "seed": seed,
        "nodes": [{"nid": nid, "annotations": deepcopy(values)} for nid, values in topology.nodes(data=True)],
        "edges": [
            {"nid1": nid1, "nid2": nid2, "annotations": plain_edge(values)}
            for nid1, nid2, values in topology.edges(data=True)
        ],
    }


def plain_edge(annotations: Mapping[str, Any]) -> dict[str, Any]:
    """The annotations of an edge, with texts in place of the ids in the record of its addresses."""
    plain = deepcopy(dict(annotations))
    if isinstance(plain.get("net"), dict):
        plain["net"] = {str(key): value for key, value in plain["net"].items()}
    return plain


def fill(graph: AnnotatedGraph, nodes: Any, edges: Any) -> None:
    """Enter nodes and edges, given as plain values, in an empty graph.

    Raises:
        UsageError: it says which of them is wrong.
    """
    for index, node in enumerate(listed(nodes, "nodes")):
        _fill_node(graph, node, f"nodes[{index}]")
    for index, edge in enumerate(listed(edges, "edges")):
        _fill_edge(graph, edge, f"edges[{index}]")


def _fill_node(graph: AnnotatedGraph, node: Any, where: str) -> None:
    nid, annotations = fields(node, where, "nid", "annotations")
    if nid in graph.topology:
        raise UsageError(f"{where}: node {nid!r} is there already; list each node once")
    graph.add_node(nid)
    _annotate_node(graph, nid, annotations)


def _fill_edge(graph: AnnotatedGraph, edge: Any, where: str) -> None:
    nid1, nid2, annotations = fields(edge, where, "nid1", "nid2", "annotations")
    for nid in (nid1, nid2):
        if nid not in graph.topology:
            raise UsageError(f"{where}: {nid!r} is none of the nodes; list it among them")
    if graph.topology.has_edge(nid1, nid2):
        raise UsageError(f"{where}: the edge {nid1!r}-{nid2!r} is there already; list each edge once")
    graph.add_edge(nid1, nid2)
    _annotate_edge(graph, nid1, nid2, annotations)


def _annotate_node(graph: AnnotatedGraph, nid: Nid, annotations: Any) -> None:
    for name, value in _named(annotations, f"node {nid!r}").items():
        where = f"annotation {name!r} of node {nid!r}"
        if name == "ips":
            for ip in listed(value, where):
                graph.annotate_node_ip(nid, ip)
        elif name == "source":
            if _is_true(value, where):
                graph.set_source(nid)
        elif name == "target":
            if _is_true(value, where):
                graph.set_target(nid)
        else:
            graph.annotate_node(nid, name, value)


def _annotate_edge(graph: AnnotatedGraph, nid1: Nid, nid2: Nid, annotations: Any) -> None:
    for name, value in _named(annotations, f"edge {nid1!r}-{nid2!r}").items():
        if name == "net":
            where = f"annotation 'net' of edge {nid1!r}-{nid2!r}"
            ip1, ip2, mask, network, prefix = fields(value, where, str(nid1), str(nid2), *NET_FIELDS)
            graph.annotate_edge_net(nid1, nid2, ip1, ip2, mask, network, prefix)
        else:
            graph.annotate_edge(nid1, nid2, name, value)


def _named(annotations: Any, where: str) -> dict[str, Any]:
    if not isinstance(annotations, dict):
        raise UsageError(f"{where}: the annotations are {annotations!r}; give a dict")
    return annotations


def _is_true(value: Any, where: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{where}: {value!r} is no truth value; give True or False, or take another name for it")
    return value
