"""Conditions at scale: 10,000 resources that wait for 10,000 others, a chain, and a random graph of 100,000 conditions.

All are described in a batch, as a script would that describes so many; the first also with each call alone. Each runs
in a process of its own, in turns, so many times. A goal that is missed makes the exit status 1.

    python benchmarks/bench_conditions.py [--repeat 5] [--number 10000] [--save]
"""

import argparse
import statistics
import sys
from typing import NamedTuple

from measuring import digits, machine, run, seconds
from page import goal, publish, table

MOST = 200_000_000  # bytes
ALONE_ROUNDS = 2  # 20,000 calls that each wait for the disk take long


class Experiment(NamedTuple):
    title: str
    shape: str
    number: int
    how: str = ""


def experiments(number):
    title = f"{number:,} that wait for {number:,} others, each for all of them"
    return [
        Experiment(title, "all", number),
        Experiment("the same, described with each call alone", "all", number, "alone"),
        Experiment(f"a chain of {number:,}", "chain", number),
        Experiment(f"{10 * number:,} conditions between random pairs", "random", 10 * number),
    ]


def measure(every, repeat):
    """For each experiment what was taken in each round."""
    found = [[] for _ in every]
    for turn in range(repeat):
        for (title, *given), rounds in zip(every, found, strict=True):
            if turn < (ALONE_ROUNDS if given[-1] == "alone" else repeat):
                rounds.append(run("programs/conditions.py", *given))
                print(f"{title}: {seconds(rounds[-1]['deployed'])}", file=sys.stderr)
    return found


def middle(rounds, what):
    """Median, smallest and largest."""
    each = [taken[what] for taken in rounds]
    return statistics.median(each), min(each), max(each)


def told(rounds, what):
    median, low, high = map(seconds, middle(rounds, what))
    return f"{median} ({low} to {high})"


def row(name, rounds):
    memory = f"{middle(rounds, 'memory')[0] / 1e6:.0f} MB"
    return [
        name,
        f"{rounds[0]['resources']:,}",
        str(len(rounds)),
        *(told(rounds, what) for what in ("described", "deployed", "cpu")),
        memory,
    ]


def goals(number, rounds):
    deployed, memory = middle(rounds, "deployed")[0], middle(rounds, "memory")[0]
    what = f"{number:,} on {number:,} conditions"
    return [
        goal(what, "under 1.5 s to deployed", told(rounds, "deployed"), deployed < 1.5),
        goal(what, "memory under 200 MB", f"{digits(memory / 1e6)} MB, the whole process", memory < MOST),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--number", type=int, default=10_000)
    parser.add_argument("--save", action="store_true", help="into docs/performance.md")
    given = parser.parse_args()
    number, before = given.number, machine()
    every = experiments(number)
    found = measure(every, given.repeat)
    head = ["", "resources", "rounds", "described in", "to deployed", "CPU of that", "memory of the process"]
    rows = [row(each.title, rounds) for each, rounds in zip(every, found, strict=True)]
    note = (
        "Medians, and the smallest and largest. Described by one public call for each resource and each condition: in "
        "a batch (`with ec.batch():`), or with each call alone."
    )
    tables = [table("Conditions", head, rows, note)]
    return publish("conditions", before, goals(number, found[0]), tables, save=given.save)


if __name__ == "__main__":
    sys.exit(main())
