"""Topologies: which there are in which sizes, what can be noted on them, and what is refused."""

import os
import subprocess
import sys

import networkx as nx
import pytest

from engine import UsageError
from engine.netgraph import NetGraph, TopologyType

SIZES = (1, 2, 3, 7, 12)

EDGES = {
    "linear": {1: 0, 2: 1, 3: 2, 7: 6, 12: 11},
    "ladder": {2: 1, 12: 16},
    "mesh": {1: 0, 2: 1, 3: 3, 7: 21, 12: 66},
    "tree": {1: 0, 2: 1, 3: 2, 7: 6, 12: 11},
    "star": {1: 0, 2: 1, 3: 2, 7: 6, 12: 11},
    "ring": {3: 3, 7: 7, 12: 12},
    "grid": {12: 17},
    "adhoc": {1: 0, 2: 0, 3: 0, 7: 0, 12: 0},
}
POSSIBLE = [(name, size) for name, sizes in EDGES.items() for size in sizes]
IMPOSSIBLE = {
    ("ladder", 1): "the smallest size is 2",
    ("ladder", 3): "the nearest are 2 and 4",
    ("ladder", 7): "the nearest are 6 and 8",
    ("ring", 1): "the smallest size is 3",
    ("ring", 2): "the smallest size is 3",
    ("grid", 1): "the smallest size is 4",
    ("grid", 2): "the smallest size is 4",
    ("grid", 3): "the smallest size is 4",
    ("grid", 7): "the nearest are 6 and 8",
}


@pytest.fixture
def line():
    """Four nodes in a row, 0-1-2-3, with addresses."""
    return NetGraph(topo_type=TopologyType.LINEAR, node_count=4, assign_ips=True)


# -- shapes


def test_these_are_all_topologies_and_sizes():
    assert set(EDGES) == set(TopologyType)
    assert {*POSSIBLE, *IMPOSSIBLE} == {(name, size) for name in EDGES for size in SIZES}


@pytest.mark.parametrize(("name", "size"), POSSIBLE)
def test_a_topology_has_its_nodes_and_edges(name, size):
    graph = NetGraph(topo_type=name, node_count=size)
    assert graph.nodes() == list(range(size))
    assert len(graph.edges()) == EDGES[name][size]
    assert graph.topo_type is TopologyType(name)
    assert graph.order == size
    assert name == "adhoc" or nx.is_connected(graph.topology)


@pytest.mark.parametrize(("name", "size"), IMPOSSIBLE)
def test_a_size_that_a_topology_cannot_have_is_refused_with_those_that_it_can(name, size):
    with pytest.raises(UsageError, match=IMPOSSIBLE[name, size]):
        NetGraph(topo_type=name, node_count=size)


@pytest.mark.parametrize(
    ("name", "size", "branches", "edges"),
    [
        ("linear", 4, None, [(0, 1), (1, 2), (2, 3)]),
        ("ladder", 6, None, [(0, 1), (0, 3), (1, 2), (1, 4), (2, 5), (3, 4), (4, 5)]),
        ("tree", 6, None, [(0, 1), (0, 2), (1, 3), (1, 4), (2, 5)]),
        ("tree", 5, 3, [(0, 1), (0, 2), (0, 3), (1, 4)]),
        ("star", 4, None, [(0, 1), (0, 2), (0, 3)]),
        ("star", 7, 3, [(0, 1), (0, 3), (0, 5), (1, 2), (3, 4), (5, 6)]),
        ("star", 4, 1, [(0, 1), (1, 2), (2, 3)]),
        ("ring", 4, None, [(0, 1), (0, 3), (1, 2), (2, 3)]),
    ],
)
def test_which_nodes_are_linked(name, size, branches, edges):
    assert NetGraph(topo_type=name, node_count=size, branches=branches).edges() == edges


def test_a_grid_is_numbered_row_by_row():
    edges = {frozenset(edge) for edge in NetGraph(topo_type="grid", node_count=6).edges()}
    assert edges == {frozenset(edge) for edge in [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)]}


def test_without_anything_a_graph_is_empty_and_made_by_hand():
    graph = NetGraph()
    graph.add_node("a")
    graph.add_edge("a", 1)
    graph.add_edge(1, "a")
    graph.add_node("a")
    assert (graph.nodes(), graph.edges(), graph.topo_type) == (["a", 1], [("a", 1)], TopologyType.ADHOC)


