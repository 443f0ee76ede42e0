"""Graphs become networks: nodes, links, addresses and routes."""

import networkx
import pytest

from engine import NetGraph, TopologyType, UsageError
from rms.linux.ping import Ping
from rms.netns.graph import bring_up, describe

pytestmark = pytest.mark.slow


@pytest.fixture
def described(ec):
    """Describes the network of a graph, and deploys nothing."""

    def described(graph, **options):
        made = ec("exp")
        return made, describe(made, graph, **options)

    return described


def routes(ec, network, nid):
    """What a node has been given: destinations, by the neighbour that they are reached by."""
    return {
        neighbour: ec.get(route, "destination") for (here, neighbour), route in network.routes.items() if here == nid
    }


def test_a_row_of_nodes_has_routes_both_ways_that_are_put_together(described):
    ec, network = described(NetGraph(topo_type=TopologyType.LINEAR, node_count=5))
    assert [ec.get(node, "hostname") for node in network.nodes.values()] == ["n0", "n1", "n2", "n3", "n4"]
    assert [ec.get(node, "forwarding") for node in network.nodes.values()] == [False, True, True, True, False]
    assert ec.get(network.interfaces[1, 2], "addresses") == ["10.0.0.5/30"]
    assert ec.get(network.interfaces[1, 2], "name") == "eth1"
    assert routes(ec, network, 0) == {1: ["10.0.0.4/30", "10.0.0.8/29"]}
    assert routes(ec, network, 2) == {1: ["10.0.0.0/30"], 3: ["10.0.0.12/30"]}
    assert ec.get(network.routes[2, 3], "via") == "10.0.0.10"


def test_the_shortest_path_is_that_of_the_weights(described):
    triangle = networkx.Graph()
    triangle.add_edge("a", "b", cost=10)
    triangle.add_edge("b", "c", cost=1)
    triangle.add_edge("a", "c", cost=1)
    ec, network = described(NetGraph(topology=triangle), weight="cost")
    assert list(routes(ec, network, "a")) == ["c"]
    assert network.links["a", "c"] == network.links["c", "a"]


def test_a_graph_without_edges_is_a_node(described):
    _ec, network = described(NetGraph(topo_type="linear", node_count=1))
    assert list(network.nodes) == [0]
    assert network.links == {}


def test_a_graph_of_which_a_part_has_addresses_is_refused_before_anything_is_described(ec):
    graph = NetGraph(topo_type="linear", node_count=2, assign_ips=True)
    graph.add_edge(1, 7)
    made = ec("exp")
    with pytest.raises(UsageError, match="has no addresses, and others have"):
        describe(made, graph)
    assert made.resources == []


def test_without_a_graph_there_is_nothing_to_describe(ec):
    with pytest.raises(UsageError, match="there is no graph"):
        describe(ec("exp"))


@pytest.mark.slow
@pytest.mark.parametrize("version", [4, 6])
def test_all_corners_of_a_grid_reach_each_other(network, version):
    net = network(topo_type="grid", node_count=6, assign_ips=True, version=version)
    made = describe(net.ec)
    pings = []
    for nid, other in ((0, 5), (5, 0), (2, 3)):
        target = net.ec.netgraph.node_ip_annotations(other)[0]
        pings.append(net.ec.add(Ping(target=target, count=1), on=made.nodes[nid]))
    net.up()
    assert net.ec.wait_finished(pings, timeout=30), net.failures()
    assert [net.ec.exit_code(each) for each in pings] == [0, 0, 0]


