"""`netreel diff`: what is different between two runs, or between two moments of one."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import click

from replay.cli import runs, words
from replay.cli.completing import RUN
from replay.cli.program import Refused, common
from replay.comparing import diff as compare
from replay.comparing import runs_in

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="""\b
Example:
  netreel diff 4f3a9c21 07fc79ee
  netreel diff hello --from 10s --to 20s
  netreel diff --all before after"""
)
@click.argument("a", type=RUN)
@click.argument("b", required=False, type=RUN)
@click.option("--from", "begin", help="Look at A as of then: a seq, a time from its start such as 12.5s, or a date.")
@click.option("--to", "end", help="Look at B as of then, or at A if there is no B.")
@click.option("--all", "every", is_flag=True, help="Compare all runs of experiment A to all of B.")
@common
def diff(a: str, b: str | None, begin: str | None, end: str | None, every: bool, home: Path, as_json: bool) -> None:
    """Tell what is different between two runs.

    That is in description, order, times and results. Times that differ by noise alone are left out.
    """
    if b is None and (every or (begin is None and end is None)):
        raise Refused("with what? netreel diff A B compares two runs, netreel diff A --from T --to T two moments")
    one = _runs(home, a, every=every)
    other = one if b is None else _runs(home, b, every=every)
    moments = [None if text is None else runs.moment(text, name) for name, text in (("--from", begin), ("--to", end))]
    found = compare(one, other, *moments)
    if as_json:
        click.echo(words.to_json([each.to_dict() for each in found]))
        return
    click.echo(f"{_named(one)} → {_named(other)}: {words.count(len(found), 'difference')}")
    for section, differences in groupby(found, key=lambda each: each.section):
        click.echo(f"\n{section}")
        for each in differences:
            click.echo(f"  {each}")


def _runs(home: Path, text: str, *, every: bool) -> list[Path]:
    """The run that is meant, or all runs of its experiment."""
    run = runs.find(home, text)
    if not every:
        runs.world(run)  # refuses what cannot be read, in the words of the other commands
        return [run.path]
    return runs_in(run.path.parent) or [run.path]


def _named(paths: list[Path]) -> str:
    return paths[0].name if len(paths) == 1 else f"{len(paths)} runs of {paths[0].parent.name}"
