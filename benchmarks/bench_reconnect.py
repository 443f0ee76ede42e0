"""How long from `kill -9` of a controller until a new one has found every process again, none of them started twice.

The processes are real ones of this machine. Taken is the time from the signal until a new process, which begins with
the start of Python, has all of them in its log as found. A goal that is missed makes the exit status 1.

    python benchmarks/bench_reconnect.py [--repeat 5] [--numbers 1,100,1000] [--save]
"""

import argparse
import contextlib
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from measuring import ROOT, machine, seconds
from page import goal, publish, table

import eventlog

PROGRAM = ROOT / "benchmarks" / "programs" / "killed.py"
MOST = 3.0  # seconds, with 1,000
PATIENCE = 60.0  # seconds


def start(*arguments):
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    return subprocess.Popen(
        [sys.executable, str(PROGRAM), *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )


def running(mark):
    """The processes of a command with that mark."""
    wanted = f"sleep\0{mark}\0".encode()
    return {path.parent.name for path in Path("/proc").glob("[0-9]*/cmdline") if _content(path) == wanted}


def wait_for(mark, number):
    """The processes with that mark, once there are so many: one that was started may still be a shell."""
    deadline = time.monotonic() + PATIENCE
    while len(there := running(mark)) < number and time.monotonic() < deadline:
        time.sleep(0.05)
    return there


def _content(path):
    try:
        return path.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def kill(mark):
    """End what is left after something went wrong: nobody else has commands with that mark."""
    for pid in running(mark):
        os.kill(int(pid), signal.SIGKILL)


def starts(run_dir):
    """How many times each guid was started."""
    with eventlog.open(run_dir) as log:
        begun = [event.guid for event in log if event.kind == "step.begun" and event.data["step"] == "start"]
    return {guid: begun.count(guid) for guid in begun}


def take(number):
    """Seconds to find so many again."""
    mark = f"100000.{os.getpid()}"
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as at_the_end:
        at_the_end.callback(kill, mark)
        with start("begin", home, number, mark) as first:
            run_dir = first.stdout.readline().strip()
            before = wait_for(mark, number)
            first.kill()
        began = time.perf_counter()
        with start("find", run_dir, number) as second:
            found = int(second.stdout.readline())
            taken = time.perf_counter() - began
            after = running(mark)
            second.stdin.write("\n")
        assert second.returncode == 0
        assert found == number == len(before)
        assert after == before, "the same processes, all of them, and no other"
        assert set(starts(run_dir).values()) == {1}, "none was started again"
        assert not running(mark), "something was left"
    return taken


def tell(found, before, *, save):
    """By number of processes, what was taken in each round."""
    rows = [
        [f"{number:,}", str(len(taken)), *map(seconds, (statistics.median(taken), min(taken), max(taken)))]
        for number, taken in found.items()
    ]
    goals = [
        goal(
            "reconnect with 1,000 live local processes",
            "under 3 s, none started again",
            f"{seconds(statistics.median(taken))}, none started again",
            statistics.median(taken) < MOST,
        )
        for number, taken in found.items()
        if number == 1000
    ]
    head = ["processes", "rounds", "median", "fastest", "slowest"]
    note = "In every round the same processes were there after it, each was started once, and in the end none was left."
    return publish("reconnect", before, goals, [table("From the kill to all found again", head, rows, note)], save=save)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--numbers", default="1,100,1000")
    parser.add_argument("--save", action="store_true", help="into docs/performance.md")
    given = parser.parse_args()
    numbers, before = [int(number) for number in given.numbers.split(",")], machine()
    found = {number: [] for number in numbers}
    for _ in range(given.repeat):
        for number in numbers:
            found[number].append(take(number))
            print(f"{number}: {seconds(found[number][-1])}", file=sys.stderr)
    return tell(found, before, save=given.save)


if __name__ == "__main__":
    sys.exit(main())