YED = """<?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns" xmlns:y="http://www.yworks.com/xml/graphml">
  <key for="node" id="d6" yfiles.type="nodegraphics"/>
  <key for="edge" id="d7" attr.name="delay" attr.type="double"/>
  <graph edgedefault="directed" id="G">
    <node id="n0"><data key="d6"><y:ShapeNode><y:NodeLabel>Zürich</y:NodeLabel>
      </y:ShapeNode></data></node>
    <node id="n1"><data key="d6"><y:ShapeNode><y:NodeLabel>New York</y:NodeLabel></y:ShapeNode></data></node>
    <node id="n2"><data key="d6"><y:ShapeNode><y:NodeLabel>New York</y:NodeLabel></y:ShapeNode></data></node>
    <edge id="e0" source="n0" target="n1"/>
    <edge id="e1" source="n1" target="n2"><data key="d7">0.02</data></edge>
  </graph>
</graphml>
"""
ZOO = """<?xml version="1.0" encoding="utf-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns">
  <key attr.name="LinkSpeedRaw" attr.type="double" for="edge" id="d36"/>
  <key attr.name="Latitude" attr.type="double" for="node" id="d29"/>
  <key attr.name="Longitude" attr.type="double" for="node" id="d32"/>
  <key attr.name="Country" attr.type="string" for="node" id="d30"/>
  <key attr.name="label" attr.type="string" for="node" id="d33"/>
  <graph edgedefault="undirected">
    <node id="0"><data key="d29">48.85</data><data key="d32">2.35</data><data key="d33">Paris</data></node>
    <node id="1"><data key="d29">52.52</data><data key="d32">13.40</data><data key="d33">Berlin</data></node>
    <node id="2"><data key="d30">Spain</data><data key="d33">Madrid</data></node>
    <edge source="0" target="1"><data key="d36">1000000000.0</data></edge>
    <edge source="0" target="2"/>
    <edge source="1" target="2"/>
  </graph>
</graphml>
"""


def test_nodes_of_yed_are_called_as_they_are_labelled(described, tmp_path):
    (tmp_path / "lab.graphml").write_text(YED, encoding="utf-8")
    ec, network = described(tmp_path / "lab.graphml")
    assert [ec.get(node, "hostname") for node in network.nodes.values()] == ["Zurich", "New-York-n1", "New-York-n2"]
    assert [ec.get(network.links["n0", "n1"], "delay"), ec.get(network.links["n1", "n2"], "delay")] == [0.0, 0.02]
    assert network.addresses == {"n0": ["10.0.0.1"], "n1": ["10.0.0.2", "10.0.0.5"], "n2": ["10.0.0.6"]}


def test_links_of_the_topology_zoo_have_its_speeds_and_take_as_long_as_they_are(described, tmp_path):
    (tmp_path / "zoo.graphml").write_text(ZOO, encoding="utf-8")
    ec, network = described(tmp_path / "zoo.graphml", distances=True)
    links = [network.links[edge] for edge in (("0", "1"), ("0", "2"), ("1", "2"))]
    assert [ec.get(link, "rate") for link in links] == [1e9, None, None]
    assert [round(ec.get(link, "delay"), 5) for link in links] == [0.00439, 0.0, 0.0]  # 878 km


def test_annotations_that_are_called_as_attributes_are_those(described):
    graph = networkx.Graph()
    graph.add_edge("a", "b", rate=1e6, colour="red")
    graph.add_node("a", forwarding=True, mood="good")
    ec, network = described(graph)
    assert ec.get(network.links["a", "b"], "rate") == 1e6
    assert [ec.get(network.nodes[nid], "forwarding") for nid in "ab"] == [True, False]


@pytest.mark.parametrize(
    ("annotations", "options", "why"),
    [
        ({"delay": -1}, {}, "edge 'a'-'b': netns::Link.delay is at least 0, not -1"),
        ({"km": "far"}, {"weight": "km"}, "edge 'a'-'b': its km is 'far'; a length is a number"),
        ({"km": -1}, {"weight": "km"}, "edge 'a'-'b': its km is -1; a length is a number"),
    ],
)
def test_what_cannot_be_is_named_before_anything_is_described(ec, annotations, options, why):
    graph = networkx.Graph()
    graph.add_edge("a", "b", **annotations)
    made = ec("exp")
    with pytest.raises(UsageError, match=why):
        describe(made, graph, **options)
    assert made.resources == []


@pytest.mark.slow
def test_each_reaches_each_in_a_file_that_is_brought_up_in_one_call(network, tmp_path):
    (tmp_path / "zoo.graphml").write_text(ZOO, encoding="utf-8")
    net = network()
    made = bring_up(net.ec, tmp_path / "zoo.graphml")
    pings = [
        net.ec.add(Ping(target=address, count=1), on=made.nodes[nid])
        for nid in made.nodes
        for other in made.nodes
        for address in made.addresses[other]
    ]
    net.ec.deploy()
    assert net.ec.wait_finished(pings, timeout=60), net.failures()
    assert [net.ec.exit_code(each) for each in pings] == [0] * 18
