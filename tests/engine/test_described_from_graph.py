"""A controller that describes itself from a graph."""

import pytest

import replay
from engine import ECState, NetGraph, TopologyType, UsageError


def test_nodes_first_then_edges(ec):
    seen = []
    one = ec(
        topo_type=TopologyType.RING,
        node_count=3,
        add_node_callback=lambda ec, nid: seen.append((ec.register_resource("test::Plain"), nid)),
        add_edge_callback=lambda ec, nid1, nid2: seen.append((nid1, nid2)),
    )
    assert [nid for _, nid in seen[:3]] == one.netgraph.nodes() == [0, 1, 2]
    assert seen[3:] == one.netgraph.edges()
    assert one.resources == [1, 2, 3]


def test_a_graph_needs_no_callbacks(ec):
    assert isinstance(ec(topo_type=TopologyType.LINEAR, node_count=2).netgraph, NetGraph)
    assert ec().netgraph is None


def test_callbacks_may_deploy(ec, stage):
    def deploy(ec, nid):
        ec.register_resource("test::Thing", autoDeploy=True)

    one = ec(topo_type=TopologyType.LINEAR, node_count=1, add_node_callback=deploy)
    assert one.wait_started(1, timeout=10)


def test_what_a_callback_raises_leaves_nothing_behind(ec, home):
    controllers = []

    def fail(ec, nid):
        controllers.append(ec)
        ec.register_resource("test::Plain")
        raise KeyError(nid)

    with pytest.raises(KeyError):
        ec(topo_type=TopologyType.LINEAR, node_count=2, add_node_callback=fail)
    assert controllers[0].ecstate is ECState.TERMINATED
    assert replay.state(controllers[0].run_dir).closed


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"node_cuont": 3}, "a controller has no argument 'node_cuont'; did you mean node_count"),
        ({"worker": 3}, "did you mean workers"),
        ({"exp_id": "a" * 101}, "names a directory"),
        ({"local_dir": 5}, "local_dir is the path of a directory, not 5"),
        ({"add_edge_callback": 5}, "add_edge_callback is a function, not 5"),
        ({"persist": "perhaps"}, "persist is True or False, not 'perhaps'"),
        ({"add_node_callback": print}, "give one"),
        ({"topo_type": TopologyType.RING, "node_count": 1}, "ring"),
    ],
)
def test_a_wrong_topology_leaves_no_run(ec, home, wrong, message):
    with pytest.raises(UsageError, match=message):
        ec(**wrong)
    assert not home.exists()


@pytest.mark.slow
def test_a_topology_is_in_the_log_and_comes_back(ec):
    def note(ec, nid):
        ec.netgraph.annotate_node(nid, "guid", ec.register_resource("test::Plain"))

    one = ec(topo_type=TopologyType.GRID, node_count=900, assign_ips=True, add_node_callback=note)
    one.detach()
    with ec.reconnect(one.run_dir) as two:
        assert two.netgraph == one.netgraph
        assert two.netgraph.node_annotation(7, "guid") == 8
    assert replay.check(one.run_dir) == []


def test_a_callback_may_schedule(ec):
    one = ec(topo_type="linear", node_count=2, add_node_callback=lambda ec, nid: ec.schedule("1h", print))
    assert one.resources == []
