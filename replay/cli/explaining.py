"""`netreel why`: why a resource is in its state, and what it waits for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

import eventlog
from replay.cli import runs, words
from replay.cli.program import common
from replay.explaining import explained
from replay.state import find

if TYPE_CHECKING:
    from pathlib import Path


@click.command(
    epilog="""\b
Example:
  netreel why hello client
  netreel why hello 3 --at 12.5s"""
)
@click.argument("run")
@click.argument("guid")
@click.option("--at", "at", help="A seq, a time from the start such as 12.5s, or a date such as 2030-01-31T12:00:00.")
@common
def why(run: str, guid: str, at: str | None, home: Path, as_json: bool) -> None:
    """Explain why a resource is in its state, and what it waits for.

    GUID is its number or its label. Each cause is told with what led to it, down to the line of the script that asked
    for it. By default, that is as of the end of the log.
    """
    moment = None if at is None else runs.moment(at)
    reading = runs.read(runs.find(home, run), moment)
    path, world = reading.run.path, reading.world
    with eventlog.open(path) as log:
        explanation = explained(path, log, world, find(world, guid), moment)
    click.echo(words.to_json(explanation.to_dict()) if as_json else explanation)
