"""How experiments, resources and time lines look in a notebook: plain HTML, without scripts, all texts escaped."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from engine.core import story
from engine.core.states import ResourceState
from engine.dates import NS
from engine.plots import looks

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from engine.core.world import Resource, World
    from engine.plots.gantt import Bar, Gantt
    from engine.plots.gantt import Row as Track

_MOST: Final = 100
"""Of more resources only so many are shown; a notebook keeps what it has shown."""

_LONGEST: Final = 200
_CELL: Final = "text-align:left;vertical-align:top;padding:1px 8px"


class Row(NamedTuple):
    """A resource as a line of a table.

    Attributes:
        since: when it came into its state.
        note: why it failed, or what it waits for.
    """

    guid: int
    label: str | None
    rtype: str
    state: ResourceState
    since: str
    note: str


def row_of(world: World, resource: Resource) -> Row:
    """A resource of a world."""
    waits = "; ".join(story.waiting_for(world, resource.guid))
    note = waits if resource.error is None else str(resource.error["message"])
    since = f"{(resource.times[resource.state] - world.start) / NS:.2f}\N{NO-BREAK SPACE}s"
    return Row(resource.guid, resource.label, resource.rtype, resource.state, since, note)


def experiment(title: str, moment: str, rows: Sequence[Row]) -> str:
    """An experiment: how many resources are in each state, and a line for each.

    Args:
        title: which one it is.
        moment: as of when, and how it stands.
        rows: its resources.
    """
    counts = [(state, sum(row.state is state for row in rows)) for state in ResourceState]
    counted = " ".join(f"{number} {_state(state)}" for state, number in counts if number)
    table = _table(["#", "label", "type", "state", "since", ""], map(_cells, rows[:_MOST]))
    return f"<div><b>{escape(title)}</b> {escape(moment)}<br>{counted}</div>{table}{_left_out(len(rows))}"


def _cells(row: Row) -> list[str | ResourceState]:
    return [str(row.guid), row.label or "", row.rtype, row.state, row.since, row.note]


def resource(row: Row, values: Mapping[str, Any]) -> str:
    """A resource: its state, what it waits for, and its attributes."""
    name = f"#{row.guid} {row.label}" if row.label else f"#{row.guid}"
    head = f"<b>{escape(name)}</b> {escape(row.rtype)} {_state(row.state)} since {escape(row.since)}"
    note = f"<br>{_text(row.note)}" if row.note else ""
    table = _table([], [[key, repr(value)] for key, value in values.items()]) if values else ""
    return f"<div>{head}{note}</div>{table}"


def chart(gantt: Gantt) -> str:
    """The states of each resource over time."""
    rows = "".join(_track(row, gantt.end or 1.0) for row in gantt.rows[:_MOST])
    found = {bar.state for row in gantt.rows for bar in row.bars}
    legend = " ".join(_state(state) for state in ResourceState if state in found)
    head = f"<div><b>{escape(gantt.title)}</b> {escape(gantt.moment)}<br>{legend}</div>"
    return f'{head}<table style="width:100%">{rows}</table>{_left_out(len(gantt.rows))}'


def _track(row: Track, end: float) -> str:
    bars = "".join(_bar(bar, end) for bar in row.bars)
    name = f'<td style="{_CELL};white-space:nowrap">{escape(row.name)} <small>{escape(row.rtype)}</small></td>'
    return f'<tr>{name}<td style="width:80%"><div style="position:relative;height:14px">{bars}</div></td></tr>'


def _bar(bar: Bar, end: float) -> str:
    place = f"left:{bar.begin / end:.3%};width:{(bar.end - bar.begin) / end:.3%}"
    look = f"position:absolute;height:14px;background:{looks.STATES[bar.state].fill};outline:1px solid {looks.BORDER}"
    return f'<span title="{bar.state.name} {bar.begin:.2f} to {bar.end:.2f} s" style="{place};{look}"></span>'


def _table(headings: Sequence[str], rows: Iterable[Sequence[str | ResourceState]]) -> str:
    head = "".join(f'<th style="{_CELL}">{escape(heading)}</th>' for heading in headings)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    return f"<table>{f'<tr>{head}</tr>' if head else ''}{body}</table>"


def _cell(value: str | ResourceState) -> str:
    return f'<td style="{_CELL}">{_state(value) if isinstance(value, ResourceState) else _text(value)}</td>'


def _state(state: ResourceState) -> str:
    look = looks.STATES[state]
    style = f"background:{look.fill};color:{look.text};border:1px solid {looks.BORDER};border-radius:3px;padding:0 4px"
    return f'<span style="{style}">{state.name}</span>'


def _text(text: str) -> str:
    return escape(text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…")


def _left_out(number: int) -> str:
    return f"<div>and {number - _MOST} more</div>" if number > _MOST else ""
