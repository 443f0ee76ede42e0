"""`netreel report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from replay.cli import runs, words
from replay.cli.completing import RUN
from replay.cli.destination import destination
from replay.cli.program import Refused, common
from replay.reporting import report as page_of

if TYPE_CHECKING:
    from replay import answers
    from replay.cli.runs import Run

_ENDINGS: Final = (".html", ".htm")


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
    type=click.Path(),
    default=".",
    help="A file, .html, a directory, or - for standard output.  [default: the current directory]",
)
@click.option("--no-traces", is_flag=True, help="Leave out what was recorded: no host is asked.")
@common
def report(run: str, output: str, no_traces: bool, home: Path, as_json: bool) -> None:
    """Write all about a run into one page of HTML: for a browser, a colleague or an archive.

    It has the topology, what was when, failures and how it came to them, conditions, the beginning of each trace,
    versions, hosts, an audit and all events. It needs no other file and no network. Says which file it wrote. A file of
    that name is replaced. The topology needs matplotlib: pip install 'netreel[plots]'.
    """
    if as_json and output == "-":
        raise Refused("--json and --output - both write to standard output; leave one of them out")
    found = runs.find(home, run)
    path = _path(found, output)
    page = page_of(found.path, with_traces=not no_traces)
    with destination(path) as file:
        file.write(page.encode())
    if path is not None:
        told: answers.Written = {"path": str(path), "format": "html"}
        click.echo(words.to_json(told) if as_json else path)


def _path(run: Run, output: str) -> Path | None:
    """The file to write; None for standard output.

    Raises:
        Refused: it is none that a page may replace.
    """
    path = Path(output)
    if output == "-":
        return None
    if path.is_dir():
        return path / f"{run.exp_id}_{run.run_id}.html"
    if output.endswith("/"):
        raise Refused(f"there is no directory {output}; give one that is there, or a file that ends in .html")
    if path.suffix.lower() not in _ENDINGS and (path.is_file() or not path.exists()):
        raise Refused(f"{output} cannot be a page: one ends in {' or '.join(_ENDINGS)}")
    return path
