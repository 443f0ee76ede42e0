"""Graphs of networkx and GraphML files, as the plain values of `NetGraph.to_dict`, and back into a file.

GraphML knows text, numbers and truth values, and node ids that are text. So that everything else comes back as it was,

* a list, a dict, None, and what XML or networkx would not give back are written as JSON; ``:json`` at the end of the
  name says so;
* what belongs to the whole graph is one entry of it, ``netreel``, which also lists the ids that look like a number but
  are text. In a file without that entry all ids are text.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import ParseError

import networkx as nx

from engine.core.errors import UsageError
from engine.netgraph.checks import fields, listed, twin
from engine.netgraph.plain import plain_edge

if TYPE_CHECKING:
    from collections.abc import Mapping
    from os import PathLike

    Path = str | PathLike[str]

_HEADER: Final = "netreel"
_JSON: Final = ":json"
_TAKEN: Final = {"self", "node_for_adding"}
"""Names that networkx cannot read, as it hands them over as keywords beside parameters that are called so."""

_UNREADABLE: Final = (
    OSError,
    EOFError,
    ParseError,
    nx.NetworkXException,
    LookupError,
    ValueError,
    TypeError,
    AttributeError,
    RecursionError,
)
"""What networkx raises for a file that is not there or no GraphML."""


def from_networkx(graph: nx.Graph[Any]) -> dict[str, Any]:
    """A graph of networkx as plain values.

    Edges have no direction: what leads there and back in a directed graph, with the same annotations, is one edge.
    Tuples become lists. Annotations of the graph itself are not kept.

    Raises:
        UsageError: two nodes are linked twice.
    """
    edges: dict[frozenset[Any], tuple[Any, Any, dict[Any, Any]]] = {}
    for nid1, nid2, values in graph.edges(data=True):
        *_, first = edges.setdefault(frozenset((nid1, nid2)), (nid1, nid2, values))
        if first is not values and (graph.is_multigraph() or first != values):
            raise UsageError(
                f"topology: there is more than one edge between {nid1!r} and {nid2!r}; "
                f"keep one of them, for example with networkx.Graph(graph)"
            )
    return {
        "topo_type": "adhoc",
        "seed": None,
        "nodes": [{"nid": nid, "annotations": _plain(values)} for nid, values in graph.nodes(data=True)],
        "edges": [
            {"nid1": nid1, "nid2": nid2, "annotations": plain_edge(_plain(values))}
            for nid1, nid2, values in edges.values()
        ],
    }


def _plain(annotations: Mapping[Any, Any]) -> dict[Any, Any]:
    return {name: list(value) if type(value) is tuple else value for name, value in annotations.items()}


def read_graphml(path: Path) -> dict[str, Any]:
    """A GraphML file, from any program, as plain values.

    Raises:
        UsageError: it cannot be read, or two nodes are linked twice in it.
    """
    try:
        graph: nx.Graph[str] = nx.read_graphml(path)
        header = json.loads(graph.graph.get(_HEADER, "null"))
        _decode_all(graph)
    except _UNREADABLE as error:
        raise UsageError(f"it cannot be read; give a file in GraphML. {type(error).__name__}: {error}") from error
    if header is None:
        return from_networkx(graph)
    topo_type, seed, text_ids = fields(header, f"its entry {_HEADER!r}", "topo_type", "seed", "text_ids")
    texts = listed(text_ids, f"its entry {_HEADER!r}: text_ids")
    return from_networkx(_with_numbers(graph, texts)) | {"topo_type": topo_type, "seed": seed}


def _with_numbers(graph: nx.Graph[str], text_ids: list[Any]) -> nx.Graph[Any]:
    """Make numbers of the ids that are numbers."""
    texts = {nid for nid in text_ids if isinstance(nid, str)}
    numbers = {nid: twin(nid) for nid in graph if nid not in texts and twin(nid) is not None}
    return nx.relabel_nodes(graph, numbers)


def write_graphml(data: Mapping[str, Any], path: Path) -> None:
    """Write the plain values of a graph as GraphML."""
    nids = [node["nid"] for node in data["nodes"]]
    texts = [nid for nid in nids if isinstance(nid, str) and twin(nid) is not None]
    header = {"topo_type": data["topo_type"], "seed": data["seed"], "text_ids": texts}
    graph: nx.Graph[str] = nx.Graph()
    graph.graph[_HEADER] = json.dumps(header)
    graph.add_nodes_from((str(node["nid"]), _encoded(node["annotations"])) for node in data["nodes"])
    graph.add_edges_from(
        (str(edge["nid1"]), str(edge["nid2"]), _encoded(edge["annotations"])) for edge in data["edges"]
    )
    nx.write_graphml_xml(graph, path)


def _encoded(annotations: Mapping[str, Any]) -> dict[str, Any]:
    return dict(
        (name, value) if _is_simple(name, value) else (name + _JSON, json.dumps(value))
        for name, value in annotations.items()
    )


def _is_simple(name: str, value: Any) -> bool:
    """Whether GraphML has a type for it, and it is read as it was written."""
    is_simple = value.isprintable() if isinstance(value, str) else isinstance(value, int | float)
    return is_simple and name not in _TAKEN and not name.endswith(_JSON)


def _decode_all(graph: nx.Graph[str]) -> None:
    """Undo `_encoded`, and fill in the defaults of the file, which networkx leaves to its callers."""
    for _, values in graph.nodes(data=True):
        _decode(values, graph.graph.get("node_default", {}))
    for _, _, values in graph.edges(data=True):
        _decode(values, graph.graph.get("edge_default", {}))


def _decode(annotations: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    read = {**defaults, **annotations}
    annotations.clear()
    for name, value in read.items():
        annotations[name.removesuffix(_JSON)] = json.loads(value) if name.endswith(_JSON) else value
