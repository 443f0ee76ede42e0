"""Descriptions as XML, in NEPI's words. What NEPI has no place for stands in additional elements and attributes."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from engine.core.errors import UsageError
from engine.core.states import ResourceState
from engine.dates import NS, to_ns
from engine.description import values
from engine.description.plain import FORMAT, VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.description.model import (
        ConditionDescription,
        Description,
        Edge,
        Node,
        ResourceDescription,
        SettingDescription,
        Topology,
    )

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
    _write_globals(root, description.globals)
    shared: list[ConditionDescription] = []
    single: dict[int, list[ConditionDescription]] = {}
    known = {resource.guid for resource in description.resources}
    for condition in description.conditions:
        alone = len(condition.guids) == 1 and condition.guids[0] in known
        (single.setdefault(condition.guids[0], []) if alone else shared).append(condition)
    rms = SubElement(root, "rms")
    for resource in description.resources:
        _write_resource(rms, resource, single.get(resource.guid, []))
    for parent in _parent(root, "conditions", shared):
        for condition in shared:
            _write_condition(parent, condition).set("guids", str(list(condition.guids)))
    for parent in _parent(root, "settings", description.settings):
        for setting in description.settings:
            _write_setting(parent, setting)
    indent(root, " " * 4)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _parent(above: Element, tag: str, things: Iterable[Any] | Mapping[str, Any]) -> list[Element]:
    """The element that holds these, if there are any."""
    return [SubElement(above, tag)] if things else []


def _write_value(element: Element, value: Any) -> None:
    kind = _PRIMITIVES.get(type(value), JSON)
    text = json.dumps(values.encode(value)) if kind == JSON else str(value)
    if _UNWRITABLE.search(text):
        kind, text = JSON, json.dumps(text)
    element.set("type", kind)
    element.set("value", text)


def _write_values(above: Element, tag: str, values_: Mapping[str, Any]) -> None:
    for name, value in values_.items():
        _write_value(SubElement(above, tag, name=name), value)


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
    for parent in _parent(element, "node-annotations", node.annotations):
        _write_values(parent, "node-annotation", node.annotations)


def _write_edge(edges: Element, edge: Edge) -> None:
    element = SubElement(edges, "edge")
    _write_nid(element, "nid1", edge.nid1)
    _write_nid(element, "nid2", edge.nid2)
    for parent in _parent(element, "edge-annotations", edge.annotations):
        _write_values(parent, "edge-annotation", edge.annotations)


def _write_globals(root: Element, globals_: Mapping[str, Mapping[str, Any]]) -> None:
    for parent in _parent(root, "globals", globals_):
        for rtype, values_ in globals_.items():
            _write_values(SubElement(parent, "type", rtype=rtype), "attribute", values_)


def _write_resource(rms: Element, resource: ResourceDescription, conditions: list[ConditionDescription]) -> None:
    element = SubElement(rms, "rm", guid=str(resource.guid), rtype=resource.rtype, state=str(ResourceState.NEW.value))
    if resource.label is not None:
        element.set("label", resource.label)
    for parent in _parent(element, "attributes", resource.attributes):
        _write_values(parent, "attribute", resource.attributes)
    for parent in _parent(element, "connections", resource.connections):
        for guid in resource.connections:
            SubElement(parent, "connection", guid=str(guid))
    for parent in _parent(element, "conditions", conditions):
        for condition in conditions:
            _write_condition(parent, condition)
    for parent in _parent(element, "traces", resource.traces):
        for name, enabled in resource.traces.items():
            SubElement(parent, "trace", {"name": name} if enabled else {"name": name, "enabled": "False"})


def _write_condition(above: Element, condition: ConditionDescription) -> Element:
    element = SubElement(above, "condition", action=str(condition.action.value))
    _write_when(element, condition)
    return element


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
