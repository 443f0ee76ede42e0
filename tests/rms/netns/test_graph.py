"""Graphs become networks: nodes, links, addresses and routes."""

import networkx
import pytest

from engine import NetGraph, TopologyType, UsageError
from rms.linux.ping import Ping
from rms.netns.graph import describe


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


@pytest.mark.slow
def test_a_graphml_file_becomes_a_network(network, tmp_path):
    graph = networkx.Graph()
    graph.add_edge("paris", "lyon")
    graph.add_edge("lyon", "nice")
    networkx.write_graphml(graph, tmp_path / "france.graphml")
    net = network(topology=tmp_path / "france.graphml", assign_ips=True)
    made = describe(net.ec)
    target = net.ec.netgraph.node_ip_annotations("nice")[0]
    ping = net.ec.add(Ping(target=target, count=1), on=made.nodes["paris"])
    net.up()
    assert net.ec.wait_finished(ping, timeout=30), net.failures()
    assert net.ec.exit_code(ping) == 0
