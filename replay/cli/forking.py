"""`netreel fork`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.description import SFormats, to_text
from engine.home import EXP_ID
from replay.cli import runs, words
from replay.cli.completing import RUN
from replay.cli.destination import write_new
from replay.cli.program import Refused, common, say
from replay.forking import as_of

if TYPE_CHECKING:
    from replay import answers


@click.command(
    "fork",
    epilog="""\b
Example:
  netreel fork hello --at 12.5s --into what-if.json
  netreel run what-if.json""",
)
@click.argument("run", type=RUN)
@click.option("--into", type=click.Path(path_type=Path), required=True, help="The new file, .json or .xml.")
@click.option("--at", help="A seq, a time from the start such as 12.5s, or a date such as 2030-01-31T12:00:00.")
@common
def fork(run: str, into: Path, at: str | None, home: Path, as_json: bool) -> None:
    """Write an experiment, as it was described at some moment of a run, as a new one: to be changed and run.

    The new experiment is called as the file. It has the resources, attributes, connections and conditions as of then,
    by default the end of the log. Processes are not carried over: everything in it is NEW.
    """
    format_ = _check(into)
    found = runs.find(home, run)
    described, origin = as_of(found.path, None if at is None else runs.moment(at), into.stem)
    text = to_text(described, format_)
    try:
        write_new(into, text)
    except FileExistsError:
        raise Refused(f"{into} is there already; give --into a new file") from None
    if as_json:
        told: answers.Forked = {"path": str(into), "exp_id": described.exp_id, "origin": origin.to_dict()}
        click.echo(words.to_json(told))
        return
    click.echo(into)
    then = words.count(len(origin.states), "resource")
    say(f"{then} as of event {origin.seq}, {origin.seconds:.2f} s from its start; change it, then: netreel run {into}")


def _check(into: Path) -> SFormats:
    """See that a new experiment can be called as the file.

    Raises:
        Refused: it cannot.
    """
    formats = {f".{each.value}": each for each in SFormats}
    if into.suffix not in formats:
        raise Refused(f"{into} cannot be a description: one ends in {' or '.join(formats)}")
    if not EXP_ID.fullmatch(into.stem):
        raise Refused(
            f"{into.stem!r}, as the file is called, cannot be the name of an experiment: use the letters a to z, "
            "digits, '.', '_' and '-'"
        )
    return formats[into.suffix]
