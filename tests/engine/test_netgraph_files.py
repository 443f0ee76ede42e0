"""Topologies as plain values and as GraphML: what goes out comes back as it was."""

import doctest
import gzip
import json
from contextlib import suppress
from pathlib import Path

import networkx as nx
import pytest
from hypothesis import HealthCheck, given, settings

from engine import UsageError
from engine.core.values import check_plain
from engine.netgraph import NetGraph, TopologyType
from tests.engine.netgraphs import graphs

pytestmark = pytest.mark.slow


def types_of(value):
    """A value with its types, since 1, 1.0 and True are equal."""
    if isinstance(value, dict):
        return {key: types_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [types_of(item) for item in value]
    return type(value), value


@given(graphs())
@settings(max_examples=40)
def test_a_graph_comes_back_from_json_as_it_was(graph):
    with suppress(UsageError):  # one that is in pieces has no addresses
        graph.assign_p2p_ips()
    data = graph.to_dict()
    check_plain(data, "the graph")
    again = NetGraph.from_dict(json.loads(json.dumps(data)))
    assert again == graph
    assert types_of(again.to_dict()) == types_of(data)
    assert again.topology.edges == graph.topology.edges


@given(graphs())
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_graph_comes_back_from_graphml_as_it_was(tmp_path, graph):
    with suppress(UsageError):
        graph.assign_p2p_ips(version=6)
    path = tmp_path / "graph.graphml"
    graph.write_graphml(path)
    again = NetGraph(topology=path)
    assert types_of(again.to_dict()) == types_of(graph.to_dict())


@pytest.mark.parametrize("name", ["self", "node_for_adding", "u_for_edge", "key", "id", "x:json"])
@pytest.mark.parametrize("value", ["", " a ", "\x00\ufffe", "\r\n", "<&>", "1", 1, 1.0, True, None, [], {"a": [1]}])
def test_what_graphml_has_no_place_for_comes_back_from_it(tmp_path, name, value):
    graph = NetGraph(topo_type="linear", node_count=2)
    graph.annotate_node(0, name, value)
    graph.annotate_edge(0, 1, name, value)
    graph.write_graphml(tmp_path / "graph.graphml")
    again = NetGraph(topology=tmp_path / "graph.graphml")
    assert types_of(again.node_annotation(0, name)) == types_of(again.edge_annotation(0, 1, name)) == types_of(value)


@pytest.mark.parametrize("topo_type", TopologyType)
def test_every_topology_comes_back_from_a_compressed_file(tmp_path, topo_type):
    graph = NetGraph(topo_type=topo_type, node_count=12, assign_st=True, seed=3)
    path = str(tmp_path / "graph.graphml.gz")
    graph.write_graphml(path)
    assert gzip.decompress(Path(path).read_bytes()).startswith(b"<?xml")
    assert NetGraph(topology=path) == graph


def test_a_file_of_ours_is_one_for_networkx(tmp_path):
    path = tmp_path / "ring.graphml"
    NetGraph(topo_type="ring", node_count=4).write_graphml(path)
    assert nx.is_isomorphic(nx.read_graphml(path), nx.cycle_graph(4))


def test_a_seed_that_is_given_goes_before_that_of_the_file(tmp_path):
    path = tmp_path / "ring.graphml"
    NetGraph(topo_type="ring", node_count=4, seed=1).write_graphml(path)
    assert NetGraph(topology=path, seed=2).to_dict()["seed"] == 2


FOREIGN = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="k0" for="node" attr.name="label" attr.type="string"/>
  <key id="k1" for="node" attr.name="Longitude" attr.type="double"/>
  <key id="k2" for="edge" attr.name="speed" attr.type="int"><default>10</default></key>
  <graph edgedefault="{direction}">
    <node id="0"><data key="k0">Oslo</data><data key="k1">10.75</data></node>
    <node id="1"><data key="k0">Bergen</data></node>
    <edge id="e0" source="0" target="1"/>
    {more}
  </graph>
</graphml>"""


@pytest.mark.parametrize("direction", ["directed", "undirected"])
def test_a_file_of_another_program(tmp_path, direction):
    path = tmp_path / "map.graphml"
    more = '<node id="2"/><edge source="1" target="2"><data key="k2">40</data></edge>'
    path.write_text(FOREIGN.format(direction=direction, more=more))
    graph = NetGraph(topology=path, assign_ips=True, assign_st=True)
    assert graph.edges() == [("0", "1"), ("1", "2")]
    assert graph.topo_type is TopologyType.ADHOC
    assert graph.node_annotation("0", "Longitude") == 10.75
    assert graph.node_annotation("1", "label") == "Bergen"
    assert [graph.edge_annotation(*edge, "speed") for edge in graph.edges()] == [10, 40]
    assert graph.edge_annotation("0", "1", "id") == "e0"
    assert graph.targets() == ["0"]


HEADER = """<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key id="k" for="graph" attr.name="netreel" attr.type="string"/>
  <graph edgedefault="undirected"><data key="k">{}</data></graph>
</graphml>"""

BROKEN = {
    "two edges": (
        FOREIGN.format(direction="undirected", more='<edge source="1" target="0"/>'),
        "more than one edge between '0' and '1'",
    ),
    "hyperedge": (FOREIGN.format(direction="undirected", more="<hyperedge/>"), "doesn't support hyperedges"),
    "unknown key": (
        FOREIGN.format(direction="undirected", more='<data key="k9">1</data>'),
        "no key k9",
    ),
    "no number": (FOREIGN.format(direction="undirected", more="").replace("10.75", "east"), "ValueError"),
    "cut short": (FOREIGN[:300], "ParseError"),
    "no xml": ("0 1\n1 2\n", "ParseError"),
    "no graph": ("<html/>", "NetworkXError"),
    "header": (HEADER.format("[1]"), r"its entry 'netreel': \[1\] is no dict"),
    "half a header": (HEADER.format("{}"), "its entry 'netreel' has no 'topo_type'"),
    "ids": (HEADER.format('{"topo_type": "ring", "seed": null, "text_ids": 5}'), "text_ids: 5 is no list"),
    "topology": (HEADER.format('{"topo_type": "rin", "seed": null, "text_ids": []}'), "did you mean ring"),
    "mark": (FOREIGN.format(direction="undirected", more="").replace("label", "source"), "'Oslo' is no truth value"),
}


@pytest.mark.parametrize(("content", "message"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_is_no_such_graph_is_told_with_its_path(tmp_path, content, message):
    path = tmp_path / "broken.graphml"
    path.write_text(content)
    with pytest.raises(UsageError, match=rf"broken\.graphml.*({message})"):
        NetGraph(topology=path)


def test_a_file_that_is_not_there_is_told():
    with pytest.raises(UsageError, match=r"nowhere\.graphml: it cannot be read; .*FileNotFoundError"):
        NetGraph(topology="nowhere.graphml")


def changed(**changes):
    return NetGraph(topo_type="linear", node_count=2, assign_ips=True, assign_st=True).to_dict() | changes


def node(**annotations):
    return changed(nodes=[{"nid": 0, "annotations": annotations}], edges=[])


def edge(nid1, nid2, **annotations):
    return changed(edges=[{"nid1": nid1, "nid2": nid2, "annotations": annotations}])


BAD_DATA = {
    "no dict": ([], r"netgraph: \[\] is no dict; give one with topo_type, seed, nodes, edges"),
    "nothing": ({}, "netgraph has no 'topo_type'"),
    "more": (changed(node=[]), "netgraph has an unknown 'node'; did you mean nodes"),
    "type": (changed(topo_type="square"), "'square': there is no such topology"),
    "type of type": (changed(topo_type=[]), "there is no such topology"),
    "seed": (changed(seed=1.5), "seed=1.5"),
    "nodes": (changed(nodes={}), "nodes: {} is no list"),
    "node": (changed(nodes=[5]), r"nodes\[0\]: 5 is no dict"),
    "node without id": (changed(nodes=[{"annotations": {}}]), r"nodes\[0\] has no 'nid'"),
    "node twice": (changed(nodes=[{"nid": 0, "annotations": {}}] * 2), r"nodes\[1\]: node 0 is there already"),
    "list as id": (changed(nodes=[{"nid": [], "annotations": {}}]), "a list cannot name a node"),
    "annotations": (changed(nodes=[{"nid": 0, "annotations": []}]), r"node 0: the annotations are \[\]; give a dict"),
    "source": (node(source="yes"), "annotation 'source' of node 0: 'yes' is no truth value"),
    "target": (node(target=1), "annotation 'target' of node 0: 1 is no truth value"),
    "ips": (node(ips="10.0.0.1"), "annotation 'ips' of node 0: '10.0.0.1' is no list"),
    "ip": (node(ips=["10"]), "node 0: '10' is no IP address"),
    "value": (node(a=(1,)), "annotation 'a' of node 0: a tuple cannot be logged"),
    "edges": (changed(edges=None), "edges: None is no list"),
    "edge of no node": (edge(0, 7), r"edges\[0\]: 7 is none of the nodes"),
    "edge of a list": (edge(0, []), r"edges\[0\]: \[\] is none of the nodes"),
    "edge twice": (changed(edges=changed()["edges"] * 2), r"edges\[1\]: the edge 0-1 is there already"),
    "loop": (edge(1, 1), "edge 1-1: both ends read the same"),
    "net": (edge(0, 1, net=[]), r"annotation 'net' of edge 0-1: \[\] is no dict"),
    "half a net": (edge(0, 1, net={"0": "10.0.0.1"}), "annotation 'net' of edge 0-1 has no '1'"),
}


@pytest.mark.parametrize(("data", "message"), BAD_DATA.values(), ids=BAD_DATA)
def test_plain_values_that_are_no_graph_are_told_with_their_place(data, message):
    with pytest.raises(UsageError, match=message):
        NetGraph.from_dict(data)


def test_plain_values_are_a_copy():
    graph = NetGraph(topo_type="linear", node_count=2, assign_ips=True)
    data = graph.to_dict()
    again = NetGraph.from_dict(data)
    data["nodes"][0]["annotations"]["ips"].clear()
    data["edges"][0]["annotations"]["net"].clear()
    assert again == graph


def test_the_examples_of_the_documentation():
    page = Path(__file__).parents[2] / "docs" / "topologies.md"
    assert doctest.testfile(str(page), module_relative=False, encoding="utf-8").failed == 0


def test_the_documentation_has_every_topology():
    page = (Path(__file__).parents[2] / "docs" / "topologies.md").read_text("utf-8")
    assert [name for name in TopologyType if f"| `{name}` |" not in page] == []
