"""Findings as a page of HTML."""

from __future__ import annotations

import base64
import hashlib
import math
import re
from functools import cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from msgspec import Struct

from engine.core.errors import UsageError
from engine.core.states import ResourceState
from engine.dates import NS
from engine.plot import PFormats, render
from engine.plots.gantt import Bar
from engine.plots.looks import STATES
from replay.encoding import to_json
from replay.telling import duration, numbers, one_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from jinja2 import Template

    from engine.plots.drawing import Drawing
    from engine.plots.gantt import Gantt, Row
    from replay.reporting.gathering import Findings, Told

_MOST_BARS: Final = 40_000
"""A chart of more states is told less finely: a browser has to scroll through it."""

_MOST_STEPS: Final = 10_000
"""Of more steps, none is in the chart."""

_TICKS: Final = 6

_USELESS: Final = re.compile(r' clip-path="url\(#\w+\)"|<metadata>.*?</metadata>|(?<=>)\s+(?=<)', re.DOTALL)
"""What makes a plot half as large again: it is clipped to its whole page."""

_PATH: Final = re.compile(r'(?<= d=")[^"]+(?=")')
_FINE: Final = re.compile(r"(\.\d)\d+")
"""More than a tenth of a point."""


def to_html(found: Findings) -> str:
    """The page. It is the same each time that a run is told that has not gone on."""
    counts = dict.fromkeys(ResourceState, 0)
    for resource in found.world.resources.values():
        counts[resource.state] += 1
    script = _part("page.js")
    return _template().render(
        found=found,
        world=found.world,
        counts={state: number for state, number in counts.items() if number},
        looks=STATES,
        shown={bar.state for row in found.gantt.rows for bar in row.bars},
        style=Markup(_part("page.css")),  # noqa: S704 - a file of ours
        script=Markup(script),  # noqa: S704 - as above
        digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        topology=_topology(found.drawing),
        ticks=list(_ticks(found.gantt.end)),
        chart=_chart(found.gantt),
        events=_compact(found.events),
    )


@cache
def _template() -> Template:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"numbers": numbers, "one_line": one_line, "took": _took, "share": _share, "json": _value}
    return environment.from_string(_part("page.html"))


def _part(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _took(seconds: float) -> str:
    return duration(round(seconds * NS))


def _value(value: Any) -> str:
    return value if isinstance(value, str) else to_json(value, indent=None)


def _share(seconds: float, end: float) -> str:
    """Which part of a run it is, in percent, as styles have it."""
    return f"{100 * seconds / end if end else 0:.4g}"


# --- the parts ----------------------------------------------------------------------------------------------------


def _topology(drawing: Drawing) -> Markup | str:
    """The plot as a part of the page; or why there is none."""
    try:
        text = render(drawing, PFormats.SVG).decode()
    except UsageError as error:
        return str(error)
    text = text[text.index("<svg") :].replace("*{", "#topology svg *{", 1)  # which would be for all of the page
    text = _USELESS.sub("", text)
    text = _PATH.sub(lambda path: " ".join(_FINE.sub(r"\1", path[0]).split()), text)
    return Markup(text)  # noqa: S704 - the plot has escaped what the user said


def _ticks(end: float) -> Iterator[float]:
    """Round numbers of seconds from 0 to the end: a few of them."""
    if end <= 0:
        return
    power = 10 ** math.floor(math.log10(end / _TICKS))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor * _TICKS >= end)
    yield from (step * number for number in range(math.floor(end / step) + 1))


class _Chart(Struct, frozen=True):
    """The states and the steps of each resource, as far as they are shown.

    Attributes:
        piece: of a chart that is told less finely, how many seconds the shortest bar is; 0 of any other.
        has_steps: whether the steps are in it.
    """

    rows: Sequence[tuple[Row, Sequence[Bar], Sequence[tuple[float, float]]]]
    piece: float
    has_steps: bool


def _chart(gantt: Gantt) -> _Chart:
    is_fine = sum(len(row.bars) for row in gantt.rows) <= _MOST_BARS
    has_steps = sum(len(row.busy) for row in gantt.rows) <= _MOST_STEPS
    piece = 0.0 if is_fine else gantt.end / max(1, _MOST_BARS // len(gantt.rows))
    rows = [
        (row, list(_coarse(row.bars, piece)) if piece else row.bars, row.busy if has_steps else ())
        for row in gantt.rows
    ]
    return _Chart(rows, piece, has_steps)


def _coarse(bars: Iterable[Bar], piece: float) -> Iterator[Bar]:
    """Bars of so many seconds or a multiple of that, each of the state that took most of the time."""
    pieces: dict[int, dict[ResourceState, float]] = {}
    for bar in bars:
        for number in range(int(bar.begin / piece), math.ceil(bar.end / piece)):
            took = min(bar.end, (number + 1) * piece) - max(bar.begin, number * piece)
            states = pieces.setdefault(number, {})
            states[bar.state] = states.get(bar.state, 0) + took
    longest = ((number, max(states, key=states.__getitem__)) for number, states in pieces.items())
    for (state, _), group in groupby(enumerate(longest), lambda each: (each[1][1], each[1][0] - each[0])):
        places = [number for _, (number, _) in group]
        yield Bar(places[0] * piece, (places[-1] + 1) * piece, state)


def _compact(events: Iterable[Told]) -> dict[str, Any]:
    """The events as the page's script takes them."""
    kinds: dict[str, int] = {}
    rows = [
        [
            each.seq,
            round(each.seconds, 6),
            kinds.setdefault(each.kind, len(kinds)),
            each.guid,
            each.text,
            each.at,
            each.cause,
        ]
        for each in events
    ]
    return {"kinds": list(kinds), "rows": rows}