# -- what was broken in NEPI


def test_p2p_info_can_be_had_for_an_edge_in_either_direction(line):
    assert line.get_p2p_info(1, 2) == ("10.0.0.5", "10.0.0.6", "255.255.255.252", "10.0.0.4", 30)
    assert line.get_p2p_info(2, 1) == ("10.0.0.6", "10.0.0.5", "255.255.255.252", "10.0.0.4", 30)


def test_a_star_takes_its_branches_and_loses_no_node():
    assert NetGraph(topo_type="star", node_count=9, branches=4).order == 9
    with pytest.raises(UsageError, match=r"a star of 4 branches .* the nearest are 9 and 13"):
        NetGraph(topo_type="star", node_count=10, branches=4)


def test_adhoc_takes_a_number_of_nodes():
    graph = NetGraph(node_count=3)
    assert (graph.nodes(), graph.edges()) == ([0, 1, 2], [])


def test_a_ladder_of_an_odd_number_of_nodes_does_not_lose_one():
    with pytest.raises(UsageError, match="two sides of the same length"):
        NetGraph(topo_type="ladder", node_count=5)


@pytest.mark.slow
def test_a_seed_chooses_the_same_source_again():
    chosen = {NetGraph(topo_type="mesh", node_count=50, assign_st=True, seed=7).sources()[0] for _ in range(5)}
    assert len(chosen) == 1
    others = {NetGraph(topo_type="mesh", node_count=50, assign_st=True, seed=seed).sources()[0] for seed in range(20)}
    assert len(others) > 5


def test_a_saved_graph_goes_on_choosing_as_the_original():
    graph = NetGraph(topo_type="mesh", node_count=50, assign_st=True, seed=7)
    copy = NetGraph.from_dict(graph.to_dict())
    assert [graph.select_random_source() for _ in range(9)] == [copy.select_random_source() for _ in range(9)]


def test_version_6_gets_addresses_of_its_own_by_default():
    graph = NetGraph(topo_type="linear", node_count=2, assign_ips=True, version=6)
    mask = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffc"
    assert graph.get_p2p_info(0, 1) == ("fd00::1", "fd00::2", mask, "fd00::", 126)


def test_a_graph_that_is_given_is_not_touched():
    given = nx.path_graph(3)
    NetGraph(topology=given, assign_ips=True, assign_st=True).add_node(9)
    assert dict(given.nodes(data=True)) == {0: {}, 1: {}, 2: {}}
    assert [values for *_, values in given.edges(data=True)] == [{}, {}]


def test_an_empty_graph_that_is_given_is_a_graph_that_is_given():
    with pytest.raises(UsageError, match="node_count=3 has nothing to say with topology="):
        NetGraph(topology=nx.Graph(), node_count=3)


def test_an_unknown_argument_is_refused_with_the_nearest():
    with pytest.raises(UsageError, match="no argument 'node_cout'; did you mean node_count"):
        NetGraph(topo_type="linear", node_cout=3)


# -- annotations


def test_annotations_of_a_node(line):
    line.annotate_node(2, "role", "router")
    line.annotate_node(2, "links", [1, {"a": None}])
    assert line.node_annotation(2, "role") == "router"
    assert line.node_annotation(2, "nothing") is None
    assert line.node_annotations(2) == ["ips", "role", "links"]
    line.del_node_annotation(2, "role")
    assert line.node_annotations(2) == ["ips", "links"]


def test_annotations_of_an_edge_are_the_same_in_both_directions(line):
    line.annotate_edge(2, 1, "delay", 0.05)
    assert line.edge_annotation(1, 2, "delay") == 0.05
    assert line.edge_annotation(1, 2, "nothing") is None
    assert line.edge_annotations(1, 2) == ["net", "delay"]
    line.del_edge_annotation(1, 2, "delay")
    assert line.edge_annotations(2, 1) == ["net"]


def test_what_is_noted_is_a_copy(line):
    value = ["a"]
    line.annotate_node(0, "names", value)
    value.append("b")
    line.node_annotation(0, "names").append("c")
    line.node_ip_annotations(0).append("d")
    line.edge_net_annotation(0, 1).clear()
    assert line.node_annotation(0, "names") == ["a"]
    assert line.node_ip_annotations(0) == ["10.0.0.1"]
    assert line.edge_net_annotation(0, 1) != {}


