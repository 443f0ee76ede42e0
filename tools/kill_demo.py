"""Kills the demo's controller at many moments, takes each run over, and shows that nothing is lost or done twice.

    python tools/kill_demo.py --moments 200

The moments are spread evenly over the whole life of an undisturbed controller, from its first line to its last. After
each kill a second controller takes over, and with --twice it is killed and replaced as well. Whatever the moment, every
resource must come to the same final state, each command must have been started exactly once, its output must be whole
and its exit status known, the audit of the log must be empty, and no process may be left. With --kind network it is the
demo with a network of its own, which not every machine can have; else three commands on loopback.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from types import ModuleType

DEMO = Path(__file__).parent.parent / "examples" / "demo"
sys.path.insert(0, str(DEMO))

import evidence

import eventlog
import replay
from engine import ResourceState

TIMEOUT = 120.0


def start(script: str, *args: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(DEMO / script), *args], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def kill_after(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def finish(process: subprocess.Popen[bytes]) -> str:
    """Wait for a controller that is left alone; what it complained of, or nothing."""
    _, errors = process.communicate(timeout=TIMEOUT)
    return errors.decode() if process.returncode else ""


def run_of(home: Path) -> Path | None:
    """The run that a killed controller left, if it got as far as a log."""
    runs = [path for path in home.glob("demo/*") if (path / "log").is_dir()]
    return runs[0] if runs else None


def is_over(run_dir: Path) -> bool:
    try:
        return replay.state(run_dir).closed
    except eventlog.NoLog:
        return False


def try_moment(kind: str, moment: float, seconds: float, *, twice: bool) -> list[str]:
    """One run, killed at a moment; what was wrong with it."""
    with tempfile.TemporaryDirectory(prefix="netreel-kill-") as name:
        home = Path(name)
        kill_after(start("controller.py", kind, str(home), str(seconds)), moment)
        run_dir = run_of(home)
        if twice and run_dir is not None and not is_over(run_dir):
            kill_after(start("successor.py", kind, str(run_dir), str(seconds)), moment / 3)
        if run_dir is None:
            complaint = finish(start("controller.py", kind, str(home), str(seconds)))
            run_dir = run_of(home)
        elif not is_over(run_dir):
            complaint = finish(start("successor.py", kind, str(run_dir), str(seconds)))
        else:
            complaint = ""
        assert run_dir is not None
        return ([complaint] if complaint else []) + faults(import_module(kind), run_dir)


def faults(experiment: ModuleType, run_dir: Path) -> list[str]:
    """What is not as it must be in a run that is over."""
    names = experiment.NAMES
    world = replay.state(run_dir)
    left = [guid for guid, view in world.resources.items() if view.state is not ResourceState.RELEASED]
    found = [f"{names[guid]} is {world.resources[guid].state.name}" for guid in left]
    found += [f"{names[guid]}: {view.error['message']}" for guid, view in world.resources.items() if view.error]
    found += [] if world.closed else ["the run is not closed"]
    found += [str(violation) for violation in replay.check(run_dir)]
    found += [f"process {pid} is left" for pid in evidence.processes_left(run_dir)]
    seen = evidence.commands(run_dir, experiment.HOST, experiment.STATUSES)
    for guid, command in seen.items():
        if command.starts != 1:
            found.append(f"{names[guid]} was started {command.starts} times")
        if command.statuses != (experiment.STATUSES[guid],):
            found.append(f"{names[guid]} ended with {command.statuses}, not {experiment.STATUSES[guid]}")
    return found + experiment.faults(run_dir, seen)


@click.command(help=__doc__)
@click.option("--kind", default="loopback", type=click.Choice(["loopback", "network"]), help="Which of the two demos.")
@click.option("--moments", default=200, show_default=True, help="How many runs, each killed at another moment.")
@click.option("--seconds", default=3.0, show_default=True, help="How long the transfer takes.")
@click.option("--jobs", default=4, show_default=True, help="How many runs at once.")
@click.option("--twice", is_flag=True, help="Kill the second controller, too.")
def main(kind: str, moments: int, seconds: float, jobs: int, twice: bool) -> None:
    whole = undisturbed(kind, seconds, jobs)
    click.echo(f"an undisturbed run takes {whole:.1f} s; killing {moments} at moments spread over it")
    at = [whole * number / max(1, moments - 1) for number in range(moments)]
    bad = 0
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda moment: try_moment(kind, moment, seconds, twice=twice), at)
        for moment, wrong in zip(at, results, strict=True):
            bad += bool(wrong)
            for fault in wrong:
                click.echo(f"killed at {moment:.3f} s: {fault}")
    click.echo(f"{moments - bad} passed, {bad} failed")
    sys.exit(bool(bad))


def undisturbed(kind: str, seconds: float, jobs: int) -> float:
    """How long a whole run takes while as many others run as later on."""

    def one(_: int) -> float:
        with tempfile.TemporaryDirectory(prefix="netreel-kill-") as home:
            began = time.monotonic()
            complaint = finish(start("controller.py", kind, home, str(seconds)))
            if complaint:
                raise click.ClickException(complaint)
            return time.monotonic() - began

    with ThreadPoolExecutor(jobs) as pool:
        return max(pool.map(one, range(jobs)))


if __name__ == "__main__":
    os.environ["PYTHONWARNINGS"] = "error"
    main()
