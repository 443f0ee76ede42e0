"""An experiment as a graph."""

import io

import networkx as nx

from engine.core import revise
from engine.core.states import ResourceState
from replay.export.graphml import to_graphml
from tests.engine.core.lab import START, STOP, S
from tests.replay.labs import lab_in

STARTED = ResourceState.STARTED


def graph_of(lab):
    return nx.read_graphml(io.BytesIO(to_graphml(lab.world)), force_multigraph=True)


def test_resources_are_nodes_and_connections_and_conditions_edges(tmp_path):
    lab = lab_in(tmp_path)
    host = lab.host("h")
    server, client = lab.app(host), lab.app(host, rate=5, tags=["a"], odd="\x1b\ufffe")
    lab.when(client, START, server, STARTED, 2)
    lab.deploy()
    lab.wait(0.5)
    lab.done(host)
    graph = graph_of(lab)
    assert graph.graph | {"node_default": 0, "edge_default": 0} == {
        "exp_id": "lab",
        "run_id": "run",
        "seq": lab.world.seq,
        "node_default": 0,
        "edge_default": 0,
    }
    assert graph.nodes["1"] == {
        "label": "h",
        "kind": "resource",
        "rtype": "lab::Host",
        "state": "READY",
        "critical": True,
        "group": 1,
        "at.NEW": 0.0,
        "at.DISCOVERED": 0.0,
        "at.RESERVED": 0.0,
        "at.PROVISIONED": 0.5,
        "at.READY": 0.5,
        "attr.hostname": "h3",
    }
    assert {name: graph.nodes["3"][name] for name in ("attr.rate", "attr.tags", "attr.odd")} == {
        "attr.rate": 5,
        "attr.tags": '["a"]',
        "attr.odd": r'"\u001b\ufffe"',
    }
    assert sorted(
        (one, other, values["kind"], values.get("label")) for one, other, values in graph.edges(data=True)
    ) == [
        ("1", "2", "connection", None),
        ("1", "3", "connection", None),
        ("2", "3", "condition", "START after STARTED + 2 s"),
    ]


def test_a_condition_of_many_is_one_node(tmp_path):
    lab = lab_in(tmp_path)
    host = lab.host()
    apps = [lab.app(host) for _ in range(4)]
    lab.when(apps[:2], STOP, apps[2:], STARTED)
    graph = graph_of(lab)
    assert graph.nodes["condition-1"]["what"] == "STOP"
    assert (list(graph.predecessors("condition-1")), list(graph.successors("condition-1"))) == (["4", "5"], ["2", "3"])


def test_what_failed_is_told(tmp_path):
    lab = lab_in(tmp_path)
    one = lab.add("start", critical=False)
    lab.deploy()
    lab.fail(one, "no such\ndevice")
    assert graph_of(lab).nodes["1"]["error"] == "no such\ndevice"


def test_a_value_that_is_planned_is_an_edge_as_a_condition_is(tmp_path):
    lab = lab_in(tmp_path)
    one, two = lab.add("start"), lab.add("start")
    lab.turn(revise.plan_value(lab.world, "rate", 5, "live", [one], [two], STARTED, S))
    assert list(graph_of(lab).edges(data="label")) == [("2", "1", "rate = 5 after STARTED + 1 s")]
