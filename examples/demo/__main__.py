"""A real experiment whose controller is killed, taken over, and finished. Run it with `make demo`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from evidence import commands, processes_of
from experiment import CLIENT, HOST, NAMES, SAMPLER, SERVER, SIZE
from rich.console import Console
from rich.table import Table

import eventlog
import replay
from engine.home import default_local_dir

HERE = Path(__file__).parent
console = Console(highlight=False, soft_wrap=True)
_began = time.monotonic()


def say(text: str) -> None:
    console.print(f"[dim]{time.monotonic() - _began:5.1f} s[/]  {text}")


def headline(text: str) -> None:
    console.print(f"\n[bold]{text}[/]")


def introduce() -> None:
    headline("netreel demo: an experiment that survives the death of its controller")
    console.print(
        f"\nThree commands on this machine:\n"
        f"  server    a TCP server on loopback that sends {SIZE >> 20} MiB over 3 seconds\n"
        f"  client    receives them; [italic]starts 1 s after the server has STARTED[/]\n"
        f"  sampler   reads the interface's counter ten times a second; [italic]stops when the client has STOPPED[/]\n"
    )


def run_first_controller() -> tuple[subprocess.Popen[str], Path]:
    """Start the experiment from a controller in a process of its own."""
    controller = subprocess.Popen(
        [sys.executable, str(HERE / "controller.py"), str(default_local_dir())], stdout=subprocess.PIPE, text=True
    )
    assert controller.stdout is not None
    run_dir = Path(controller.stdout.readline().strip())
    say(f"a controller deploys it: process {controller.pid}; it records every decision in {run_dir}")
    return controller, run_dir


def watch_until_transfer(run_dir: Path) -> None:
    """Follow the log, as anybody can, until a good part of the data has gone through."""
    words = {"step.begun": "is about to {step}", "resource.ended": "ended with exit status {code}"}
    with eventlog.open(run_dir) as log:
        for event in log.follow():
            if event.kind in words and event.guid != HOST:
                say(f"event {event.seq}: the {NAMES[event.guid]} {words[event.kind].format(**event.data)}")
            if event.kind == "step.done" and event.guid == CLIENT:
                break
    while "40 %" not in commands(run_dir)[CLIENT].stdout:
        time.sleep(0.05)
    say("the client has received 40 %")


def kill(controller: subprocess.Popen[str], run_dir: Path) -> None:
    headline("kill -9")
    controller.send_signal(signal.SIGKILL)
    controller.wait()
    say(f"the controller, process {controller.pid}, is dead: {signal.strsignal(-controller.returncode)}")
    time.sleep(0.7)
    told = commands(run_dir)[CLIENT].stdout.split("\n")[-2]
    say(f"nobody is in charge, and the transfer goes on: the client is at {told}")
    say("the log says that it is: " + ", ".join(states(run_dir)))


def states(run_dir: Path) -> list[str]:
    return [f"{NAMES[guid]} {view.state.name}" for guid, view in replay.state(run_dir).resources.items()]


def take_over(run_dir: Path) -> None:
    headline("reconnect")
    successor = subprocess.Popen([sys.executable, str(HERE / "successor.py"), str(run_dir)])
    say(f"a second controller, process {successor.pid}, takes over from the log")
    words = {
        "controller.opened": "the second controller is in charge",
        "resource.found": "the {who} was found again, running",
        "step.begun": "the {who} is about to {step}",
        "resource.ended": "the {who} ended with exit status {code}",
        "run.closed": "everything is released, and the log is closed",
    }
    with eventlog.open(run_dir) as log:
        for event in log.follow():
            if event.epoch == 2 and event.kind in words and event.guid != HOST:
                say(f"event {event.seq}: " + words[event.kind].format(who=NAMES.get(event.guid), **event.data))
            if event.kind == "run.closed":
                break
    successor.wait()


def show_outputs(run_dir: Path) -> bool:
    """The outputs, how often each command ran, and the audit; True if all is as it must be."""
    seen = commands(run_dir)
    headline("what was collected")
    for guid in (SERVER, CLIENT):
        console.print(f"  {NAMES[guid]:8} {seen[guid].stdout.strip().splitlines()[-1]}")
    samples = seen[SAMPLER].stdout.split()
    counted = int(samples[-1]) - int(samples[0])
    console.print(f"  {NAMES[SAMPLER]:8} {len(samples)} samples, the counter went up by {counted} bytes")
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title in ("command", "started", "exit status", "meaning"):
        table.add_column(title)
    for guid, command in seen.items():
        meaning = "ended by TERM, as it was told to" if guid == SAMPLER else "ended by itself"
        table.add_row(NAMES[guid], f"{command.starts} time", ", ".join(map(str, command.statuses)), meaning)
    headline("each command ran exactly once")
    console.print(table)
    return all(command.starts == 1 and len(command.statuses) == 1 for command in seen.values())


def audit(run_dir: Path) -> bool:
    headline("audit")
    violations = replay.check(run_dir)
    with eventlog.open(run_dir) as log:
        events = sum(1 for _ in log)
    say(
        f"{events} events: every action came after its conditions, every effect after its intent"
        if not violations
        else ""
    )
    for violation in violations:
        console.print(f"  [red]{violation}[/]")
    left = processes_of(run_dir)
    say(f"processes left: {left or 'none'}; files left: only {run_dir}")
    return not violations and not left


def point_on(run_dir: Path) -> None:
    netreel = Path(sys.executable).with_name("netreel")
    shown = netreel.relative_to(Path.cwd()) if netreel.is_relative_to(Path.cwd()) else netreel
    name = run_dir.name.rpartition("-")[2]  # the command knows a run by the last part of its id, too
    headline("look at it yourself")
    for what, why in (
        (f"show {name}", "the run on one screen"),
        (f"log {name}", "every event, with its cause"),
        (f"state {name} --at 2s", "the experiment as it stood two seconds in"),
    ):
        console.print(f"  {shown} {what:<24} {why}")
    console.print("  examples/demo/experiment.py is the whole description; README.md says how to write your own\n")


def main() -> int:
    introduce()
    controller, run_dir = run_first_controller()
    try:
        watch_until_transfer(run_dir)
    finally:
        kill(controller, run_dir)
    take_over(run_dir)
    good = show_outputs(run_dir)
    good = audit(run_dir) and good
    point_on(run_dir)
    return 0 if good else 1


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
