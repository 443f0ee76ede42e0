"""Kills a script at every event of its log, resumes it, and shows that it comes to one and the same result.

    python tools/kill_resume.py                   # examples/resume
    python tools/kill_resume.py --kind loopback   # the demo; also: network

The script kills itself (SIGKILL) as soon as its log holds the n-th event, before anybody sees anything of it; with
--before, just before the events of that turn are written; with --twice, what resumes it dies five events later, too.
Then `netreel resume` goes on. Whatever the event, the script must come to its end as if nothing had been: each command
was started once, what they said is whole, what the script does by itself was done once, the audit of the log is empty,
and no process is left.
"""

from __future__ import annotations

import os
import runpy
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT / "examples" / "demo"), str(ROOT / "examples" / "resume"), str(ROOT / "tools")]

import evidence
import kill_demo
import transfer

import eventlog
import replay
from engine.runtime.session import Session
from replay.cli.program import main as netreel

TIMEOUT = 300.0
SECONDS = {"loopback": ["0.4"]}
"""How long a transfer takes, where it need not take as long as in the demo."""

DEATH = "NETREEL_KILL_RESUME"
"""In the environment of a script: the seq at which it is to die, and whether that is before it is written."""


@dataclass(frozen=True)
class Kind:
    """A script that is killed.

    Attributes:
        script: its file.
        exp_id: its experiment.
        args: what it is given, by the home of its runs.
        faults: what is wrong with a run that is over.
    """

    script: Path
    exp_id: str
    args: Callable[[Path], list[str]]
    faults: Callable[[Path], list[str]]


def of_transfer() -> Kind:
    def faults(run_dir: Path) -> list[str]:
        lines = (run_dir.parent.parent / "ledger").read_text().splitlines()
        if len(lines) != 1:
            return [f"it was published {len(lines)} times"]
        run_id, done, size, digest, _ = lines[0].split()
        found = general_faults(run_dir, [2, 3])
        found += [] if (run_id, done) == (run_dir.name, "True") else [f"what was published is {lines[0]}"]
        return found + ([] if digest == transfer.expected(int(size)) else ["what arrived is not what was sent"])

    return Kind(Path(transfer.__file__), "transfer", lambda home: [str(home / "ledger")], faults)


def of_demo(kind: str) -> Kind:
    module = import_module(kind)
    return Kind(
        kill_demo.DEMO / "controller.py",
        "demo",
        lambda home: [kind, str(home), *SECONDS.get(kind, [])],
        lambda run_dir: kill_demo.faults(module, run_dir),
    )


KINDS: dict[str, Callable[[], Kind]] = {
    "transfer": of_transfer,
    "loopback": lambda: of_demo("loopback"),
    "network": lambda: of_demo("network"),
}


def general_faults(run_dir: Path, commands: list[int]) -> list[str]:
    world = replay.state(run_dir)
    found = [] if world.closed else ["the run is not closed"]
    found += [f"#{guid}: {view.error['message']}" for guid, view in world.resources.items() if view.error]
    found += [str(violation) for violation in replay.check(run_dir)]
    found += [f"process {pid} is left" for pid in evidence.processes_left(run_dir)]
    for guid, command in evidence.commands(run_dir, 1, commands).items():
        if (command.starts, command.statuses) != (1, (0,)):
            found.append(f"#{guid} was started {command.starts} times and ended with {command.statuses}")
    return found


# --- the script, which kills itself -------------------------------------------------------------------------------


def die_on_time(seq: int, *, before: bool) -> None:
    """Have this process killed once an event of that number, or a later one, is on disk, or is about to be."""
    append = Session._append

    def write(self: Session, entries: list[Any]) -> None:
        if before and entries[-1].seq >= seq:
            os.kill(os.getpid(), signal.SIGKILL)
        append(self, entries)
        if entries[-1].seq >= seq:
            os.kill(os.getpid(), signal.SIGKILL)

    Session._append = write  # type: ignore[method-assign]


