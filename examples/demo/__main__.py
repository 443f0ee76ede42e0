"""A real experiment whose controller is killed, taken over, and finished. Run it with `make demo`.

usage: python examples/demo [network|loopback]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parent))

import network
from evidence import commands, processes_left
from rich.console import Console
from rich.table import Table

import eventlog
import replay
from engine.home import default_local_dir

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from evidence import Command

HERE = Path(__file__).parent
console = Console(highlight=False, soft_wrap=True)
_began = time.monotonic()


def say(text: str) -> None:
    console.print(f"[dim]{time.monotonic() - _began:5.1f} s[/]  {text}")


def headline(text: str) -> None:
    console.print(f"\n[bold]{text}[/]")


def introduce() -> ModuleType:
    """Choose what is to be shown, and say what it is."""
    headline("netreel demo: an experiment that survives the death of its controller")
    wanted = sys.argv[1] if sys.argv[1:] else "network"
    reason = network.why_not() if wanted == "network" else "it was asked for"
    experiment = network if reason is None else import_module("loopback")
    if reason is not None:
        console.print(f"\nWithout a network of its own: {reason}")
    console.print(f"\n{experiment.INTRODUCTION}")
    return experiment


class Story:
    """One run of an experiment, from its first controller to its last event."""

    def __init__(self, experiment: ModuleType) -> None:
        self.experiment = experiment
        self.kind = experiment.__name__
        self.names: Mapping[int, str] = experiment.NAMES
        self.told = list(experiment.STATUSES)  # whose events are worth a line
        command = [sys.executable, str(HERE / "controller.py"), self.kind, str(default_local_dir())]
        self.controller = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.controller.stdout is not None
        self.run_dir = Path(self.controller.stdout.readline().strip())
        say(f"a controller deploys it: process {self.controller.pid}; it records every decision in {self.run_dir}")

    def seen(self) -> Mapping[int, Command]:
        return commands(self.run_dir, self.experiment.HOST, self.experiment.STATUSES)

    def watch_until_transfer(self) -> None:
        """Follow the log, as anybody can, until a good part of the data has gone through."""
        words = {"step.begun": "is about to {step}", "resource.ended": "ended with exit status {code}"}
        with eventlog.open(self.run_dir) as log:
            for event in log.follow():
                if event.kind in words and event.guid in self.told and event.data.get("step") in (None, "start"):
                    say(f"event {event.seq}: the {self.names[event.guid]} {words[event.kind].format(**event.data)}")
                if event.kind == "step.done" and event.guid == self.experiment.CLIENT and event.data["step"] == "start":
                    break
                if event.kind == "run.closed":  # what it said on its way out stands above
                    sys.exit(f"the controller gave up: netreel show {self.run_dir}")
        while not self.experiment.is_under_way(seen := self.seen()):
            if seen[self.experiment.CLIENT].statuses:
                sys.exit(f"the client has ended before there was anything to see: netreel show {self.run_dir}")
            time.sleep(0.05)
        say(self.experiment.progress(self.seen()))

    def kill(self) -> float:
        """Kill the controller; when that was, in seconds since 1970."""
        headline("kill -9")
        self.controller.send_signal(signal.SIGKILL)
        self.controller.wait()
        killed = time.time()
        said = signal.strsignal(-self.controller.returncode) if self.controller.returncode < 0 else "it had ended"
        say(f"the controller, process {self.controller.pid}, is dead: {said}")
        time.sleep(0.7)
        say(f"nobody is in charge, and the transfer goes on: {self.experiment.progress(self.seen())}")
        states = replay.state(self.run_dir).resources
        say("the log says that it is: " + ", ".join(f"{self.names[it]} {states[it].state.name}" for it in self.told))
        return killed

    def take_over(self) -> None:
        headline("reconnect")
        successor = subprocess.Popen([sys.executable, str(HERE / "successor.py"), self.kind, str(self.run_dir)])
        say(f"a second controller, process {successor.pid}, takes over from the log")
        words = {
            "controller.opened": "the second controller is in charge",
            "resource.found": "the {who} was found again, running",
            "attribute.set": "{who}: {name} is now {value}, as the first one had planned",
            "resource.ended": "the {who} ended with exit status {code}",
            "run.closed": "everything is released, and the log is closed",
        }
        told = [0, *self.told, *getattr(self.experiment, "FAILING", ())]
        with eventlog.open(self.run_dir) as log:
            for event in log.follow():
                if event.epoch == 2 and event.kind in words and event.guid in told:
                    who = self.names.get(event.guid)
                    say(f"event {event.seq}: " + words[event.kind].format(who=who, **event.data))
                if event.kind == "run.closed":
                    break
        successor.wait()


def show_outputs(story: Story, killed: float) -> bool:
    """The outputs, how often each command ran, and the audit; True if all is as it must be."""
    seen, experiment = story.seen(), story.experiment
    headline("what was collected")
    experiment.show(console, story.run_dir, seen, killed)
    table = Table(box=None, padding=(0, 2), header_style="dim")
    for title in ("command", "started", "exit status", "meaning"):
        table.add_column(title)
    for guid, command in seen.items():
        meaning = "ended by TERM, as it was told to" if guid in experiment.TOLD_TO_END else "ended by itself"
        table.add_row(story.names[guid], f"{command.starts} time", ", ".join(map(str, command.statuses)), meaning)
    headline("each command ran exactly once")
    console.print(table)
    wrong = experiment.faults(story.run_dir, seen)
    for fault in wrong:
        console.print(f"  [red]{fault}[/]")
    once = all(seen[guid].starts == 1 and seen[guid].statuses == (code,) for guid, code in experiment.STATUSES.items())
    return once and not wrong


def audit(run_dir: Path) -> bool:
    headline("audit")
    violations = replay.check(run_dir)
    with eventlog.open(run_dir) as log:
        events = sum(1 for _ in log)
    if not violations:
        say(f"{events} events: every action came after its conditions, every effect after its intent")
    for violation in violations:
        console.print(f"  [red]{violation}[/]")
    left = processes_left(run_dir)
    say(f"processes left: {left or 'none'}; files left: only {run_dir}")
    return not violations and not left


def point_on(story: Story) -> None:
    netreel = Path(sys.executable).with_name("netreel")
    shown = netreel.relative_to(Path.cwd()) if netreel.is_relative_to(Path.cwd()) else netreel
    name = story.run_dir.name.rpartition("-")[2]  # the command knows a run by the last part of its id, too
    headline("look at it yourself")
    for what, why in (
        (f"show {name}", "the run on one screen"),
        (f"log {name}", "every event, with its cause"),
        (f"state {name} --at 2s", "the experiment as it stood two seconds in"),
    ):
        console.print(f"  {shown} {what:<24} {why}")
    console.print(f"  examples/demo/{story.kind}.py is the whole description; README.md says how to write your own\n")


def main() -> int:
    story = Story(introduce())
    try:
        story.watch_until_transfer()
    finally:
        killed = story.kill()
    story.take_over()
    good = show_outputs(story, killed)
    good = audit(story.run_dir) and good
    point_on(story)
    return 0 if good else 1


if __name__ == "__main__":
    os.environ.setdefault("PYTHONUNBUFFERED", "1")
    sys.exit(main())
