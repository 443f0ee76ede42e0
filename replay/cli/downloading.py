"""Traces of a run downloaded into files, several at a time."""

from __future__ import annotations

import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

import click
from msgspec import Struct
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from engine.core.decide import describe
from engine.core.errors import ExperimentError
from engine.rm.fetching import NotFetched, fetch
from replay.cli import screen, words
from replay.cli.program import FAILED, Refused, say
from replay.patience import Patience
from replay.traces import NotRead, side_by_side

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from engine.core.world import Resource
    from engine.rm.fetching import Fetched
    from replay.traces import Traces

PATIENCE: Final = 60.0
"""Seconds that a host may be silent in the middle of a trace."""

_FEW: Final = 5
"""More problems than these are counted."""


class _Wanted(Struct, frozen=True):
    """A trace, and the file that it is to be in."""

    resource: Resource
    name: str
    path: Path


def download(traces: Traces, resources: Iterable[Resource], names: Sequence[str], output: str, *, as_json: bool) -> int:
    """Download traces, and say where they are.

    Args:
        traces: of the run.
        resources: whose.
        names: which ones; all there are, if empty.
        output: the file for it, if it is one and neither a directory nor to be one; else the directory for files
            that are called GUID.NAME.
        as_json: whether to tell it in JSON.

    Returns:
        The exit status: whether all of them are there that were named, or are to be had.

    Raises:
        NoTrace, UsageError: one alone was wanted, and is not there.
        OSError: they cannot be put there.
    """
    wanted = _all(traces, resources, output) if not names else _named(resources, names, output)
    for each in wanted:
        if each.path.exists() and not each.path.is_file():
            raise Refused(f"{each.path} is there, and no file: it is not replaced; give another --output")
    with _Bar() as bar:
        results = side_by_side(partial(_fetch, traces, bar), wanted)
    done = [(each, result) for each, result in zip(wanted, results, strict=True) if not isinstance(result, Exception)]
    problems = [result for result in results if isinstance(result, Exception)]
    if len(wanted) == 1 and problems and not isinstance(problems[0], NotRead):
        raise problems[0]
    _tell(done, as_json=as_json)
    say_problems(problems)
    # Of all there are, those of hosts that were let go are no longer to be had, which is no failure.
    return FAILED if any(names or isinstance(problem, NotRead) for problem in problems) else 0


def say_problems(problems: Iterable[ExperimentError | str]) -> None:
    """Say what is wrong, the same thing once and not too many."""
    messages = list(dict.fromkeys(map(str, problems)))
    for message in messages[:_FEW]:
        say(message)
    if len(messages) > _FEW:
        say(f"and {len(messages) - _FEW} more")


def _named(resources: Iterable[Resource], names: Sequence[str], output: str) -> list[_Wanted]:
    alone = len(names) == 1 and not output.endswith("/") and not Path(output).is_dir()
    return [
        _Wanted(resource, name, Path(output) if alone else _file(output, resource, name))
        for resource in resources
        for name in dict.fromkeys(names)
    ]


def _all(traces: Traces, resources: Iterable[Resource], output: str) -> list[_Wanted]:
    """Those that are there, and those of which that is not known."""
    found = [each for each in traces.list(resources) if each.size is not None or each.problem]
    return [_Wanted(each.resource, each.name, _file(output, each.resource, each.name)) for each in found]


def _file(directory: str, resource: Resource, name: str) -> Path:
    return Path(directory) / f"{resource.guid}.{name.replace('/', '_')}"


def _fetch(traces: Traces, bar: _Bar, wanted: _Wanted) -> Fetched | ExperimentError:
    """Fetch one of them; what is wrong with it, if it cannot be."""
    try:
        reader = traces.reader(wanted.resource, wanted.name, Patience(PATIENCE, say))
        size = reader.size()
        if size is None:
            return traces.missing(wanted.resource, wanted.name)
        bar.expect(size)
        return fetch(reader, wanted.path, bar.advance)
    except NotFetched as error:
        return NotRead(f"trace {wanted.name!r} of {describe(wanted.resource)}: {error}")
    except ExperimentError as error:
        return error


class _Bar:
    """How far all of them together have come, if there is a terminal to show it. A context manager, for any thread."""

    def __init__(self) -> None:
        console = screen.stderr()
        shown = console.is_interactive and console.file.isatty()
        columns = TextColumn("downloading"), BarColumn(), DownloadColumn(), TransferSpeedColumn()
        self._progress = Progress(*columns, console=console, transient=True, disable=not shown)
        self._task = self._progress.add_task("", total=0)
        self._lock = threading.Lock()
        self._total = 0

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._progress.stop()

    def expect(self, size: int) -> None:
        """So many bytes more are to come."""
        with self._lock:
            self._total += size
            self._progress.update(self._task, total=self._total)

    def advance(self, size: int) -> None:
        """So many bytes more have come."""
        self._progress.advance(self._task, size)


def _tell(done: Iterable[tuple[_Wanted, Fetched]], *, as_json: bool) -> None:
    if as_json:
        click.echo(words.to_json([_entry(wanted, fetched) for wanted, fetched in done]))
        return
    for wanted, _ in done:
        click.echo(wanted.path)


def _entry(wanted: _Wanted, fetched: Fetched) -> dict[str, Any]:
    return {
        "guid": wanted.resource.guid,
        "trace": wanted.name,
        "path": str(wanted.path),
        "size": fetched.size,
        "sha256": fetched.sha256,
    }
