"""The commands that look: `ls`, `show`, `state` and `check`. They read logs, and change nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click
from msgspec import Struct
from rich.table import Table
from rich.text import Text

import eventlog
from engine import journal
from engine.core.errors import UsageError
from replay.cli import runs, screen, words
from replay.cli.completing import RUN
from replay.cli.program import FAILED, common, say
from replay.views import timers, view

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from engine.core import events
    from engine.core.world import World
    from replay import answers
    from replay.cli.runs import Reading, Run


_MANY: Final = 40
"""More resources than that are counted where one screen is all there is; `state` has each of them."""

_NARROW: Final = 90
"""With fewer columns, a list has no times."""

# --- ls -----------------------------------------------------------------------------------------------------------


class _Listed(Struct, frozen=True):
    """A run in the list; one that cannot be read has a problem in place of a reading."""

    run: Run
    reading: Reading | None
    problem: str = ""


@click.command(
    epilog="""\b
Example:
  netreel ls
  netreel ls --json | jq '.[] | select(.state == "gone").run_id'"""
)
@common
def ls(home: Path, as_json: bool) -> None:
    """List all runs, the newest first."""
    listed = [_list(run) for run in runs.all_runs(home)]
    if as_json:
        click.echo(words.to_json([_listed_json(entry) for entry in listed]))
    elif listed:
        screen.put(_list_table(listed, screen.width()))
    else:
        say(f"there is no run below {home} yet; netreel run SCRIPT makes one")


def _list(run: Run) -> _Listed:
    try:
        return _Listed(run, runs.read(run))
    except (UsageError, eventlog.NoLog):
        return _Listed(run, None, "empty")
    except eventlog.WrongVersion:
        return _Listed(run, None, "of a later version")
    except eventlog.LogError:
        return _Listed(run, None, "damaged")
    except OSError as error:
        return _Listed(run, None, (error.strerror or str(error)).lower())


def _list_table(listed: list[_Listed], width: int) -> Table:
    table = screen.grid("RUN", "EXPERIMENT", "STATE", *([] if width < _NARROW else ["STARTED", "TOOK"]), "RESOURCES")
    for entry in listed:
        table.add_row(entry.run.short_id, entry.run.exp_id, *_list_cells(entry, width))
    return table


def _list_cells(entry: _Listed, width: int) -> list[Text]:
    if entry.reading is None:
        return [Text(entry.problem, style="red")]
    world = entry.reading.world
    times = [Text(screen.moment(world.start)), Text(words.duration(entry.reading.took))]
    return [screen.charge(entry.reading), *([] if width < _NARROW else times), screen.counts(world)]


def _listed_json(entry: _Listed) -> answers.Summary | answers.Unreadable:
    if entry.reading is not None:
        return entry.reading.summary()
    return {**entry.run.to_dict(), "state": "unreadable", "problem": entry.problem}


# --- show ---------------------------------------------------------------------------------------------------------


_COMMANDS: Final = {
    "over": [("log", "what happened"), ("check", "whether all of it was allowed")],
    "running": [("log -f", "what happens")],
    "gone": [("reconnect", "go on with it"), ("release", "undo what it left"), ("log", "what happened")],
}
"""What can be done next, by who is in charge."""


@click.command(
    epilog="""\b
Example:
  netreel show hello"""
)
@click.argument("run", type=RUN)
@common
def show(run: str, home: Path, as_json: bool) -> None:
    """Show how a run stands, and what can be done."""
    reading = runs.read(runs.find(home, run))
    if as_json:
        click.echo(words.to_json(reading.to_dict()))
        return
    few = len(reading.world.resources) <= _MANY
    body = screen.resources(reading.world, screen.width()) if few else screen.counts(reading.world)
    screen.put(screen.heading(reading), "", body, *_remarks(reading), "", _advice(reading, home, few=few))


def _remarks(reading: Reading) -> Iterator[Text]:
    failures = list(screen.failures(reading.world))
    for failure in failures[:_MANY]:
        yield Text("\n") + failure
    if len(failures) > _MANY:
        yield Text(f"\nand {len(failures) - _MANY} more failed", style="bold red")
    for error in words.task_errors(reading.world):
        yield Text(f"\n{error}", style="bold red")
    for warning in words.warnings(reading.world):
        yield Text(f"\n{warning}", style="yellow")
    if reading.torn is not None:
        yield Text(f"\n{reading.torn}", style="yellow")


def _advice(reading: Reading, home: Path, *, few: bool) -> Table:
    name = reading.run.called(home)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    resumable = reading.charge == "gone" and "path" in reading.world.holder.get("script", {})
    commands = [("resume", "go on with its script")] if resumable else []
    for command, what in [*commands, *_COMMANDS[reading.charge], *([] if few else [("state", "each resource")])]:
        table.add_row(f"netreel {command} {name}", Text(what, style="dim"))
    return table


# --- state --------------------------------------------------------------------------------------------------------


@click.command(
    epilog="""\b
Example:
  netreel state hello --at 2.5s
  netreel state hello --at 28 --json"""
)
@click.argument("run", type=RUN)
@click.option("--at", "at", help="A seq, a time from the start such as 12.5s, or a date such as 2030-01-31T12:00:00.")
@common
def state(run: str, at: str | None, home: Path, as_json: bool) -> None:
    """Show an experiment as it stood at any moment.

    By default, that is the end of its log.
    """
    found = runs.find(home, run)
    world = runs.world(found, None if at is None else runs.moment(at))
    if as_json:
        click.echo(words.to_json(view(world).to_dict()))
        return
    after = words.duration(world.time - world.start)
    heading = Text(f"{found.run_id} after event {world.seq}, {after} from its start", style="bold")
    screen.put(heading, screen.resources(world, screen.width()), *_pending(world))


def _pending(world: World) -> Iterator[str]:
    for timer in timers(world):
        yield f"#{timer.guid} is to {timer.step} at {timer.due:%H:%M:%S.%f}"
    for number, task in world.tasks.items():
        yield f"task {number} is {task.state}, due {screen.moment(task.due)}"


# --- check --------------------------------------------------------------------------------------------------------


@click.command(
    epilog="""\b
Example:
  netreel check hello"""
)
@click.argument("run", type=RUN)
@common
def check(run: str, home: Path, as_json: bool) -> int:
    """Audit a log: was all that happened allowed?

    If something was not, the exit status is 1.
    """
    from replay.audit import audit  # noqa: PLC0415 - none of the other commands needs it

    found = runs.find(home, run)
    counted: list[int] = []
    with eventlog.open(found.path) as log:
        violations = audit(_counted(log, counted))
    if not counted:
        raise journal.nothing_in(found.path)
    if as_json:
        told: answers.Audit = {"events": len(counted), "violations": [each.to_dict() for each in violations]}
        click.echo(words.to_json(told))
    else:
        for violation in violations:
            click.echo(violation)
        result = words.count(len(violations), "violation") if violations else "all of it was allowed"
        click.echo(f"{words.count(len(counted), 'event')} of {found.run_id} audited: {result}")
    return FAILED if violations else 0


def _counted(log: eventlog.Log, counted: list[int]) -> Iterator[events.Entry]:
    for record in log:
        counted.append(record.seq)
        yield journal.to_entry(record)
