"""`netreel why`: why a resource is in its state and what it waits for, or why it was so late."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

import click

import eventlog
from replay.cli import runs, words
from replay.cli.completing import GUID, RUN
from replay.cli.program import Refused, common
from replay.critical import path_to
from replay.explaining import explained
from replay.views import find

if TYPE_CHECKING:
    from pathlib import Path

    from replay.critical import CriticalPath
    from replay.explaining import Explanation


@click.command(
    epilog="""\b
Example:
  netreel why hello client
  netreel why hello 3 --at 12.5s
  netreel why hello --late"""
)
@click.argument("run", type=RUN)
@click.argument("guid", required=False, type=GUID)
@click.option("--at", "at", help="A seq, a time from the start such as 12.5s, or a date such as 2030-01-31T12:00:00.")
@click.option("--late", is_flag=True, help="Tell what took the time; without GUID, until the last start or end of all.")
@common
def why(run: str, guid: str | None, at: str | None, late: bool, home: Path, as_json: bool) -> None:
    """Explain why a resource is in its state, and what it waits for.

    GUID is its number or its label. Each cause is told with what led to it, down to the line of the script that asked
    for it. By default, that is as of the end of the log.
    """
    if guid is None and not late:
        raise Refused("which resource? netreel why RUN GUID explains one, netreel why RUN --late what took the time")
    moment = None if at is None else runs.moment(at)
    found = runs.find(home, run)
    with eventlog.open(found.path) as log:
        world = runs.world_in(found, log, moment)
        resource = None if guid is None else find(world, guid)
        answer: CriticalPath | Explanation
        if late or resource is None:
            answer = path_to(log, world, resource)
        else:
            answer = explained(found.path, log, world, resource, moment)
    click.echo(words.to_json(answer.to_dict()) if as_json else _fitted(str(answer)))


def _fitted(text: str) -> str:
    """A text as wide as the terminal, if there is one. In a pipe nothing is folded."""
    return words.folded(text, shutil.get_terminal_size().columns) if sys.stdout.isatty() else text
