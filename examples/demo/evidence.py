"""What a run left behind, read without any controller: how often each command ran, and how it ended."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import eventlog

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True)
class Command:
    """What is known of one command.

    Attributes:
        starts: how often the host started it, by the host's own journal.
        intents: how often a controller meant to start it, by the log.
        statuses: the exit statuses that the log holds.
        stdout: what it wrote.
    """

    starts: int
    intents: int
    statuses: tuple[int, ...]
    stdout: str


def commands(run_dir: Path, host: int, guids: Iterable[int]) -> Mapping[int, Command]:
    """By guid, what is known of each command of the demo; `host` is the resource whose directory they are in."""
    with eventlog.open(run_dir) as log:
        events = list(log)
    return {guid: _command(guid, run_dir / f"node-{host}", events) for guid in guids}


def _command(guid: int, host: Path, events: list[eventlog.Event]) -> Command:
    tokens = [
        event.data["token"]
        for event in events
        if event.kind == "step.begun" and event.guid == guid and event.data["step"] == "start"
    ]
    journal = (host / "journal").read_text() if (host / "journal").exists() else ""
    started = [token for token in re.findall(r"^start (\S+)", journal, re.MULTILINE) if token in tokens]
    outputs = [host / token / "run" / "stdout" for token in started]
    return Command(
        starts=len(started),
        intents=len(tokens),
        statuses=tuple(
            event.data["code"]
            for event in events
            if event.guid == guid and event.kind in ("resource.ended", "resource.failed")
        ),
        stdout="".join(path.read_text() for path in outputs),
    )


def processes_left(run_dir: Path) -> list[int]:
    """The processes of a run that is over. Who was just asking on its behalf is given a moment to end."""
    deadline = time.monotonic() + 5
    while (found := _processes_of(run_dir)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return found


def _processes_of(run_dir: Path) -> list[int]:
    """Those that work in, or were started from, the directory of the run."""
    found = []
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            cwd, args = (proc / "cwd").readlink(), (proc / "cmdline").read_bytes()
        except OSError:
            continue
        if cwd.is_relative_to(run_dir) or str(run_dir).encode() in args:
            found.append(int(proc.name))
    return found