def test_addresses_by_hand():
    graph = NetGraph(topo_type="linear", node_count=2)
    assert graph.node_ip_annotations(0) == []
    assert graph.edge_net_annotation(0, 1) == {}
    graph.annotate_node_ip(0, "FD00:0::1")
    graph.annotate_node_ip(0, "10.1.0.9")
    graph.annotate_node_ip(0, "fd00::1")
    graph.annotate_edge_net(1, 0, "10.1.0.10", "10.1.0.9", "255.255.255.0", "10.1.0.0", 24)
    assert graph.node_ip_annotations(0) == ["fd00::1", "10.1.0.9"]
    assert graph.edge_net_annotation(0, 1) == {
        1: "10.1.0.10",
        0: "10.1.0.9",
        "mask": "255.255.255.0",
        "network": "10.1.0.0",
        "prefix": 24,
    }
    assert graph.get_p2p_info(0, 1) == ("10.1.0.9", "10.1.0.10", "255.255.255.0", "10.1.0.0", 24)


# -- sources and targets


def test_sources_and_targets(line):
    line.set_source(3)
    line.set_target(0)
    line.set_target(1)
    assert (line.sources(), line.targets()) == ([3], [0, 1])
    assert [line.is_source(nid) for nid in line.nodes()] == [False, False, False, True]
    assert [line.is_target(nid) for nid in line.nodes()] == [True, True, False, False]
    line.del_node_annotation(1, "target")
    assert line.targets() == [0]


def test_node_zero_is_the_target_and_another_one_the_source():
    graph = NetGraph(topo_type="mesh", node_count=4, assign_st=True)
    assert graph.targets() == [0]
    assert len(graph.sources()) == 1
    assert graph.sources() != [0]


@pytest.mark.parametrize("seed", range(8))
def test_a_leaf_is_the_source(seed):
    graph = NetGraph(topo_type="star", node_count=9, branches=4, assign_st=True, leaf_source=True, seed=seed)
    assert graph.sources()[0] in (2, 4, 6, 8)


def test_on_a_ladder_the_source_is_one_of_the_far_corners():
    sources = {NetGraph(topo_type="ladder", node_count=8, assign_st=True, seed=n).sources()[0] for n in range(20)}
    assert sources == {3, 7}


def test_each_choice_is_another_source_until_none_is_left(line):
    line.select_target_zero()
    assert {line.select_random_source() for _ in range(3)} == {1, 2, 3}
    with pytest.raises(UsageError, match="no node is left that could be a source; the nodes are: 0, 1, 2, 3"):
        line.select_random_source()


def test_what_is_named_goes_before_what_is_chosen():
    named = {"sources": [3, 2], "targets": (1,)}
    graph = NetGraph(topo_type="linear", node_count=4, assign_st=True, sources_targets=named)
    assert (graph.sources(), graph.targets()) == ([2, 3], [1])


def test_node_zero_may_be_a_text():
    assert NetGraph(topology=nx.Graph([("1", "0")]), assign_st=True).targets() == ["0"]


# -- any graph of networkx


def test_annotations_of_a_given_graph_are_kept():
    given = nx.Graph()
    given.add_node("a", pos=(1.5, 2), source=False)
    given.add_edge("a", "b", weight=3)
    graph = NetGraph(topology=given)
    assert graph.node_annotation("a", "pos") == [1.5, 2]
    assert graph.sources() == []
    assert graph.edge_annotation("b", "a", "weight") == 3


def test_the_graph_of_another_topology_can_be_given(line):
    line.select_target_zero()
    again = NetGraph(topology=line.topology)
    assert again.to_dict() == line.to_dict() | {"topo_type": "adhoc"}
    assert again != line


def test_there_and_back_is_one_edge():
    assert NetGraph(topology=nx.DiGraph([(1, 2), (2, 1), (2, 3)])).edges() == [(1, 2), (2, 3)]


def there_and_back_differently():
    graph = nx.DiGraph([(1, 2), (2, 1)])
    graph.edges[1, 2]["delay"] = 5
    return graph


@pytest.mark.parametrize("given", [nx.MultiGraph([(1, 2), (1, 2)]), there_and_back_differently()])
def test_two_edges_between_two_nodes_are_refused(given):
    with pytest.raises(UsageError, match=r"more than one edge between .* networkx.Graph\(graph\)"):
        NetGraph(topology=given)


