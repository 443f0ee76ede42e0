"""Conditions at scale: 10,000 resources that wait for 10,000 others, a chain, and a random graph of 100,000 conditions.

Each runs in a process of its own, in turns, so many times. A goal that is missed makes the exit status 1.

    python benchmarks/bench_conditions.py [--repeat 5] [--number 10000] [--save]
"""

import argparse
import statistics
import sys

from measuring import digits, machine, run, seconds
from page import goal, publish, table

MOST = 200_000_000  # bytes
RANDOM_ROUNDS = 2  # its 100,000 calls take minutes


def measure(shapes, repeat):
    found = {shape: [] for shape in shapes}
    for turn in range(repeat):
        for shape, number in shapes.items():
            if shape == "random" and turn >= RANDOM_ROUNDS:
                continue
            found[shape].append(run("programs/conditions.py", shape, number))
            print(f"{shape}: {seconds(found[shape][-1]['deployed'])}", file=sys.stderr)
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
    found = measure({"all": number, "chain": number, "random": 10 * number}, given.repeat)
    names = {
        "all": f"{number:,} that wait for {number:,} others, each for all of them",
        "chain": f"a chain of {number:,}",
        "random": f"{10 * number:,} conditions between random pairs",
    }
    head = ["", "resources", "rounds", "described in", "to deployed", "CPU of that", "memory of the process"]
    note = "Medians, and the smallest and largest. Described by one public call for each resource and each condition."
    tables = [table("Conditions", head, [row(names[shape], rounds) for shape, rounds in found.items()], note)]
    return publish("conditions", before, goals(number, found["all"]), tables, save=given.save)


if __name__ == "__main__":
    sys.exit(main())