def run_child() -> None:
    """Run what the arguments say, and die when the environment says."""
    seq, _, before = os.environ.pop(DEATH).partition(" ")
    die_on_time(int(seq), before=bool(before))
    if sys.argv[1] == "resume":
        netreel(sys.argv[1:])
    del sys.argv[0]
    sys.path.insert(0, str(Path(sys.argv[0]).parent))
    runpy.run_path(sys.argv[0], run_name="__main__")


def run(home: Path, args: list[str], death: str = "") -> str:
    """Run a script, or resume one; what it complained of, or nothing. It may die."""
    program = [str(Path(sys.executable).with_name("netreel"))] if args[0] == "resume" else [sys.executable]
    command = [sys.executable, __file__, *args] if death else [*program, *args]
    done = subprocess.run(
        command,
        env={**os.environ, "NETREEL_HOME": str(home), **({DEATH: death} if death else {})},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    return "" if done.returncode in (0, -signal.SIGKILL) else f"status {done.returncode}: {done.stderr}"


# --- the proof ----------------------------------------------------------------------------------------------------


def try_event(kind: Kind, seq: int, *, before: bool, twice: bool) -> list[str]:
    """One run, killed at an event; what was wrong with it."""
    with tempfile.TemporaryDirectory(prefix="netreel-kill-", ignore_cleanup_errors=True) as name:
        home = Path(name)
        script = [str(kind.script), *kind.args(home)]
        complaint = run(home, script, f"{seq} {'before' if before else ''}".strip())
        run_dir = run_of(home, kind)
        if run_dir is None or replay_seq(run_dir) == 0:
            return []  # it died before there was anything to resume
        if twice and not complaint and not replay.state(run_dir).closed:
            complaint = run(home, ["resume", str(run_dir)], str(replay_seq(run_dir) + 5))
        if not complaint and not replay.state(run_dir).closed:
            complaint = run(home, ["resume", str(run_dir)])
        return [complaint] if complaint else kind.faults(run_dir)


def run_of(home: Path, kind: Kind) -> Path | None:
    runs = [path for path in home.glob(f"{kind.exp_id}/*") if (path / "log").is_dir()]
    return runs[0] if runs else None


def replay_seq(run_dir: Path) -> int:
    with eventlog.open(run_dir) as log:
        return sum(1 for _ in log.read())


def undisturbed(kind: Kind) -> int:
    """How many events a whole run has."""
    with tempfile.TemporaryDirectory(prefix="netreel-kill-") as name:
        home = Path(name)
        complaint = run(home, [str(kind.script), *kind.args(home)])
        run_dir = run_of(home, kind)
        if complaint or run_dir is None or kind.faults(run_dir):
            raise click.ClickException(complaint or str(run_dir and kind.faults(run_dir)))
        return replay_seq(run_dir)


@click.command(help=__doc__)
@click.option("--kind", default="transfer", type=click.Choice(list(KINDS)), help="Which script.")
@click.option("--every", default=1, show_default=True, help="Kill at every n-th event only.")
@click.option("--jobs", default=4, show_default=True, help="How many runs at once.")
@click.option("--before", is_flag=True, help="Kill just before the event is written.")
@click.option("--twice", is_flag=True, help="Kill what resumes it, too.")
def main(kind: str, every: int, jobs: int, before: bool, twice: bool) -> None:
    killed = KINDS[kind]()
    last = undisturbed(killed)
    seqs = range(1, last, every)
    click.echo(f"an undisturbed run has {last} events; killing {len(seqs)}")
    bad = 0
    with ThreadPoolExecutor(jobs) as pool:
        results = pool.map(lambda seq: try_event(killed, seq, before=before, twice=twice), seqs)
        for seq, wrong in zip(seqs, results, strict=True):
            bad += bool(wrong)
            for fault in wrong:
                click.echo(f"killed at event {seq}: {fault}")
    click.echo(f"{len(seqs) - bad} passed, {bad} failed")
    sys.exit(bool(bad))


if __name__ == "__main__":
    if DEATH in os.environ:
        run_child()
    else:
        os.environ["PYTHONWARNINGS"] = "error"
        main()
