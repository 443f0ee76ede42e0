"""Fails when the engine has become more than 15 % slower than what is recorded in `guard.json`.

What is compared is no time but a ratio: the processor's time that a piece of work takes the engine, to that which a
fixed piece of pure Python takes right after it. Both are some hundredths of a second long, so that what else goes on on
the machine slows both alike; the median of many rounds counts. How the memory of a process happens to be laid out moves
it by some per cent, so the median of several processes is taken, and of more of them if it is too slow. The engine
works in one thread: whole controllers on a machine of their own, as in the simulation, so that they do the same every
time.

    python benchmarks/guard.py [--processes 7] [--rounds 16] [--record]

The ratios differ from one version of Python to the next, and a little between processors, so they are recorded for each
version. `--record` does that: after a change that makes the engine faster, or slower for a good reason.
"""

import argparse
import gc
import itertools
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections import deque
from functools import partial
from pathlib import Path

import pykka

import eventlog
from engine import ExperimentController, ResourceAction, ResourceFactory, ResourceManager, ResourceState, journal, link
from engine.runtime.machine import System

RECORD = Path(__file__).parent / "guard.json"
SLOWER = 1.15
"""So much slower than recorded is too slow."""

ATTEMPTS = 3


# --- a machine with one thread ------------------------------------------------------------------------------------


class Jobs:
    """Workers who do one job after the other, whenever somebody waits for a future."""

    def __init__(self):
        self.waiting = deque()

    def submit(self, job):
        self.waiting.append(job)

    follow = submit

    def close(self):
        """They have no threads."""


class Answer(pykka.Future):
    """What comes of the jobs that wait."""

    def __init__(self, jobs):
        super().__init__()
        self._jobs = jobs
        self._answers = []

    def get(self, *, timeout=None):  # noqa: ARG002 - nothing can come later
        while not self._answers:
            self._jobs.waiting.popleft()()
        value, error = self._answers[0]
        if error is not None:
            raise error
        return value

    def set(self, value=None):
        self._answers.append((value, None))

    def set_exception(self, exc_info=None):
        self._answers.append((None, exc_info[1]))


class OneThread(System):
    """This machine, with one thread for all that a controller does."""

    def __init__(self):
        self._jobs = Jobs()

    def workers(self, size, name, initializer=None):  # noqa: ARG002 - all are the same, and none is a worker
        return self._jobs

    def future(self):
        return Answer(self._jobs)


# --- the work -----------------------------------------------------------------------------------------------------


class Node(ResourceManager, rtype="guard::Node"):
    def deploy(self, _):
        pass

    def release(self, _):
        pass


class App(ResourceManager, rtype="guard::App"):
    node = link("guard::Node", min=1, max=1)

    def deploy(self, _):
        pass

    def start(self, _):
        self.ended()

    def release(self, _):
        pass


def life(directory):
    """Nodes with applications, from the description to the release. Leaves a log."""
    with ExperimentController("life", local_dir=directory, machine=OneThread()) as ec:
        nodes = [ec.register_resource("guard::Node") for _ in range(10)]
        apps = [ec.register_resource("guard::App", connectedTo=node) for node in nodes for _ in range(9)]
        ec.deploy()
        assert ec.wait_finished(apps)
    return ec.run_dir


def conditions(directory):
    """Resources that wait for all of as many others, and a chain."""
    with ExperimentController("conditions", local_dir=directory, machine=OneThread()) as ec:
        first, second = ([ec.register_resource("guard::Node") for _ in range(50)] for _ in range(2))
        ec.register_condition(second, ResourceAction.DEPLOY, first, ResourceState.READY)
        for before, after in itertools.pairwise(first):
            ec.register_condition(after, ResourceAction.DEPLOY, before, ResourceState.READY)
        ec.deploy()
        assert ec.wait_deployed(second)


def fold(run_dir):
    """Read a log, and fold it."""
    for _ in range(3):
        with eventlog.open(run_dir) as log:
            journal.rebuild(log.read())


class Ball:
    """Something for the fixed piece of work to be done with."""

    __slots__ = ("colour", "number", "seen")

    def __init__(self, number):
        self.number = number
        self.colour = f"colour {number % 7}"
        self.seen = {}

    def meet(self, other):
        self.seen[other.number] = other.colour
        return len(self.seen)


def fixed():
    """Objects, calls, texts, dictionaries: what the engine is made of. Never to be changed."""
    total = 0
    for _ in range(8):
        urn = deque(Ball(number) for number in range(1000))
        for step in range(10_000):
            ball = urn.popleft()
            total += ball.meet(urn[step % 900])
            urn.append(ball)
        total += len(sorted(urn, key=lambda ball: (ball.colour, -ball.number)))
    return total


# --- the comparison -----------------------------------------------------------------------------------------------


def spent(work):
    """Seconds of the processor."""
    gc.collect()
    began = time.process_time()
    work()
    return time.process_time() - began


def measure(rounds):
    """By name, how many times as long as the fixed piece each piece of work takes, in this process."""
    for each in (Node, App):
        ResourceFactory.register_type(each)
    in_memory = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(dir=in_memory) as directory:
        works = {
            "life": partial(life, directory),
            "conditions": partial(conditions, directory),
            "fold": partial(fold, life(directory)),
        }
        taken = [{name: spent(work) / spent(fixed) for name, work in works.items()} for _ in range(rounds)]
    return {name: statistics.median(each[name] for each in taken) for name in works}


def measure_apart(rounds):
    """The same, in a process of its own."""
    command = [sys.executable, __file__, "--rounds", str(rounds), "--here"]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def changes(found, recorded):
    """By name, how much slower than recorded it is, in the middle, at least and at most."""
    changed = {name: [each[name] / recorded[name] for each in found] for name in recorded}
    return {name: (statistics.median(each), min(each), max(each)) for name, each in changed.items()}


def is_slow(changed):
    return any(middle > SLOWER for middle, _, _ in changed.values())


def compare(processes, rounds, recorded):
    """Measure, and measure again if it seems too slow: what is slow by chance is not so each time."""
    found = []
    for _ in range(ATTEMPTS):
        found += [measure_apart(rounds) for _ in range(processes)]
        changed = changes(found, recorded)
        if not is_slow(changed):
            break
    return changed


def tell(changed):
    for name, (middle, low, high) in changed.items():
        verdict = "TOO SLOW" if middle > SLOWER else "good"
        print(f"{name:12}{middle:7.1%} of what is recorded ({low:.1%} to {high:.1%}): {verdict}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--processes", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--record", action="store_true", help="hold the engine to what it takes now")
    parser.add_argument("--here", action="store_true", help="measure in this process, and print only what was found")
    given = parser.parse_args()
    if given.here:
        print(json.dumps(measure(given.rounds)))
        return 0
    version = f"{platform.python_implementation()} {'.'.join(platform.python_version_tuple()[:2])}"
    records = json.loads(RECORD.read_text()) if RECORD.exists() else {}
    if given.record:
        found = [measure_apart(given.rounds) for _ in range(ATTEMPTS * given.processes)]
        records[version] = {name: round(statistics.median(each[name] for each in found), 3) for name in found[0]}
        RECORD.write_text(json.dumps(records, indent=1) + "\n")
        return 0
    if version not in records:
        raise SystemExit(f"{RECORD} has nothing for {version}: record it with --record, with an engine that is good")
    changed = compare(given.processes, given.rounds, records[version])
    tell(changed)
    return int(is_slow(changed))


if __name__ == "__main__":
    sys.exit(main())
