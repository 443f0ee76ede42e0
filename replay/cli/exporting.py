"""`netreel export`: a run as a table for other programs."""

from __future__ import annotations

import csv
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final

import click

import eventlog
from replay import exporting
from replay.cli import runs, words
from replay.cli.program import FAILED, Refused, common, say
from replay.traces import Traces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from replay.cli.runs import Run
    from replay.exporting import Table

# --- formats ------------------------------------------------------------------------------------------------------


def _write_jsonl(table: Table, file: IO[str]) -> int:
    count = 0
    for count, row in enumerate(table.rows, 1):  # noqa: B007 - how many there were is the answer
        file.write(words.to_json(row, indent=None) + "\n")
    return count


def _write_csv(table: Table, file: IO[str]) -> int:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(table.columns)
    count = 0
    for count, row in enumerate(table.rows, 1):  # noqa: B007 - as above
        writer.writerow([_cell(row.get(column)) for column in table.columns])
    return count


def _cell(value: Any) -> str | int | float | None:
    """Texts and numbers as they are, nothing as nothing, and the rest as JSON."""
    is_plain = value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))
    return value if is_plain else words.to_json(value, indent=None)


FORMATS: Final[Mapping[str, Callable[[Table, IO[str]], int]]] = {"jsonl": _write_jsonl, "csv": _write_csv}
"""What writes a table, and says how many rows it had, by the name of the format."""


# --- the command --------------------------------------------------------------------------------------------------


@click.command(
    "export",
    epilog="""\b
Example:
  netreel export hello --to jsonl | jq 'select(.kind == "step.done")'
  netreel export hello --to csv --trace result --guid pinger --output pings.csv""",
)
@click.argument("run")
@click.option("--to", required=True, type=click.Choice(list(FORMATS)), help="The format.")
@click.option("--trace", help="Not the events, but this trace of all resources, which is JSON, such as result.")
@click.option(
    "--guid",
    "guids",
    multiple=True,
    help="With --trace: only of this resource, by its number or label; several times for several.",
)
@click.option("--output", type=click.Path(), help="File to write.  [default: standard output]")
@common
def export(
    run: str, to: str, trace: str | None, guids: Sequence[str], output: str | None, home: Path, as_json: bool
) -> int:
    """Write the events of a run, or the results of its tools, as a table: for spreadsheets, pandas, R or jq.

    A file of that name is replaced, unless nothing could be read. With --json, it is told in JSON what was written
    to it.
    """
    if guids and trace is None:
        raise Refused(
            "--guid goes with --trace; events of one resource are what netreel log RUN --guid GUID --json shows"
        )
    found = runs.find(home, run)
    path = _path(output)
    if trace is None:
        rows, problems = _write_events(found, to, path), list[str]()
    else:
        rows, problems = _write_results(found, trace, guids, to, path)
    if path is not None and (rows or not problems):
        told = {"path": str(path), "format": to, "rows": rows}
        click.echo(words.to_json(told) if as_json else path)
    for problem in problems:
        say(problem)
    return FAILED if problems else 0


def _path(output: str | None) -> Path | None:
    if output is not None and output.endswith("/"):
        raise Refused(f"{output} names a directory; --output is the file to write")
    return None if output in (None, "-") else Path(output)


def _write_events(run: Run, to: str, path: Path | None) -> int:
    """Write the events; how many there were."""
    with eventlog.open(run.path) as log:
        if next(log.read(), None) is None:
            raise Refused(f"{run.path} holds no event: its controller ended before it wrote one")
        with _destination(path) as file:
            rows = FORMATS[to](exporting.events(log.read()), file)
        if log.torn is not None:
            say(str(log.torn))
    return rows


def _write_results(run: Run, name: str, guids: Sequence[str], to: str, path: Path | None) -> tuple[int, list[str]]:
    """Write what a trace says, of some or of all that have it; how many rows there were, and what could not be read."""
    traces = Traces(run.path, runs.read(run).world)
    table, problems = exporting.results(traces, name, [traces.find(guid) for guid in guids])
    if problems and not table.rows:
        return 0, problems
    with _destination(path) as file:
        return FORMATS[to](table, file), problems


@contextmanager
def _destination(output: Path | None) -> Iterator[IO[str]]:
    """Where to write to. A file is put in place once it is whole."""
    if output is None:
        yield sys.stdout
    elif output.exists() and not output.is_file():  # such as a pipe, which is not to be replaced
        with output.open("w", encoding="utf-8") as file:
            yield file
    else:
        draft = output.with_name(f".{output.name}.part")
        try:
            with draft.open("w", encoding="utf-8", newline="") as file:
                yield file
            draft.replace(output)
        finally:
            draft.unlink(missing_ok=True)
