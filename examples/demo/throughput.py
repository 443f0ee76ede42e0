"""How fast data came through the network of the demo, as a table and as a picture."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from rich.table import Table

import eventlog

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from rich.console import Console

Rate = tuple[float, float, float]
"""From when to when, in seconds since 1970, and bits per second."""

STEP = 0.6  # seconds for each line of the table
BAR = 28  # characters for the fastest


def rates(samples: Sequence[tuple[float, int]]) -> list[Rate]:
    """The rate between each two samples of a counter of bytes."""
    pairs = pairwise(samples)
    return [(begun, ended, 8 * (after - before) / (ended - begun)) for (begun, before), (ended, after) in pairs]


def moments(run_dir: Path, killed: float, failing: int) -> list[tuple[float, str]]:
    """What happened to the run, in order; `failing` is the interface that goes down."""
    found = [(killed, "kill -9: nobody is in charge")]
    with eventlog.open(run_dir) as log:
        for event in log:
            if event.kind == "controller.opened" and event.epoch > 1:
                found.append((event.time / 1e9, "a second controller takes over"))
            if event.kind == "attribute.set" and event.guid == failing and event.epoch > 1:
                found.append((event.time / 1e9, "r1 - r2 goes down, as planned"))
    return sorted(found)


def table(console: Console, found: Sequence[Rate], happened: Iterable[tuple[float, str]]) -> None:
    """Print the rates, and what happened when."""
    shown = Table(box=None, padding=(0, 1), header_style="dim")
    for title, justify in (("s", "right"), ("Mbit/s", "right"), ("", "left"), ("", "left")):
        shown.add_column(title, justify=justify)  # type: ignore[arg-type]  # rich names the words it takes
    fastest = max(rate for *_, rate in found)
    for begun, ended, rate in _coarse(found):
        texts = [text for when, text in happened if begun <= when < ended]
        bar = "█" * round(BAR * rate / fastest)
        shown.add_row(f"{begun - found[0][0]:.1f}", f"{rate / 1e6:.1f}", bar, "; ".join(texts))
    console.print(shown)


def _coarse(found: Sequence[Rate]) -> list[Rate]:
    """The same in steps of `STEP`, or a little more."""
    steps: list[Rate] = []
    begun, bits = found[0][0], 0.0
    for start, end, rate in found:
        bits += rate * (end - start)
        if end - begun >= STEP - 0.05:
            steps.append((begun, end, bits / (end - begun)))
            begun, bits = end, 0.0
    return steps


def draw(path: Path, found: Sequence[Rate], happened: Iterable[tuple[float, str]]) -> str:
    """Draw the same; where the picture is, or why there is none."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - pictures are an extra
    except ImportError:
        return "for a picture of it install netreel[plots]"
    zero = found[0][0]
    figure = Figure(figsize=(9, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="seconds", ylabel="Mbit/s at right", title="Throughput from left to right")
    axes.stairs([rate / 1e6 for *_, rate in found], [0, *(end - zero for _, end, _ in found)], linewidth=2)
    top = max(rate for *_, rate in found) / 1e6
    for number, (when, text) in enumerate(happened):
        axes.axvline(when - zero, color="tab:red", linestyle="--", linewidth=1)
        place = (when - zero, top * (1.1 + 0.1 * number))
        box = {"facecolor": "white", "edgecolor": "none", "pad": 1}
        axes.annotate(text, place, xytext=(4, 0), textcoords="offset points", bbox=box)
    axes.set_ylim(0, top * 1.45)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)
    return f"drawn in {path}"
