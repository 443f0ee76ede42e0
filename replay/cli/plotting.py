"""`netreel plot`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import replace

from engine import description
from engine.plot import Gantt, PFormats, draw, format_for, render, write
from replay.cli import runs, scripts, words
from replay.cli.completing import RUN
from replay.cli.program import Refused, common
from replay.intervals import timeline

if TYPE_CHECKING:
    from engine.plot import Drawing

_FORMATS: Final = {
    "png": PFormats.FIGURE,
    "svg": PFormats.SVG,
    "dot": PFormats.DOT,
    "mermaid": PFormats.MERMAID,
}
_NAMES: Final = {each: name for name, each in _FORMATS.items()}


@click.command(
    "plot",
    epilog="""\b
Example:
  netreel plot hello
  netreel plot hello --at 2.5s --output before.svg
  netreel plot hello --gantt --output states.svg
  netreel plot hello --format dot --output - | dot -Tpdf > hello.pdf""",
)
@click.argument("what", metavar="RUN|FILE", type=RUN)
@click.option(
    "--format",
    "name",
    type=click.Choice(list(_FORMATS)),
    help="What it is written as.  [default: as --output ends, else png]",
)
@click.option(
    "--output",
    type=click.Path(path_type=Path),
    default=Path(),
    help="A file, whose ending may be left out, a directory, or - for standard output.  [default: the current "
    "directory]",
)
@click.option("--gantt", is_flag=True, help="Draw a Gantt chart instead: the states of each resource over time.")
@click.option("--at", help="A seq, a time from the start such as 12.5s, or a date such as 2030-01-31T12:00:00.")
@common
def plot(what: str, name: str | None, output: Path, at: str | None, gantt: bool, home: Path, as_json: bool) -> None:
    """Draw the resources of a run, or of a saved description (.xml, .json): their states, connections and conditions.

    Says which file it wrote. A file of that name is replaced. PNG and SVG, of which a Gantt chart is one, need
    matplotlib: pip install 'netreel[plots]'.
    """
    if as_json and output == Path("-"):
        raise Refused("--json and --output - both write to standard output; leave one of them out")
    format_ = format_for(output, None if name is None else _FORMATS[name])
    drawing = _drawing(home, what, at, gantt=gantt)
    if output == Path("-"):
        click.echo(render(drawing, format_), nl=False)
        return
    path = write(drawing, output, format_)
    click.echo(words.to_json(_told(drawing, path, _NAMES[format_])) if as_json else path)


def _drawing(home: Path, what: str, at: str | None, *, gantt: bool) -> Drawing | Gantt:
    if scripts.is_description(Path(what)):
        if gantt:
            raise Refused(f"{what} is a description, in which nothing has happened; leave --gantt out")
        return _described(Path(what), at)
    run, moment = runs.find(home, what), None if at is None else runs.moment(at)
    return timeline(run.path, moment).gantt() if gantt else draw(runs.world(run, moment))


def _described(path: Path, at: str | None) -> Drawing:
    if at is not None:
        raise Refused(f"{path} is a description, which has no moments; leave --at out")
    found = description.read(path)
    world = description.prepare(found).world
    return replace(draw(world), name=found.exp_id, title=found.exp_id, moment="as described")


def _told(drawing: Drawing | Gantt, path: Path, name: str) -> dict[str, object]:
    told: dict[str, object] = {"path": str(path), "format": name}
    if isinstance(drawing, Gantt):
        return {**told, "resources": len(drawing.rows)}
    return {
        **told,
        "resources": len(drawing.nodes),
        "connections": len(drawing.wires),
        "conditions": sum(not rule.is_plan for rule in drawing.rules),
        "planned": sum(rule.is_plan for rule in drawing.rules),
    }
