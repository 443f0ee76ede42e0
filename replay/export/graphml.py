"""An experiment as a graph: its resources with their states, what connects them, and what waits for what."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import networkx as nx

from engine.dates import NS
from engine.plots.drawing import draw
from replay.encoding import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.core.world import Resource, World
    from engine.plots.drawing import Rule

_INT: Final = range(-(2**63), 2**63)
"""The whole numbers that programs which read GraphML have room for."""

Edge = tuple[str, str, dict[str, Any]]


def to_graphml(world: World) -> bytes:
    """The graph as GraphML: directed, and with several edges between two nodes where there are several.

    A resource is a node that is called by its number. A connection is an edge from the one that is needed first, else
    from the lower number. A condition is an edge from the one that it waits for to the one that waits; one of several
    resources is a node, ``condition-N``, with an edge from each that it waits for and one to each that waits. A value
    that is planned is as a condition. Values that GraphML has no type for are JSON.
    """
    graph: nx.MultiDiGraph[str] = nx.MultiDiGraph(exp_id=world.exp_id, run_id=world.run_id, seq=world.seq)
    drawing = draw(world)
    for resource in world.resources.values():
        graph.add_node(str(resource.guid), **_node(world, resource))
    graph.add_edges_from((str(one), str(other), {"kind": "connection"}) for one, other in drawing.wires)
    for number, rule in enumerate(drawing.rules, 1):
        if not rule.is_direct:
            graph.add_node(f"condition-{number}", **_rule(rule))
        graph.add_edges_from(_edges(rule, f"condition-{number}"))
    file = BytesIO()
    nx.write_graphml_xml(graph, file)
    return file.getvalue()


def _node(world: World, resource: Resource) -> dict[str, Any]:
    values: dict[str, Any] = {
        "kind": "resource",
        "rtype": resource.rtype,
        "state": resource.state.name,
        "critical": resource.critical,
        "group": resource.group,
        "exit_code": resource.exit_code,
        "error": None if resource.error is None else str(resource.error["message"]),
        **{f"at.{state.name}": (time - world.start) / NS for state, time in resource.times.items()},
        **{f"attr.{name}": value for name, value in world.values(resource).items()},
    }
    label = resource.label or f"#{resource.guid}"
    return {"label": _simple(label), **{name: _simple(value) for name, value in values.items() if value is not None}}


def _simple(value: Any) -> Any:
    """A value that GraphML has a type for, and XML a character for each of its own; else as JSON."""
    is_number = isinstance(value, float) or (isinstance(value, int) and value in _INT)
    is_text = isinstance(value, str) and value.replace("\n", "").isprintable()
    return value if is_number or is_text else to_json(value, indent=None, is_ascii=True)


def _rule(rule: Rule) -> Mapping[str, Any]:
    kind = "plan" if rule.is_plan else "condition"
    return {"kind": kind, "label": _simple(rule.text), "what": _simple(rule.what), "after": rule.when}


def _edges(rule: Rule, name: str) -> Iterator[Edge]:
    values = dict(_rule(rule))
    if rule.is_direct:
        yield str(rule.on[0]), str(rule.guids[0]), values
        return
    yield from ((str(guid), name, values) for guid in rule.on)
    yield from ((name, str(guid), values) for guid in rule.guids)
