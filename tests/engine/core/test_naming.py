"""What resources are called that were given no label, and which of them a plot draws as lines."""

from engine.core import events
from engine.core.apply import apply
from engine.core.naming import called, named
from engine.core.states import ResourceState, Step
from engine.core.world import World
from engine.plots.drawing import draw


def link(name, rtype, least, most, after="READY"):
    return {"name": name, "rtype": rtype, "min": least, "max": most, "after": after, "before": "deploy"}


def declared(rtype, *links, lineage=()):
    return events.TypeDeclared(0, rtype, [rtype, *lineage], [], list(links), {}, [], {})


TYPES = [
    declared("lab::Lab"),
    declared("lab::Node", link("lab", "lab::Lab", 1, 1)),
    declared("lab::Port", link("node", "lab::Node", 0, 1), link("wire", "lab::Wire", 1, 1)),
    declared("lab::Cable", link("ends", "lab::Port", 2, 2, after="PROVISIONED"), lineage=["lab::Wire"]),
    declared("lab::Way", link("port", "lab::Port", 1, 1)),
]
LAB = [
    ("Lab", {}, []),
    ("Node", {"hostname": "a"}, [1]),
    ("Node", {"hostname": "b"}, [1]),
    ("Port", {"name": "eth0"}, [2]),
    ("Port", {}, [3]),
    ("Cable", {"delay": 0.1}, [4, 5]),
    ("Way", {"destination": "default"}, [4]),
]


def lab(*more):
    """Two nodes of a lab, a port at each, a cable between them, and a way by the first port."""
    world = World(exp_id="lab", run_id="run")
    made = list(TYPES)
    for guid, (rtype, attributes, connections) in enumerate(LAB, 1):
        made.append(events.ResourceRegistered(guid, f"lab::{rtype}", attributes, None))
        made += [events.ResourceConnected(guid, other) for other in connections]
    for seq, event in enumerate([*made, *more], 1):
        apply(world, events.Entry(seq, seq, 0, 1, event))
    return world


def test_resources_are_called_after_where_they_are():
    world = lab()
    assert [called(world, each) for each in world.resources.values()] == [
        "",
        "a",
        "b",
        "a:eth0",
        "b:#5",
        "a:eth0 - b:#5",
        "",
    ]


def test_a_label_is_what_the_user_calls_it():
    world = lab()
    world.resources[2].label = "left"
    world.resources[6].label = "cable"
    assert [called(world, world.resources[guid]) for guid in (2, 4, 6)] == ["left", "left:eth0", "cable"]


def test_messages_say_of_cables_and_their_ends_where_they_are():
    world = lab()
    assert [named(world, world.resources[guid]) for guid in (2, 4, 5, 6)] == [
        "#2 lab::Node",
        "#4 lab::Port (a:eth0)",
        "#5 lab::Port (b:#5)",
        "#6 lab::Cable (a:eth0 - b:#5)",
    ]


def test_a_plot_draws_cables_as_lines_and_a_whole_without_lines_to_its_parts():
    drawing = draw(lab())
    assert [node.name for node in drawing.nodes.values()] == ["#1", "#2 a", "#3 b"]
    assert drawing.wires == ((2, 3),)
    assert [node.depends_on for node in drawing.nodes.values()] == [(), (), ()]
    assert drawing.moment.endswith("; 4 more resources are the lines between others")


def test_a_cable_that_failed_or_that_a_rule_is_about_is_drawn_with_all_that_belongs_to_it():
    rule = events.AttributePlanned(0, [6], "delay", 5, [2], ResourceState.STARTED, 0)
    waits = events.ConditionRegistered(0, [3], Step.START, [7], ResourceState.STARTED, 0)
    failed = events.ResourceFailed(5, {"type": "Failed", "message": "no carrier"}, None, 0)
    for event in (rule, waits, failed):
        drawing = draw(lab(event))
        assert list(drawing.nodes) == [1, 2, 3, 4, 5, 6, 7]
        assert (1, 2) in drawing.wires
