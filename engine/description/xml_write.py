"""Descriptions as XML, in NEPI's words. What NEPI has no place for stands in additional elements and attributes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeVar
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from engine.core.errors import UsageError
from engine.core.states import ResourceState
from engine.dates import NS, to_ns
from engine.description import values
from engine.description.plain import FORMAT, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from engine.description.model import (
        ConditionDescription,
        Description,
        Edge,
        Node,
        ResourceDescription,
        SettingDescription,
        Topology,
    )

_T = TypeVar("_T")

JSON: Final = "json"
"""The type of a value that NEPI has no word for: it is written as JSON."""

_UNWRITABLE: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML cannot hold, in whatever way."""

_PRIMITIVES: Final = {bool: "bool", int: "integer", float: "float", str: "string"}


def write(description: Description) -> str:
    """The text of a file."""
    root = Element("experiment", exp_id=description.exp_id, format=FORMAT, version=str(VERSION))
    if description.topology is not None:
        _write_topology(root, description.topology)
    _write_all(root, "globals", list(description.globals.items()), _write_globals)
    own, shared = _sorted_out(description)
    rms = SubElement(root, "rms")
    for resource in description.resources:
        _write_resource(rms, resource, own.get(resource.guid, []))
    _write_all(root, "conditions", shared, _write_shared_condition)
    _write_all(root, "settings", description.settings, _write_setting)
    indent(root, " " * 4)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _sorted_out(
    description: Description,
) -> tuple[dict[int, list[ConditionDescription]], list[ConditionDescription]]:
    """The conditions that stand with one resource, as NEPI has it, by its guid; and the others."""
    known = {resource.guid for resource in description.resources}
    own: dict[int, list[ConditionDescription]] = {}
    shared: list[ConditionDescription] = []
    for condition in description.conditions:
        first, *others = condition.guids
        (shared if others or first not in known else own.setdefault(first, [])).append(condition)
    return own, shared


def _write_all(above: Element, tag: str, things: Sequence[_T], write_one: Callable[[Element, _T], object]) -> None:
    """Write these into an element of their own, if there are any."""
    if things:
        parent = SubElement(above, tag)
        for thing in things:
            write_one(parent, thing)


def _write_value(element: Element, value: Any) -> None:
    kind = _PRIMITIVES.get(type(value), JSON)
    text = json.dumps(values.encode(value)) if kind == JSON else str(value)
    if _UNWRITABLE.search(text):
        kind, text = JSON, json.dumps(text)
    element.set("type", kind)
    element.set("value", text)


def _write_named(tag: str) -> Callable[[Element, tuple[str, Any]], None]:
    """What writes a value with its name into an element of that tag."""

    def write_one(above: Element, named: tuple[str, Any]) -> None:
        name, value = named
        _write_value(SubElement(above, tag, name=name), value)

    return write_one


def _write_topology(root: Element, topology: Topology) -> None:
    element = SubElement(root, "topology", {"topo-type": topology.topo_type})
    if topology.seed is not None:
        element.set("seed", str(topology.seed))
    nodes, edges = SubElement(element, "nodes"), SubElement(element, "edges")
    for node in topology.nodes:
        _write_node(nodes, node)
    for edge in topology.edges:
        _write_edge(edges, edge)


def _write_nid(element: Element, name: str, nid: int | str) -> None:
    element.set(name, str(nid))
    element.set(f"{name}-type", _PRIMITIVES[type(nid)])


def _write_node(nodes: Element, node: Node) -> None:
    element = SubElement(nodes, "node")
    _write_nid(element, "nid", node.nid)
    for mark in ("source", "target"):
        if node.annotations.get(mark) is True:
            element.set(mark, "True")
    _write_all(element, "node-annotations", list(node.annotations.items()), _write_named("node-annotation"))


def _write_edge(edges: Element, edge: Edge) -> None:
    element = SubElement(edges, "edge")
    _write_nid(element, "nid1", edge.nid1)
    _write_nid(element, "nid2", edge.nid2)
    _write_all(element, "edge-annotations", list(edge.annotations.items()), _write_named("edge-annotation"))


def _write_globals(above: Element, of_type: tuple[str, Mapping[str, Any]]) -> None:
    rtype, given = of_type
    element = SubElement(above, "type", rtype=rtype)
    for named in given.items():
        _write_named("attribute")(element, named)


def _write_resource(rms: Element, resource: ResourceDescription, conditions: list[ConditionDescription]) -> None:
    element = SubElement(rms, "rm", guid=str(resource.guid), rtype=resource.rtype, state=str(ResourceState.NEW.value))
    if resource.label is not None:
        element.set("label", resource.label)
    _write_all(element, "attributes", list(resource.attributes.items()), _write_named("attribute"))
    _write_all(element, "connections", resource.connections, _write_connection)
    _write_all(element, "conditions", conditions, _write_condition)
    _write_all(element, "traces", list(resource.traces.items()), _write_trace)


def _write_connection(above: Element, guid: int) -> None:
    SubElement(above, "connection", guid=str(guid))


def _write_trace(above: Element, switched: tuple[str, bool]) -> None:
    name, enabled = switched
    SubElement(above, "trace", {"name": name} if enabled else {"name": name, "enabled": "False"})


def _write_condition(above: Element, condition: ConditionDescription) -> Element:
    element = SubElement(above, "condition", action=str(condition.action.value))
    _write_when(element, condition)
    return element


def _write_shared_condition(above: Element, condition: ConditionDescription) -> None:
    _write_condition(above, condition).set("guids", str(list(condition.guids)))


def _write_setting(above: Element, setting: SettingDescription) -> None:
    element = SubElement(above, "setting", name=setting.name, guids=str(list(setting.guids)))
    _write_value(element, setting.value)
    _write_when(element, setting)


def _write_when(element: Element, waiting: ConditionDescription | SettingDescription) -> None:
    element.set("group", str(list(waiting.on)))
    element.set("state", str(waiting.state.value))
    time = _duration(waiting.delay_ns)
    element.set("time", time)
    if waiting.delay_ns and not _is_exact(time, waiting.delay_ns):
        element.set("ns", str(waiting.delay_ns))


def _is_exact(duration: str, nanoseconds: int) -> bool:
    try:
        return to_ns(duration) == nanoseconds
    except UsageError:  # rounded, it is longer than any duration may be
        return False


def _duration(nanoseconds: int) -> str:
    """As NEPI writes it: the smallest unit that it has are microseconds, so this may not be exact."""
    if not nanoseconds:
        return "None"
    for unit, size in (("s", NS), ("ms", NS // 1000)):
        if nanoseconds % size == 0:
            return f"{nanoseconds // size}{unit}"
    return f"{nanoseconds // 1000}us"
