"""The commands that take charge: `run`, `reconnect` and `release`."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

import eventlog
from engine import description
from engine.controller import ExperimentController
from engine.core.decide import describe
from engine.core.errors import Closed, ExperimentError, UnknownResourceType
from engine.core.states import ENDS, ResourceState
from engine.description import foreign
from engine.ending import RAISED
from engine.runner import ends_by_itself, that_end
from replay.cli import runs, screen, scripts, words
from replay.cli.charge import Charge
from replay.cli.completing import RUN
from replay.cli.program import FAILED, Refused, common, say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from engine.core.world import Resource, World
    from engine.description import Description
    from replay.cli.runs import Reading, Run

quiet_option: Final = click.option("-q", "--quiet", is_flag=True, help="Show no progress.")


# --- run ----------------------------------------------------------------------------------------------------------


@click.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    epilog="""\b
Example:
  netreel run experiment.py --hosts 3
  netreel run experiment.xml""",
)
@click.argument("script", type=click.Path(path_type=Path))
@click.argument("args", nargs=-1, type=click.UNPROCESSED)
@quiet_option
@common
def run(script: Path, args: tuple[str, ...], quiet: bool, home: Path, as_json: bool) -> int:
    """Run a Python script that describes experiments, or a description (.xml, .json, .clab.yml).

    Of a description everything is deployed, and released once all has ended that comes to an end.

    On a terminal, what they do is shown meanwhile. Ctrl-C lets go of them: what runs goes on, and reconnect comes back
    to it. A second Ctrl-C within a second releases everything. With --json, what the script prints goes to standard
    error.
    """
    charge = Charge(quiet=quiet)
    act = _prepare(script, args, charge)
    os.environ["NETREEL_HOME"] = str(home)
    with printing(as_json=as_json):
        status = charge.during(act)
    return conclude(charge, status, home, as_json=as_json)


def _prepare(path: Path, args: tuple[str, ...], charge: Charge) -> Callable[[], int]:
    """What runs a file, once it is seen that it can be."""
    scripts.check(path)
    if not scripts.is_description(path):
        return lambda: scripts.run(path, args, lambda: charge.letting_go)
    if args:
        raise Refused(
            f"{path} is a description, which takes no arguments such as {args[0]}; options of run stand before it"
        )
    found = description.read(path)
    problems = description.problems(found)
    if problems:
        raise description.BadDescription(problems)
    for remark in found.remarks:
        say(f"{path}: {remark}")
    return lambda: _carry_out(found, is_foreign=foreign.reader(path) is not None)


def _carry_out(found: Description, *, is_foreign: bool) -> int:
    """Run a description until what ends in it has ended. A file of another program only says what is to be there."""
    with description.build(found, ExperimentController) as ec:
        ec.deploy()
        ends = [] if is_foreign else ec._session.read(that_end)
        ec.wait_finished(ends or ec.resources)
        return _release(ec)


def printing(*, as_json: bool) -> AbstractContextManager[object]:
    """Where a script prints to: standard output, unless that has the answer in JSON."""
    return redirect_stdout(sys.stderr) if as_json else nullcontext()


def conclude(charge: Charge, status: int, home: Path, *, as_json: bool) -> int:
    """Tell how the runs of a script ended; the exit status that comes of its own."""
    readings = charge.readings()
    for reading in readings:
        _warn(reading.world)
        tell(reading, home)
    if as_json:
        click.echo(words.to_json([reading.summary() for reading in readings]))
    return status or (FAILED if any(reading.world.aborted for reading in readings) else 0)


def _warn(world: World) -> None:
    """What else was not as it should be, and failed nothing."""
    for remark in [*words.task_errors(world), *words.warnings(world)]:
        if remark.startswith(RAISED):
            continue  # its traceback has been shown
        say(f"{world.exp_id}: {words.one_line(remark, 200)}")


def tell(reading: Reading, home: Path) -> None:
    """How a run ended: always if there is something to do about it, else only to somebody who is there."""
    name, world = reading.run.called(home), reading.world
    if reading.charge != "over":
        say(f"{world.exp_id} {_left(world, name)}")
    elif world.aborted:
        say(f"{world.exp_id} failed because of {words.abortion(world)}; look at it: netreel show {name}")
    elif sys.stderr.isatty():
        took = words.duration(world.time - world.start)
        say(f"{world.exp_id} is released after {took}; look at it: netreel show {name}")


def _left(world: World, name: str) -> str:
    failed = f"failed because of {words.abortion(world)}, and " if world.aborted else ""
    if any(_will_end(world, resource) for resource in world.resources.values()):
        return f"{failed}goes on without its controller; to come back: netreel reconnect {name}"
    return f"{failed}is not released; to do so: netreel release {name}"


def _will_end(world: World, resource: Resource) -> bool:
    """Whether an end of its own is still to come."""
    begun = resource.group is not None or resource.state is ResourceState.STARTED
    return begun and resource.state not in ENDS and ends_by_itself(world, resource)


# --- reconnect ----------------------------------------------------------------------------------------------------


@click.command(
    epilog="""\b
