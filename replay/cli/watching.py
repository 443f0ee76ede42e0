"""`netreel watch`."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING

import click

import eventlog
from engine import journal
from replay.cli import looking, runs
from replay.cli.completing import RUN
from replay.cli.program import common
from replay.views import to_time

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.core.world import World
    from replay.cli.runs import Run


@click.command(
    epilog="""\b
Example:
  netreel watch hello
  netreel watch hello --at 12.5s"""
)
@click.argument("run", type=RUN)
@click.option("--at", help="Where to begin: a seq, a time from the start such as 12.5s, or an ISO date.")
@common
@click.pass_context
def watch(ctx: click.Context, run: str, at: str | None, home: Path, as_json: bool) -> None:
    """Show a run on the whole screen, live or over.

    Its resources, what each waits for and why, its events, and the ends of its traces. The arrow keys go back and forth
    in time; ? tells what the other keys do. It only reads: any number of people can watch a run at once. Where there is
    no terminal, and with --json, the answer is that of netreel state.
    """
    if as_json or not _is_terminal():
        ctx.invoke(looking.state, run=run, at=at, home=home, as_json=as_json)
        return
    found = runs.find(home, run)
    world = _last(found) if at is None else runs.world(found, runs.moment(at))
    app = import_module("replay.watch.app").Watch(found.path, world, None if at is None else _time(found, world, at))
    app.run()
    ctx.exit(app.return_code or 0)


def _time(run: Run, world: World, at: str) -> int:
    """When the moment is that was asked for, in ns since 1970."""
    moment = runs.moment(at)
    with eventlog.open(run.path) as log:
        return world.time if isinstance(moment, int) else to_time(moment, log)


def _is_terminal() -> bool:
    return os.environ.get("TERM") != "dumb" and all(each.isatty() for each in (sys.stdin, sys.stdout, sys.stderr))


def _last(run: Run) -> World:
    """How it stands; of a damaged log, as far as that can be read."""
    try:
        return runs.world(run)
    except eventlog.Corrupt:
        with eventlog.open(run.path) as log:
            world = journal.rebuild(_before_damage(log))
        if not world.seq:
            raise
        return world


def _before_damage(log: eventlog.Log) -> Iterator[eventlog.Event]:
    with suppress(eventlog.Corrupt):
        yield from log.read()
