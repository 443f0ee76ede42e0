"""Plots as a Mermaid flowchart, which many viewers of Markdown draw."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

from engine.plots import looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from engine.plots.drawing import Drawing, Node, Rule

_SPECIAL: Final = re.compile(r"(?![^\W_])[^ .,:+/()=-]")
"""What may mean something within a text: all but letters, digits and a few signs."""


def mermaid(drawing: Drawing) -> str:
    """The drawing as a flowchart from above to below, under a title."""
    title = json.dumps(f"{drawing.title}, {drawing.moment}", ensure_ascii=False)
    head = ["---", f"title: {title}", "---", "flowchart TB"]
    return "\n".join([*head, *(f"  {line}" for line in _lines(drawing)), ""])


def _lines(drawing: Drawing) -> Iterator[str]:
    nodes = drawing.nodes.values()
    for node in nodes:
        yield _node(node)
    edges = [f"{_id(one)} --- {_id(two)}" for one, two in drawing.wires]
    coloured: dict[str, list[int]] = {looks.WIRE: list(range(len(edges)))}
    for number, rule in enumerate(drawing.rules):
        added = list(_arrows(f"rule{number}", rule))
        coloured.setdefault(looks.colour(rule), []).extend(range(len(edges), len(edges) + len(added)))
        edges += added
        if not rule.is_direct:
            yield f'rule{number}(["{_text(rule.text)}"])'
    yield from edges
    for colour, numbers in coloured.items():
        if numbers:
            yield f"linkStyle {','.join(map(str, numbers))} stroke:{colour}"
    yield from _classes(drawing)


def _node(node: Node) -> str:
    text = f"{_text(looks.title(node))}<br/>{_text(node.rtype)}"
    return f'{_id(node.guid)}["{text}"]' if node.is_base else f'{_id(node.guid)}("{text}")'


def _arrows(name: str, rule: Rule) -> Iterator[str]:
    if rule.is_direct:
        yield f'{_id(rule.on[0])} -. "{_text(rule.text)}" .-> {_id(rule.guids[0])}'
        return
    for guid in rule.on:
        yield f"{_id(guid)} -.- {name}"
    for guid in rule.guids:
        yield f"{name} -.-> {_id(guid)}"


def _classes(drawing: Drawing) -> Iterator[str]:
    """The looks, and a box for each state that occurs, which explains its colour."""
    nodes = drawing.nodes.values()
    states = looks.states(drawing)
    if states:
        yield "subgraph states"
        yield from (f'  state{state.name}["{state.name}"]' for state in states)
        yield "end"
    for state in states:
        look = looks.STATES[state]
        style = f"fill:{look.fill},color:{look.text},stroke:{looks.BORDER}"
        members = [_id(node.guid) for node in nodes if node.state is state]
        yield from _class(state.name, style, [f"state{state.name}", *members])
    failed, easy = (node for node in nodes if node.failed), (node for node in nodes if not node.critical)
    yield from _class("failed", f"stroke:{looks.FAILURE},stroke-width:4px", [_id(node.guid) for node in failed])
    yield from _class("uncritical", "stroke-dasharray:4 2", [_id(node.guid) for node in easy])


def _class(name: str, style: str, members: Iterable[str]) -> Iterator[str]:
    joined = ",".join(members)
    if joined:
        yield f"classDef {name} {style}"
        yield f"class {joined} {name}"


def _id(guid: int) -> str:
    return f"r{guid}"


def _text(text: str) -> str:
    """A text within quotes: whatever may mean something stands as the number of its character."""
    return _SPECIAL.sub(lambda match: f"#{ord(match[0])};", text)
