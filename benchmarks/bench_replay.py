"""How long it takes to look into a long log.

Whole commands, as a person at a shell sees them, look into a log of 1,000 resources and 100,000 events; and a log of a
million is folded into the world, and asked for the state at moments all over it. The engine's own kernel writes the
logs, with a clock of its own: hosts, and on each of them applications that wait for each other and are stopped and
started again, time after time.

All of this has one thread and waits for nobody, so the time of the processor is what it takes on a machine that has
nothing else to do; that is compared with the goals, and the time on the wall is told beside it. The figure of a command
or of a moment is the best of several runs. A goal that is missed makes the exit status 1.

    python benchmarks/bench_replay.py [--repeat 5] [--events 100000] [--many 1000000] [--keep DIRECTORY] [--save]
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from pathlib import Path

from measuring import digits, machine
from measuring import seconds as seconds_of
from page import goal, publish, table

import eventlog
import replay
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
    for command, most in goals.items():
        used, wall = map(min, zip(*(seconds(*command) for _ in range(repeat)), strict=True))
        name = " ".join(word for word in command if word != run)
        found[name] = {"seconds": used, "wall": wall, "goal": most}
    return found


def fold(run_dir: Path) -> tuple[float, float]:
    """How long it takes to fold a whole log, without its snapshots: of the processor, and on the wall."""
    used, began = time.process_time(), time.perf_counter()
    with eventlog.open(run_dir) as log:
        journal.rebuild(log.read())
    return time.process_time() - used, time.perf_counter() - began


def look(run_dir: Path, number: int) -> list[float]:
    """How long the state takes at moments all over a log, in seconds of the processor."""
    taken = []
    for tenth in range(1, 20):
        used = time.process_time()
        replay.state(run_dir, at=number * tenth // 20)
        taken.append(time.process_time() - used)
    return taken


def commands(run_dir: Path, repeat: int) -> tuple[bool, dict]:
    """Whether all were fast enough, and the table of them."""
    found = measure(str(run_dir), repeat)
    rows = [
        [f"`netreel {name}`", *(f"{each[figure]:.2f} s" for figure in ("seconds", "wall", "goal"))]
        for name, each in found.items()
    ]
    head = ["command", "processor", "on the wall", "goal for the processor"]
    fast = all(each["seconds"] <= each["goal"] for each in found.values())
    return fast, table("Whole commands on a log of 1,000 resources and 100,000 events", head, rows)


def folds(run_dir: Path, number: int, repeat: int) -> tuple[list[dict], dict]:
    """Rates and times of a log of so many events."""
    taken = [fold(run_dir) for _ in range(repeat)]
    rates, walls = ([number / each for each in times] for times in zip(*taken, strict=True))
    moments = [min(each) for each in zip(*(look(run_dir, number) for _ in range(repeat)), strict=True)]
    rate, moment, worst = statistics.median(rates), statistics.median(moments), max(moments)
    rows = [
        ["events folded, a second of the processor", *told(rates)],
        ["events folded, a second on the wall", *told(walls)],
        ["state at a moment, ms of the processor", *told([each * 1000 for each in moments])],
    ]
    goals = [
        goal("replay of a million events into the world", "over 100,000 events a second", digits(rate), rate > 100_000),
        goal(
            "state at any moment of it from a snapshot",
            "under 0.2 s",
            f"{seconds_of(moment)}, at worst {seconds_of(worst)}",
            worst < 0.2,
        ),
    ]
    return goals, table(f"A log of 1,000 resources and {number:,} events", ["", "median", "least", "most"], rows)


def told(values: list[float]) -> list[str]:
    return [digits(each) for each in (statistics.median(values), min(values), max(values))]


def log_of(directory: Path, number: int) -> Path:
    """A log of so many events at least."""
    run_dir = directory / f"bench-{number}" / "20300317T174640.000000Z-aaaa0001"
    if not run_dir.exists():
        write(run_dir, number)
    return run_dir


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--many", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, help="write the logs here, and leave them")
    parser.add_argument("--save", action="store_true", help="into docs/performance.md")
    given = parser.parse_args()
    os.environ["NO_COLOR"] = "1"
    before = machine()
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None  # a sync for every few events would take minutes
    with tempfile.TemporaryDirectory(dir=in_memory) as temporary:
        directory = given.keep or Path(temporary)
        goals, folded = folds(log_of(directory, given.many), given.many, given.repeat)
        fast, looked = commands(log_of(directory, given.events), given.repeat)
    missed = publish("replay", before, goals, [folded, looked], save=given.save)
    return missed or int(not fast)


if __name__ == "__main__":
    sys.exit(main())