# -- what is wrong

WRONG_ARGUMENTS = {
    "unknown topology": (
        {"topo_type": "rign", "node_count": 3},
        "'rign': there is no such topology; did you mean ring",
    ),
    "no size": ({"topo_type": "ring"}, "needs node_count="),
    "size 0": ({"topo_type": "ring", "node_count": 0}, "node_count=0: give a whole number, at least 1"),
    "size 2.0": ({"topo_type": "mesh", "node_count": 2.0}, "node_count=2.0: give a whole number"),
    "size True": ({"topo_type": "mesh", "node_count": True}, "node_count=True: give a whole number"),
    "no branches": ({"topo_type": "star", "node_count": 5, "branches": 0}, "branches=0: give a whole number"),
    "branches of a line": ({"topo_type": "linear", "node_count": 5, "branches": 2}, "only a star and a tree have"),
    "branches alone": ({"branches": 2}, "branches=2 has nothing to say without node_count="),
    "two ways": ({"topology": nx.path_graph(2), "topo_type": "ring"}, "nothing to say with topology="),
    "no graph": ({"topology": 5}, "topology=5: give a graph of networkx, or the path"),
    "tuples": (
        {"topology": nx.grid_2d_graph(2, 2)},
        r"node \(0, 0\): a tuple cannot name a node; .*convert_node_labels",
    ),
    "alike": ({"topology": nx.Graph([(1, "1")])}, "node '1' reads the same as node 1"),
    "loop": ({"topology": nx.Graph([(1, 1)])}, "edge 1-1: both ends read the same"),
    "network alone": ({"network": "10.0.0.0"}, "network='10.0.0.0' has nothing to say without assign_ips=True"),
    "prefix alone": ({"prefix": 8}, "prefix=8 has nothing to say without assign_ips=True"),
    "version alone": ({"version": 4}, "version=4 has nothing to say without assign_ips=True"),
    "leaf alone": ({"leaf_source": True}, "leaf_source=True has nothing to say without assign_st=True"),
    "seed": ({"seed": "a"}, "seed='a': give a whole number"),
    "long seed": ({"seed": 2**64}, "seed: .* does not fit into 64 bits"),
    "nobody to address": ({"assign_ips": True}, "no node that could get an address; add nodes"),
    "in pieces": ({"node_count": 2, "assign_ips": True}, "no path leads from node 0 to node 1; connect them"),
    "no zero": ({"topology": nx.Graph([("a", "b")]), "assign_st": True}, "no node 0 .* the nodes are: 'a', 'b'; name"),
    "only zero": ({"topo_type": "mesh", "node_count": 1, "assign_st": True}, "no node is left"),
    "no leaf": (
        {"topo_type": "ring", "node_count": 3, "assign_st": True, "leaf_source": True},
        "no leaf is left",
    ),
    "marks": ({"node_count": 1, "sources_targets": [0]}, r"sources_targets=\[0\]: give"),
    "kind of marks": ({"node_count": 1, "sources_targets": {"source": [0]}}, "unknown 'source'; did you mean sources"),
    "text of marks": ({"node_count": 1, "sources_targets": {"sources": "0"}}, "is '0'; give a list of nodes"),
    "one mark": ({"node_count": 1, "sources_targets": {"targets": 0}}, "is 0; give a list of nodes"),
    "unknown mark": ({"node_count": 1, "sources_targets": {"targets": [1]}}, "no node 1; the nodes are: 0"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG_ARGUMENTS.values(), ids=WRONG_ARGUMENTS)
def test_a_wrong_argument_is_told(arguments, message):
    with pytest.raises(UsageError, match=message):
        NetGraph(**arguments)


WRONG_CALLS = {
    "no node": (lambda graph: graph.annotate_node(9, "a", 1), "there is no node 9; the nodes are: 0, 1, 2, 3"),
    "not that node": (lambda graph: graph.is_source("1"), "there is no node '1'"),
    "nearly a node": (lambda graph: graph.set_source(1.0), "there is no node 1.0"),
    "list as a node": (lambda graph: graph.set_target([1]), r"there is no node \[1\]"),
    "no edge": (lambda graph: graph.annotate_edge(1, 3, "a", 1), "no edge 1-3; the neighbours of 1 are: 0, 2"),
    "edge of no node": (lambda graph: graph.get_p2p_info(1, 9), "there is no node 9"),
    "truth as a node": (lambda graph: graph.add_node(True), "node True: a bool cannot name a node"),
    "list as a new node": (lambda graph: graph.add_node([1]), "a list cannot name a node"),
    "empty node": (lambda graph: graph.add_node(""), "the name of a node is ''; give a text, not empty"),
    "control character": (lambda graph: graph.add_node("a\n"), "characters that can be printed"),
    "large node": (lambda graph: graph.add_edge(0, 2**64), "does not fit into 64 bits"),
    "word of a record": (lambda graph: graph.add_edge(0, "mask"), "node 'mask': .*take another name"),
    "twin": (lambda graph: graph.add_edge(0, "3"), "node '3' reads the same as node 3"),
    "new twins": (lambda graph: graph.add_edge(8, "8"), "edge 8-'8': both ends read the same"),
    "set": (lambda graph: graph.annotate_node(0, "a", {1}), "annotation 'a' of node 0: a set cannot be logged"),
    "bytes": (lambda graph: graph.annotate_edge(0, 1, "a", b"1"), "annotation 'a' of edge 0-1: .*written as JSON"),
    "nan": (lambda graph: graph.annotate_node(0, "a", float("nan")), "give text or finite numbers"),
    "name": (lambda graph: graph.annotate_node(0, 5, 1), "the name is 5; give a text"),
    "ips": (lambda graph: graph.annotate_node(0, "ips", []), r"write it with annotate_node_ip\(\)"),
    "source": (lambda graph: graph.annotate_node(0, "source", True), r"write it with set_source\(\)"),
    "target": (lambda graph: graph.annotate_node(0, "target", True), r"write it with set_target\(\)"),
    "net": (lambda graph: graph.annotate_edge(0, 1, "net", {}), r"write it with annotate_edge_net\(\)"),
    "nothing to remove": (lambda graph: graph.del_node_annotation(0, "ip"), "no annotation 'ip'; did you mean ips"),
    "nothing on the edge": (lambda graph: graph.del_edge_annotation(0, 1, "x"), "no annotation 'x'; known are net"),
    "no address": (lambda graph: graph.annotate_node_ip(0, "10.0.0.256"), "node 0: '10.0.0.256' is no IP address"),
}


@pytest.mark.parametrize(("call", "message"), WRONG_CALLS.values(), ids=WRONG_CALLS)
def test_a_wrong_call_is_told_and_changes_nothing(line, call, message):
    before = line.to_dict()
    with pytest.raises(UsageError, match=message):
        call(line)
    assert line.to_dict() == before


def test_an_edge_without_addresses_is_told():
    with pytest.raises(UsageError, match="edge 0-1 has no addresses; call assign_p2p_ips"):
        NetGraph(topo_type="linear", node_count=2).get_p2p_info(0, 1)


def test_many_nodes_do_not_make_a_long_message():
    with pytest.raises(UsageError, match=r"there is no node 99; the nodes are: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, …$"):
        NetGraph(topo_type="linear", node_count=50).set_source(99)


# -- the same everywhere

ALIKE = """
import json, networkx
from engine.netgraph import NetGraph
named = networkx.Graph([("sea", "lax"), ("lax", "den"), ("den", "sea"), ("den", "nyc")])
for arguments in ({"topo_type": "grid", "node_count": 30}, {"topology": named}):
    graph = NetGraph(**arguments, assign_ips=True, seed=11)
    for _ in range(3):
        graph.select_random_source()
    print(json.dumps(graph.to_dict()))
"""


@pytest.mark.slow
def test_the_same_calls_make_the_same_graph_in_any_process():
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", ALIKE],
            env=os.environ | {"PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    first, second = (run.communicate()[0] for run in runs)
    assert [run.returncode for run in runs] == [0, 0]
    assert first == second
    assert first.count("source") == 6


def test_equality():
    one, other = (NetGraph(topo_type="ring", node_count=3) for _ in range(2))
    assert one == other
    other.set_source(2)
    assert one != other
    assert one != "ring"
    assert repr(one) == "<NetGraph ring: 3 nodes, 3 edges>"
    with pytest.raises(TypeError, match="unhashable"):
        hash(one)
