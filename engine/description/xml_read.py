"""Descriptions in XML, ours and NEPI's, as the plain data that a JSON file holds.

Nothing that is read is evaluated: values are read by the type that stands beside them, and where NEPI wrote a list or
a dict as Python does, only literals are.
"""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any, Final

from engine.core.errors import UsageError, nearest
from engine.core.states import ResourceAction, ResourceState
from engine.dates import to_ns
from engine.description import elements, values
from engine.description.plain import FORMAT, VERSION
from engine.description.problems import BadDescription, at

if TYPE_CHECKING:
    from collections.abc import Callable
    from enum import Enum

    from engine.description.elements import Element
    from engine.description.plain import Path

_LONGEST_LITERAL: Final = 1024 * 1024
"""Characters of a list or a dict."""

_BOOLS: Final = {"True": True, "False": False}


def read(text: str) -> tuple[dict[str, Any], Callable[[Path], str]]:
    """The plain data of a file, and how to call a place in it.

    Raises:
        BadDescription: it is no XML, or cannot be read, with all that can be seen at once.
    """
    root = elements.parse(text)
    reader = _Reader(is_ours="format" in root.attributes)
    data = reader.experiment(root)
    if reader.problems:
        raise BadDescription(reader.problems)
    return data, reader.place


class _Reader:
    """Makes plain data of elements, and keeps the line of each part.

    Args:
        is_ours: whether netreel wrote it, and not NEPI.
    """

    def __init__(self, *, is_ours: bool) -> None:
        self.problems: list[str] = []
        self._is_ours = is_ours
        self._lines: dict[Path, int] = {}

    def place(self, path: Path) -> str:
        """The line at which something stands."""
        while path not in self._lines:
            path = path[:-1]
        return f"line {self._lines[path]}"

    def experiment(self, root: Element) -> dict[str, Any]:
        """The plain data of the outermost element."""
        self._lines[()] = root.line
        data: dict[str, Any] = {"format": root.attributes.get("format", FORMAT), "version": VERSION}
        if "version" in root.attributes:
            data["version"] = self._whole(root, "version")
        if "exp_id" in root.attributes:
            data["exp_id"] = root.attributes["exp_id"]
        for element in root.tagged("topology"):
            data["topology"] = self._topology(element)
        data["globals"] = self._globals(root)
        data["resources"] = self._listed("resources", list(root.inside("rms", "rm")), self._resource)
        data["conditions"] = self._conditions(root)
        data["settings"] = self._listed("settings", list(root.inside("settings", "setting")), self._setting)
        return data

    def _listed(
        self, name: str, found: list[Element], read_one: Callable[[Element, Path], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        made = []
        for index, element in enumerate(found):
            self._lines[name, index] = element.line
            made.append(read_one(element, (name, index)))
        return made

    # --- parts ----------------------------------------------------------------------------------------------------

    def _topology(self, element: Element) -> dict[str, Any]:
        self._lines["topology",] = element.line
        data: dict[str, Any] = {
            "nodes": [self._node(node) for node in element.inside("nodes", "node")],
            "edges": [self._edge(edge) for edge in element.inside("edges", "edge")],
        }
        if "topo-type" in element.attributes:
            data["topo_type"] = element.attributes["topo-type"]
        if "seed" in element.attributes:
            data["seed"] = self._whole(element, "seed")
        return data

    def _node(self, element: Element) -> dict[str, Any]:
        annotations = self._annotations(element, "node-annotations", "node-annotation")
        for mark in ("source", "target"):
            if mark in element.attributes:
                annotations[mark] = self._choice(element, mark, _BOOLS)
        return {"nid": self._nid(element, "nid"), "annotations": annotations}

    def _edge(self, element: Element) -> dict[str, Any]:
        return {
            "nid1": self._nid(element, "nid1"),
            "nid2": self._nid(element, "nid2"),
            "annotations": self._annotations(element, "edge-annotations", "edge-annotation"),
        }

    def _nid(self, element: Element, name: str) -> int | str:
        is_number = element.attributes.get(f"{name}-type") == "integer"
        return self._whole(element, name) if is_number else self._text(element, name)

    def _annotations(self, element: Element, tag: str, inner: str) -> dict[str, Any]:
        found = self._values(list(element.inside(tag, inner)))
        for name in ("ips", "net"):
            if isinstance(found.get(name), str):  # as NEPI writes them
                found[name] = values.encode(self._literal(element, found[name]))
        return found

    def _globals(self, root: Element) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for element in root.inside("globals", "type"):
            rtype = self._text(element, "rtype")
            if rtype in made:
                self._note(element, f"{rtype!r} is there twice; put both into one")
            made[rtype] = self._values(element.tagged("attribute"))
        return made

    def _resource(self, element: Element, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {
            "guid": self._whole(element, "guid"),
            "rtype": self._text(element, "rtype"),
            "attributes": self._values(list(element.inside("attributes", "attribute")), (*path, "attributes")),
            "connections": [self._whole(each, "guid") for each in element.inside("connections", "connection")],
            "traces": {
                self._text(each, "name"): self._choice(each, "enabled", _BOOLS, "True")
                for each in element.inside("traces", "trace")
            },
        }
        if "label" in element.attributes:
            data["label"] = element.attributes["label"]
        return data

    def _conditions(self, root: Element) -> list[dict[str, Any]]:
        """Those of single resources stand with them, as NEPI has it; those that several share stand by themselves."""
        made: list[dict[str, Any]] = []
        for rm in root.inside("rms", "rm"):
            for element in rm.inside("conditions", "condition"):
                self._lines["conditions", len(made)] = element.line
                made.append({"guids": [self._whole(rm, "guid")], **self._condition(element)})
        for element in root.inside("conditions", "condition"):
            self._lines["conditions", len(made)] = element.line
            made.append({"guids": self._guids(element, "guids"), **self._condition(element)})
        return made

    def _condition(self, element: Element) -> dict[str, Any]:
        return {"action": self._numbered(element, "action", ResourceAction), **self._when(element)}

    def _setting(self, element: Element, path: Path) -> dict[str, Any]:  # noqa: ARG002 - as `_resource` is called
        return {
            "name": self._text(element, "name"),
            "value": self._value(element),
            "guids": self._guids(element, "guids"),
            **self._when(element),
        }

    def _when(self, element: Element) -> dict[str, Any]:
        return {
            "on": self._guids(element, "group"),
            "state": self._numbered(element, "state", ResourceState),
            "delay_ns": self._whole(element, "ns") if "ns" in element.attributes else self._duration(element),
        }

    # --- values ---------------------------------------------------------------------------------------------------

    def _values(self, found: list[Element], path: Path = ()) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for element in found:
            name = self._text(element, "name")
            if name in made:
                self._note(element, f"{name!r} is there twice; say it once")
            if path:
                self._lines[*path, name] = element.line
            made[name] = self._value(element)
        return made

    def _value(self, element: Element) -> Any:
        """A value in the words of JSON."""
        kind, text = element.attributes.get("type", "string"), self._text(element, "value")
        if text == "None" and not self._is_ours:
            return None  # whatever type NEPI says
        readers: dict[str, Callable[[], Any]] = {
            "string": lambda: text,
            "bool": lambda: self._choice(element, "value", _BOOLS),
            "integer": lambda: self._whole(element, "value"),
            "float": lambda: values.encode(self._number(element, float)),
            "double": lambda: values.encode(self._number(element, float)),
            "json": lambda: self._json(element, text),
        }
        if kind not in readers:
            self._note(element, f"there is no type {kind!r}; {nearest(kind, readers)}")
            return None
        return readers[kind]()

    def _text(self, element: Element, name: str) -> str:
        if name not in element.attributes:
            self._note(element, f"<{element.tag}> has no {name!r}, which is needed")
        return element.attributes.get(name, "")

    def _whole(self, element: Element, name: str) -> int:
        return int(self._number(element, int, name))

    def _number(self, element: Element, kind: type[int | float], name: str = "value") -> float:
        text = self._text(element, name)
        try:
            return kind(text)
        except ValueError:
            if name in element.attributes:
                self._note(element, f"{name}={text!r} is no {'whole number' if kind is int else 'number'}")
            return 1

    def _choice(self, element: Element, name: str, choices: dict[str, Any], default: str = "") -> Any:
        text = element.attributes.get(name, default)
        if text not in choices:
            self._note(element, f"{name}={text!r} is none of {', '.join(choices)}")
        return choices.get(text)

    def _numbered(self, element: Element, name: str, kind: type[Enum]) -> str:
        """An action or a state, which NEPI writes as a number; as a name it is read, too."""
        names = {str(member.value): member.name for member in kind} | {member.name: member.name for member in kind}
        return self._choice(element, name, names) or next(iter(kind)).name

    def _duration(self, element: Element) -> int:
        text = element.attributes.get("time", "None")
        if text == "None":
            return 0
        try:
            return to_ns(text)
        except UsageError as error:
            self._note(element, f"time: {error}")
            return 0

    def _guids(self, element: Element, name: str) -> list[int]:
        found = self._literal(element, self._text(element, name))
        if isinstance(found, list) and all(type(guid) is int for guid in found):
            return found
        self._note(element, f"{name} is a list of guids, such as [3, 4]")
        return []

    def _json(self, element: Element, text: str) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            self._note(element, f"this is no JSON: {error}")
            return None

    def _literal(self, element: Element, text: str) -> Any:
        """A list or a dict as Python writes it, in the words of JSON: nothing in it is called or looked up."""
        if len(text) > _LONGEST_LITERAL:
            self._note(element, f"{len(text)} characters are too many for a list (at most {_LONGEST_LITERAL})")
            return None
        try:
            return json.loads(json.dumps(ast.literal_eval(text), allow_nan=False))  # so keys are texts, lists lists
        except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
            self._note(element, f"{text[:60]!r} is no list or dict of plain values")
            return None

    def _note(self, element: Element, message: str) -> None:
        self.problems.append(at(f"line {element.line}", message))
