"""What a terminal shows: tables that fit its width, and colours where it has them. In a pipe nothing is cut."""

from __future__ import annotations

import sys
from itertools import zip_longest
from typing import TYPE_CHECKING, Final

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.core.decide import describe
from engine.core.states import ResourceState
from engine.dates import to_datetime
from replay.cli import words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rich.console import RenderableType

    from engine.core.world import Resource, World
    from replay.cli.runs import Reading

_PADDING: Final = (0, 2, 0, 0)
_UNCUT: Final = 10_000
_NARROW: Final = 64
_TIME: Final = "%Y-%m-%d %H:%M:%S"


def stdout() -> Console:
    """Where answers go."""
    return _console(stderr=False)


def stderr() -> Console:
    """Where progress goes."""
    return _console(stderr=True)


def put(*parts: RenderableType) -> None:
    """Write to standard output, one below the other. In a pipe no line ends in blanks."""
    console = stdout()
    if console.file.isatty():
        console.print(*parts, sep="\n")
        return
    if console.color_system is None:  # nothing is to be cut, folded or coloured: that takes half the time of a command
        for part in parts:
            for line in _lines(part, console):
                click.echo(line.rstrip())
        return
    with console.capture() as capture:
        console.print(*parts, sep="\n")
    for line in capture.get().splitlines():
        click.echo(line.rstrip(), color=True)


def _lines(part: RenderableType, console: Console) -> Iterable[str]:
    """The lines of a part as they are where there is room for all."""
    if isinstance(part, Text | str):
        return str(part).split("\n")
    if isinstance(part, Table) and part.padding == _PADDING:
        return _rows(part)
    with console.capture() as capture:
        console.print(part)
    return capture.get().splitlines()


def _rows(table: Table) -> Iterable[str]:
    """The lines of a table that `grid` has made, as rich would have them."""
    columns = [[str(column.header), *map(str, column.cells)] for column in table.columns]
    widths = [max(cell_len(line) for cell in column for line in cell.split("\n")) for column in columns]
    right = [column.justify == "right" for column in table.columns]
    for row in zip(*columns, strict=True):
        for cells in zip_longest(*(cell.split("\n") for cell in row), fillvalue=""):
            yield "  ".join(map(_fitted, cells, widths, right))


def _fitted(cell: str, width: int, right: bool) -> str:
    blanks = " " * (width - cell_len(cell))
    return blanks + cell if right else cell + blanks


def width() -> int:
    """Columns of standard output."""
    return stdout().width


def _console(*, stderr: bool) -> Console:
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else _UNCUT
    return Console(stderr=stderr, width=width, highlight=False, markup=False, emoji=False)


def grid(*headings: str) -> Table:
    """A table without lines. Its columns are as wide as they need; its last one gets what is left."""
    table = Table(box=None, pad_edge=False, padding=_PADDING, header_style="dim")
    for heading in headings[:-1]:
        table.add_column(heading, no_wrap=True, overflow="ellipsis")
    table.add_column(headings[-1], overflow="fold")
    return table


def state(resource: Resource) -> Text:
    """The state of a resource in its colour; that of one that failed stays red after its release."""
    style = words.STYLES[resource.state] if resource.error is None else "red"
    return Text(resource.state.name, style=style)


def counts(world: World) -> Text:
    """How many resources are in each state, and how many of those that were released had failed."""
    parts = [counted(words.counts(world))] if world.resources else []
    failed = sum(
        ResourceState.FAILED in each.times and each.state is ResourceState.RELEASED for each in world.resources.values()
    )
    if failed:
        parts.append(Text(f"{failed} of them had failed", style="red"))
    return cut(Text(", ").join(parts) if parts else Text("none", style="dim"))


def counted(numbers: Mapping[ResourceState, int]) -> Text:
    """How many there are in each state."""
    parts = [Text(f"{number} {state.name}", style=words.STYLES[state]) for state, number in numbers.items()]
    return Text(", ").join(parts)


# --- a run ------------------------------------------------------------------------------------------------------


def charge(reading: Reading) -> Text:
    """Who is in charge of a run."""
    aborted = Text(", aborted", style="bold red") if reading.world.aborted else Text()
    if reading.charge == "over":
        return Text("over") + aborted
    if reading.holder is None:
        return Text("controller gone", style="yellow") + aborted
    return Text(f"running, pid {reading.holder.get('pid')}", style="green") + aborted


def heading(reading: Reading) -> Text:
    """Two lines: which run, who is in charge, since when and how far."""
    world = reading.world
    who = ""
    if reading.holder is not None:
        who = f" on {reading.holder.get('host')} since {reading.holder.get('since')}"
    elif reading.charge == "gone":
        who = f" (it was pid {world.holder.get('pid')} on {world.holder.get('host')})"
    extent = f"{words.count(world.seq, 'event')} over {words.duration(world.time - world.start)}"
    return Text("\n").join(
        [
            Text(world.exp_id, style="bold") + Text(f"  {world.run_id}"),
            charge(reading) + Text(who),
            Text(f"started {moment(world.start)}; {extent}; controller {world.epoch}", style="dim"),
        ]
    )


def resources(world: World, width: int) -> Table:
    """A line for each resource, and one more for each that has something to say.

    Args:
        world: the experiment.
        width: columns of the terminal; a narrow one gets fewer of ours.
    """
    table = _resource_table(width)
    for resource in world.resources.values():
        table.add_row(*_cells(world, resource, width), cut(Text(words.label(world, resource))))
        waiting = words.waiting(world, resource)
        if waiting:
            table.add_row(*[""] * (len(table.columns) - 1), Text(waiting, style="dim"))
    return table


def resource_lines(world: World, width: int) -> Table:
    """Exactly one line for each resource; see `resources`."""
    table = _resource_table(width)
    for resource in world.resources.values():
        text, note = words.label(world, resource), words.failure(resource) or words.waiting(world, resource)
        what = Text(words.one_line(text, 32) if note else text)
        if note:
            what.append(f"  {words.one_line(note, 200)}", style="dim")
        table.add_row(*_cells(world, resource, width), cut(what))
    return table


def cut(text: Text) -> Text:
    """A text that is cut, not wrapped, where there is no room for it."""
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _resource_table(width: int) -> Table:
    return grid(*(["#", "STATE", "WHAT"] if width < _NARROW else ["#", "STATE", "SINCE", "EXIT", "TYPE", "WHAT"]))


def _cells(world: World, resource: Resource, width: int) -> list[Text]:
    cells = [Text(str(resource.guid)), state(resource)]
    if width >= _NARROW:
        since = words.duration(resource.times[resource.state] - world.start)
        code = "" if resource.exit_code is None else str(resource.exit_code)
        cells += [Text(f"+{since}", style="dim"), Text(code), Text(resource.rtype)]
    return cells


def failures(world: World) -> Iterable[Text]:
    """Each failure, with all that is known of it."""
    for resource in world.resources.values():
        if resource.error is not None:
            yield Text(f"{describe(resource)}: ", style="bold red") + Text(words.failure(resource))


def moment(nanoseconds: int) -> str:
    """A time of day, with its date."""
    return f"{to_datetime(nanoseconds):{_TIME}}"