Example:
  netreel reconnect hello
  netreel reconnect hello --release"""
)
@click.argument("run", type=RUN)
@click.option("--release", "releases", is_flag=True, help="Release everything and shut down at the end.")
@quiet_option
@common
def reconnect(run: str, releases: bool, quiet: bool, home: Path, as_json: bool) -> int:
    """Take over a run, and wait until everything in it has ended.

    Its controller must be gone. In the end the run is left as it is, unless --release is given. Ctrl-C lets go of it
    again.
    """
    found = runs.find(home, run)
    charge = Charge(quiet=quiet)
    status = charge.during(lambda: _go_on(found, releases=releases))
    reading = runs.read(found)
    tell(reading, home)
    if as_json:
        click.echo(words.to_json(reading.to_dict()))
    elif not charge.shown:
        screen.put(screen.resources(reading.world, screen.width()))
    return status or (FAILED if reading.world.aborted else 0)


def _go_on(run: Run, *, releases: bool) -> int:
    ec = _take_over(run)
    world = runs.read(run).world
    ec.wait_finished([resource.guid for resource in world.resources.values() if _will_end(world, resource)])
    return _release(ec) if releases else 0


def _take_over(run: Run) -> ExperimentController:
    try:
        return ExperimentController.reconnect(run.path)
    except eventlog.Locked as error:
        pid, host = error.holder.get("pid"), error.holder.get("host")
        raise Refused(
            f"{run.run_id} has a controller, pid {pid} on {host} since {error.holder.get('since')}; "
            "end that one first, with one Ctrl-C where it runs"
        ) from error
    except UnknownResourceType as error:
        raise Refused(
            f"{error} (if a package announces it, install that; if the run's script defines it, netreel resume "
            f"{run.path} runs that again; if something else does, let that call ResourceFactory.register_type with it, "
            f"and ExperimentController.reconnect({str(run.path)!r}))"
        ) from error


def _release(ec: ExperimentController) -> int:
    try:
        ec.shutdown()
    except Closed:
        raise  # it was let go meanwhile
    except ExperimentError as error:
        say(str(error))
        return FAILED
    return 0


# --- release ------------------------------------------------------------------------------------------------------


@click.command(
    epilog="""\b
Example:
  netreel release hello"""
)
@click.argument("run", type=RUN)
@quiet_option
@common
def release(run: str, quiet: bool, home: Path, as_json: bool) -> int:
    """Take over a run, release everything in it, and close it.

    Its controller must be gone. A run that is over is left alone; that is no error.
    """
    found = runs.find(home, run)
    before = runs.read(found)
    status, after = 0, before
    if before.charge != "over":
        status = Charge(quiet=quiet).during(lambda: _release(_take_over(found)))
        after = runs.read(found)
        tell(after, home)
    if as_json:
        click.echo(words.to_json(after.to_dict()))
    else:
        for line in _released(before, after):
            click.echo(line)
    return status


def _released(before: Reading, after: Reading) -> Iterator[str]:
    if before.charge == "over":
        yield f"{before.run.run_id} is over: everything in it is released"
    for resource in before.world.resources.values():
        now = after.world.resources[resource.guid].state
        if now is ResourceState.RELEASED and resource.state is not now:
            yield f"released {describe(resource)}, which was {resource.state.name}"
