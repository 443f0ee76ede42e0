"""`netreel report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from replay.cli import runs, words
from replay.cli.completing import RUN
from replay.cli.destination import destination
from replay.cli.program import Refused, common
from replay.reporting import report as page_of

if TYPE_CHECKING:
    from replay import answers
    from replay.cli.runs import Run


@click.command(
    "report",
    epilog="""\b
Example:
  netreel report hello
  netreel report hello --output hello.html""",
)
@click.argument("run", type=RUN)
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    default=Path(),
    help="A file, a directory, or - for standard output.  [default: the current directory]",
)
@click.option("--no-traces", is_flag=True, help="Leave out what was recorded: no host is asked.")
@common
def report(run: str, output: Path, no_traces: bool, home: Path, as_json: bool) -> None:
    """Write all about a run into one page of HTML: for a browser, a colleague or an archive.

    It has the topology, what was when, failures and how it came to them, conditions, the beginning of each trace,
    versions, hosts, an audit and all events. It needs no other file and no network. Says which file it wrote. A file of
    that name is replaced. The topology needs matplotlib: pip install 'netreel[plots]'.
    """
    if as_json and output == Path("-"):
        raise Refused("--json and --output - both write to standard output; leave one of them out")
    found = runs.find(home, run)
    path = _path(found, output)
    page = page_of(found.path, with_traces=not no_traces)
    with destination(path) as file:
        file.write(page.encode())
    if path is not None:
        told: answers.Written = {"path": str(path), "format": "html"}
        click.echo(words.to_json(told) if as_json else path)


def _path(run: Run, output: Path) -> Path | None:
    if output == Path("-"):
        return None
    return output / f"{run.exp_id}_{run.run_id}.html" if output.is_dir() else output
