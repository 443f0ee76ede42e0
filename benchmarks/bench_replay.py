"""How long it takes to look into a long log: whole commands, as a person at a shell sees them.

The log has 1,000 resources and 100,000 events. The engine's own kernel writes it, with a clock of its own: hosts, and
on each of them applications that wait for each other and are stopped and started again, time after time.

A command has one thread and waits for nobody, so the time of the processor is what it takes on a machine that has
nothing else to do; that is compared with the goals, and the time on the wall is told beside it. Each figure is the best
of several runs. A goal that is missed makes the exit status 1.

    python benchmarks/bench_replay.py [--repeat 5] [--events 100000] [--json]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from engine import journal, snapshots
from engine.core import decide, events, messages, stepping
from engine.core.effects import Run
from engine.core.kernel import Kernel
from engine.core.states import ResourceAction, ResourceState, Step
from engine.core.world import EXPERIMENT, World
from eventlog import Event, FileStore

HOSTS = 20
RESOURCES = 1000
FRAME = 5  # events in a write, about as many as a busy controller's turns come to
START = 1_900_000_000_000_000_000
SECOND = 1_000_000_000
NETREEL = [sys.executable, "-c", "import sys; sys.argv[0] = 'netreel'; from replay.cli import main; main()"]
HOLDER = {"host": "lab", "pid": 4711, "netreel": "0.1.0"}
RECEIPT = {"pid": 4711, "boot": "5e1f6a90-77c1"}
HOST = events.TypeDeclared(EXPERIMENT, "lab::Host", ["lab::Host"], ["provision", "release"], [], {}, [], {})
LINK = {"name": "host", "rtype": "lab::Host", "min": 1, "max": 1, "after": "READY", "before": "discover"}
HOOKS = ["deploy", "start", "stop", "release"]
APP = events.TypeDeclared(EXPERIMENT, "lab::App", ["lab::App"], HOOKS, [LINK], {}, ["command"], {})


class Lab:
    """A controller without threads, whose hooks return one after the other, 10 ms apart."""

    def __init__(self, run_dir: Path, exp_id: str):
        self.now = START
        self.writer = FileStore(run_dir).open_writer("a benchmark")
        self.kernel = Kernel(World(), self.writer.epoch, "bench", lambda _: True)
        self.snapshots = snapshots.SnapshotWriter(run_dir, lambda write: write())
        self.running: deque[Run] = deque()
        self.records: list[Event] = []
        self.turn([events.ControllerOpened(EXPERIMENT, exp_id, run_dir.name, HOLDER, persist=False)])

    @property
    def world(self) -> World:
        return self.kernel.world

    def turn(self, made: list[events.Event], *heard: messages.Message, line: int = 1) -> None:
        self.kernel.begin_turn(self.now)
        self.kernel.asked(f"bench.py:{line}", lambda kernel: kernel.emit_all(made))
        for message in heard:
            self.kernel.hear(message)
        self.kernel.settle()
        entries, effects = self.kernel.take()
        self.records += [journal.to_record(entry) for entry in entries]
        if len(self.records) >= FRAME:
            self.flush()
        self.running.extend(effect for effect in effects if isinstance(effect, Run))

    def flush(self) -> None:
        """Write what has come together: each write is synced, and 100,000 of them would take minutes."""
        self.writer.append(self.records)
        self.records = []
        self.snapshots.look(self.world)

    def settle(self) -> None:
        """Let all hooks return, and all delays go by."""
        while self.running or self.kernel.next_due() is not None:
            self.now += SECOND // 100
            if self.running:
                ended = self.running.popleft()
                self.turn(
                    [], messages.HookDone(ended.guid, ended.attempt.token, {"pid": 4711, "boot": "5e1f6a90-77c1"})
                )
            else:
                self.now = max(self.now, self.kernel.next_due() or 0)
                self.turn([])

    def add(self, declared: events.TypeDeclared, to: list[int], **attributes: str) -> int:
        self.turn(decide.register(self.world, declared, None, attributes, connect_to=to), line=self.world.last_guid + 1)
        return self.world.last_guid


def write(run_dir: Path, number: int, resources: int = RESOURCES) -> int:
    """A log of so many events at least; how many it has."""
    lab = Lab(run_dir, "bench")
    hosts = [lab.add(HOST, [], hostname=f"h{n}") for n in range(HOSTS)]
    apps = [lab.add(APP, [hosts[n % HOSTS]], command=f"serve {n}") for n in range(resources - HOSTS)]
    for waiting, first in zip(apps[HOSTS:], apps, strict=False):
        lab.turn(
            decide.add_condition(lab.world, [waiting], ResourceAction.START, [first], ResourceState.STARTED, SECOND)
        )
    lab.turn(decide.deploy(lab.world, None, None, wait_all_ready=True))
    lab.settle()
    while lab.world.seq < number:
        for step in (Step.STOP, Step.START):
            for guid in apps:
                lab.now += SECOND // 100
                lab.turn(stepping.request_step(lab.world, guid, step), line=guid)
                lab.settle()
    if lab.records:
        lab.flush()
    lab.writer.close()
    return lab.world.seq


def seconds(*command: str) -> tuple[float, float]:
    """How long a whole command takes: of the processor, and on the wall."""
    before, began = os.times(), time.perf_counter()
    subprocess.run([*NETREEL, *command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return used, time.perf_counter() - began


def measure(run: str, repeat: int) -> dict[str, dict[str, float]]:
    """Each with its goal in seconds."""
    middle = "400s"
    goals = {
        ("why", run, "900"): 0.3,
        ("why", run, "900", "--at", middle): 0.3,
        ("why", run, "--late"): 0.3,
        ("diff", run, "--from", "200s", "--to", middle): 3.0,
        ("state", run, "--at", middle): 0.2,
        ("state", run, "--at", middle, "--json"): 0.3,
        ("check", run): 3.0,
    }
    found = {}
    for command, goal in goals.items():
        used, wall = map(min, zip(*(seconds(*command) for _ in range(repeat)), strict=True))
        name = " ".join(word for word in command if word != run)
        found[name] = {"seconds": used, "wall": wall, "goal": goal}
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--keep", type=Path, help="write the log here, and leave it")
    given = parser.parse_args()
    os.environ["NO_COLOR"] = "1"
    with tempfile.TemporaryDirectory() as temporary:
        run_dir = (given.keep or Path(temporary)) / "bench" / "20300317T174640.000000Z-aaaa0001"
        if not run_dir.exists():
            write(run_dir, given.events)
        found = measure(str(run_dir), given.repeat)
    if given.json:
        print(json.dumps(found, indent=2))
    else:
        for name, each in found.items():
            print(f"{each['seconds']:6.2f} s (goal {each['goal']:.2f}, on the wall {each['wall']:.2f})  netreel {name}")
    return int(any(each["seconds"] > each["goal"] for each in found.values()))


if __name__ == "__main__":
    sys.exit(main())
