"""YAML whose values know the line that they stand in."""

from __future__ import annotations

from typing import Any

import yaml
from msgspec import Struct

from engine.description import BadDescription


class Entry(Struct, frozen=True):
    """A value, or a list or mapping of entries.

    Attributes:
        line: where it stands; that of its key, if it has one. The first is 1.
        value: None, a text, a number, a truth value, a list of entries, or a dict of them by text.
    """

    line: int
    value: Any


def load(text: str) -> Entry:
    """What a text in YAML holds, with anchors and merges resolved.

    Raises:
        BadDescription: it is no YAML, or a key is there twice.
    """
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        return Entry(1, None) if root is None else _entry(loader, root, root.start_mark.line + 1)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = "" if mark is None else f"line {mark.line + 1}: "
        raise BadDescription([f"{where}this is no YAML: {error.problem or error.context}"]) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise BadDescription([f"this is no YAML: {error}"]) from None


def _entry(loader: yaml.SafeLoader, node: yaml.Node, line: int) -> Entry:
    if isinstance(node, yaml.SequenceNode):
        return Entry(line, [_entry(loader, each, each.start_mark.line + 1) for each in node.value])
    if not isinstance(node, yaml.MappingNode):
        return Entry(line, loader.construct_object(node))
    _check_once(node)
    loader.flatten_mapping(node)
    return Entry(line, {str(key.value): _entry(loader, value, key.start_mark.line + 1) for key, value in node.value})


def _check_once(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        first = lines.setdefault(str(key.value), line)
        if first != line:
            raise BadDescription([f"line {line}: {key.value!r} is there already, in line {first}; say it once"])
