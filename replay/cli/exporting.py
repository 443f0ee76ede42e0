"""`netreel export`: a run in the formats of other programs."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

import eventlog
from engine import journal
from engine.core.errors import nearest
from replay.cli import runs, words
from replay.cli.completing import GUID, RUN, TRACE
from replay.cli.destination import destination, naming
from replay.cli.downloading import say_problems
from replay.cli.program import FAILED, Refused, common, say
from replay.export import rows, tables
from replay.traces import Traces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from replay.cli.runs import Run

_TIMES: Final = {"perfetto": "to_perfetto", "otlp": "to_otlp"}
"""What makes JSON of a log, in the module of `replay.export` that is called as the format."""

_GRAPH: Final = "graphml"
_BUNDLE: Final = "ro-crate"
_BINARY: Final = "parquet"


@click.command(
    "export",
    epilog="""\b
Example:
  netreel export hello --to jsonl | jq 'select(.kind == "step.done")'
  netreel export hello --to csv --trace result --guid pinger --output pings.csv
  netreel export hello --to perfetto --output hello.perfetto.json
  netreel export hello --to ro-crate --output hello.zip""",
)
@click.argument("run", type=RUN)
@click.option("--to", required=True, type=click.Choice([*rows.FORMATS, *_TIMES, _GRAPH, _BUNDLE]), help="The format.")
@click.option(
    "--trace", type=TRACE, help="Not the events, but this trace of all resources, which is JSON, such as result."
)
@click.option(
    "--guid",
    "guids",
    type=GUID,
    multiple=True,
    help="With --trace: only of this resource, by its number or label; several times for several.",
)
@click.option("--at", help=f"With --to {_GRAPH}: as it stood then; a seq, a time from the start or a date.")
@click.option("--output", type=click.Path(), help="File to write.  [default: standard output]")
@common
def export(
    run: str,
    to: str,
    trace: str | None,
    guids: Sequence[str],
    at: str | None,
    output: str | None,
    home: Path,
    as_json: bool,
) -> int:
    """Write a run in a format of other programs.

    \b
    jsonl, csv, parquet  its events, or with --trace the results of its tools,
                         as a table: for spreadsheets, pandas, R or jq
    perfetto, otlp       what was when, and what led to it: for ui.perfetto.dev,
                         and for whatever takes spans of OpenTelemetry
    graphml              its resources, their states, and what waits for what
    ro-crate             all of it, with where it comes from, for an archive:
                         a new directory, or a file that ends in .zip

    A file of that name is replaced, unless nothing could be read. With --json, it is told in JSON what was written
    to it.
    """  # noqa: D301 - a backspace, by which click knows what it must not fold
    path = _path(output, to)
    _check(to, trace, guids, at, path)
    found = runs.find(home, run)
    problems: list[str] = []
    if to == _BUNDLE:
        assert path is not None
        told, problems = _write_bundle(found, path)
    elif trace is not None:
        told, problems = _write_results(found, trace, guids, to, path)
    elif to == _GRAPH:
        told = _write_graph(found, at, path)
    else:
        told = _write_events(found, to, path)
    if path is not None and (told.get("rows", 1) or not problems):
        click.echo(words.to_json({"path": str(path), "format": to, **told}) if as_json else path)
    say_problems(problems)
    return FAILED if problems else 0


def _path(output: str | None, to: str) -> Path | None:
    if output is not None and output.endswith("/") and to != _BUNDLE:
        raise Refused(f"{output} names a directory; --output is the file to write")
    return None if output in (None, "-") else Path(output)


def _check(to: str, trace: str | None, guids: Sequence[str], at: str | None, path: Path | None) -> None:
    """Refuse options that do not go together."""
    if guids and trace is None:
        raise Refused(
            "--guid goes with --trace; events of one resource are what netreel log RUN --guid GUID --json shows"
        )
    if trace is not None and to not in rows.FORMATS:
        raise Refused(f"--trace makes a table: take --to {', '.join(rows.FORMATS)} with it, and not {to}")
    if at is not None and to != _GRAPH:
        raise Refused(f"--at goes with --to {_GRAPH}; all other formats tell of the whole run")
    if path is None and to == _BUNDLE:
        raise Refused(f"a bundle is no text: give --output with --to {to}, a new directory or a file that ends in .zip")
    if path is None and to == _BINARY and sys.stdout.isatty():
        raise Refused(f"{to} is no text: give --output with it, or a pipe")


# --- what is written, each with what is told of it ----------------------------------------------------------------


def _write_events(run: Run, to: str, path: Path | None) -> dict[str, Any]:
    with eventlog.open(run.path) as log:
        if next(log.read(), None) is None:
            raise journal.nothing_in(run.path)
        told: dict[str, Any] = {}
        if to in _TIMES:
            make = getattr(import_module(f"replay.export.{to}"), _TIMES[to])
            with destination(path) as file:
                file.writelines(piece.encode() for piece in make(log.read()))
        else:
            with destination(path) as file:
                told = {"rows": rows.FORMATS[to](tables.events(log.read()), file)}
        if log.torn is not None:
            say(str(log.torn))
    return told


def _write_results(
    run: Run, name: str, guids: Sequence[str], to: str, path: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Write what a trace says, of some or of all that have it; also, what could not be read."""
    traces = Traces(run.path, runs.read(run).world)
    table, problems = tables.results(traces, name, [traces.find(guid) for guid in guids])
    if problems and not table.rows:
        return {"rows": 0}, problems
    if not table.rows:
        known = {each for resource in traces.world.resources.values() for each in traces.names(resource)}
        if name not in known:
            raise Refused(f"no resource has a trace {name!r}; {nearest(name, known)}")
        say(f"there is nothing in a trace {name!r} of any resource")
    with destination(path) as file:
        return {"rows": rows.FORMATS[to](table, file)}, problems


def _write_graph(run: Run, at: str | None, path: Path | None) -> dict[str, Any]:
    from replay.export.graphml import to_graphml  # noqa: PLC0415 - networkx takes a tenth of a second

    reading = runs.read(run, None if at is None else runs.moment(at))
    _write(to_graphml(reading.world), path)
    if reading.torn is not None:
        say(str(reading.torn))
    return {"resources": len(reading.world.resources)}


def _write_bundle(run: Run, path: Path) -> tuple[dict[str, Any], list[str]]:
    """Write everything; also, what should be in it and is not."""
    from replay.export.crate import write_crate  # noqa: PLC0415 - few need it, and it loads a lot

    with naming(path):
        bundled = write_crate(run.path, path)
    say_problems(bundled.gone)
    return {"files": bundled.files}, list(bundled.missing)


def _write(content: bytes, path: Path | None) -> None:
    with destination(path) as file:
        file.write(content)
