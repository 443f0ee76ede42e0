"""Plots as DOT, which graphviz draws: ``dot -Tpdf``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.plots import looks

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from engine.core.states import ResourceState
    from engine.plots.drawing import Drawing, Node, Rule

_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n", "&": "&amp;"})


def dot(drawing: Drawing) -> str:
    """The drawing as a directed graph; wires have no direction, but begin at the one that is needed first."""
    return "\n".join([f"digraph {_quoted(drawing.name)} {{", *(f"  {line}" for line in _lines(drawing)), "}", ""])


def _lines(drawing: Drawing) -> Iterator[str]:
    title = f"{drawing.title}\n{drawing.moment}"
    yield f"graph [{_attributes(label=title, labelloc='t', fontname='sans-serif')}];"
    yield f"node [{_attributes(shape='box', fontname='sans-serif', fontsize='10')}];"
    yield f"edge [{_attributes(fontname='sans-serif', fontsize='8')}];"
    for node in drawing.nodes.values():
        yield f"{_id(node.guid)} [{_attributes(**_node(node))}];"
    for one, two in drawing.wires:
        yield f"{_id(one)} -> {_id(two)} [{_attributes(dir='none', color=looks.WIRE)}];"
    for number, rule in enumerate(drawing.rules):
        yield from _rule(f"rule{number}", rule)
    yield from _legend(looks.states(drawing))


def _node(node: Node) -> Mapping[str, str]:
    style = ["filled", *([] if node.is_base else ["rounded"]), *([] if node.critical else ["dashed"])]
    return {
        "label": f"{looks.title(node)}\n{node.rtype}",
        "tooltip": node.story,
        "style": ",".join(style),
        **_colours(node.state),
        "color": looks.FAILURE if node.failed else looks.BORDER,
        "penwidth": "3" if node.failed else "1",
    }


def _colours(state: ResourceState) -> Mapping[str, str]:
    return {"fillcolor": looks.STATES[state].fill, "fontcolor": looks.STATES[state].text}


def _rule(name: str, rule: Rule) -> Iterator[str]:
    colour = looks.colour(rule)
    line = {"style": "dashed", "color": colour, "fontcolor": colour}
    if rule.is_direct:
        yield f"{_id(rule.on[0])} -> {_id(rule.guids[0])} [{_attributes(**line, label=rule.text)}];"
        return
    yield f"{name} [{_attributes(shape='point', color=colour, fontcolor=colour, xlabel=rule.text)}];"
    for guid in rule.on:
        yield f"{_id(guid)} -> {name} [{_attributes(**line, dir='none')}];"
    for guid in rule.guids:
        yield f"{name} -> {_id(guid)} [{_attributes(**line)}];"


def _legend(states: list[ResourceState]) -> Iterator[str]:
    if states:
        yield f"subgraph cluster_states {{ {_attributes('; ', label='states', fontsize='8')};"
        for state in states:
            yield f"  state_{state.name} [{_attributes(label=state.name, style='filled', **_colours(state))}];"
        yield "}"


def _id(guid: int) -> str:
    return f"r{guid}"


def _attributes(separator: str = ", ", /, **values: str) -> str:
    return separator.join(f"{name}={_quoted(value)}" for name, value in values.items())


def _quoted(text: str) -> str:
    """A string of DOT that shows as this text: there, a backslash and an ampersand mean something."""
    return f'"{text.translate(_ESCAPES)}"'
