"""How long until something is done: from a condition that is met to the hook, and from a timer to its function.

Each program runs in a process of its own, so many times; beside it, in the same rounds, how long a write and its sync
take, since nothing may be done before its reason is on disk. A goal that is missed makes the exit status 1.

    python benchmarks/bench_latency.py [--repeat 5] [--links 500] [--active 10000] [--timers 10000] [--save]
"""

import argparse
import statistics
import sys

from measuring import digits, machine, percentile, run, seconds
from page import goal, publish, table

SPAN = 5.0  # seconds over which the timers are spread


def measure(links, active, timers, repeat):
    """By name, what was taken in each round."""
    found = {name: [] for name in ("sync", "at rest", "active", "timers")}
    for _ in range(repeat):
        rest = run("programs/chain.py", links, 0)
        found["sync"].append(rest["syncs"])
        found["at rest"].append(rest["taken"])
        found["active"].append(run("programs/chain.py", 4 * links, active)["taken"])
        found["timers"].append(run("programs/timers.py", timers, SPAN * timers / 10_000))
        for name, rounds in found.items():
            print(f"{name}: median {seconds(statistics.median(rounds[-1]))}", file=sys.stderr)
    return found


def told(rounds):
    """Of each round the median and so on, and of these the median and the spread."""
    return [spread_of(rounds, at) for at in (50, 90, 99, 100)]


def spread_of(rounds, percent):
    each = [percentile(taken, percent) * 1000 for taken in rounds]
    return f"{digits(statistics.median(each))} ({digits(min(each))} to {digits(max(each))})"


def typical(rounds, percent):
    return statistics.median(percentile(taken, percent) for taken in rounds)


def goals(found, active, timers):
    sync, rest, busy, late = (found[name] for name in ("sync", "at rest", "active", "timers"))
    median, bound = typical(rest, 50), 0.001 + typical(sync, 50)
    worst, latest = typical(busy, 99), typical(late, 99)
    return [
        goal(
            "condition met to hook entered",
            "median under 1 ms plus one sync",
            f"{seconds(median)}; 1 ms and a sync are {seconds(bound)}",
            median < bound,
        ),
        goal(f"the same with {active:,} resources active", "p99 under 10 ms", seconds(worst), worst < 0.010),
        goal(f"timers, {timers:,} over 5 s", "p99 late by under 5 ms", seconds(latest), latest < 0.005),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--links", type=int, default=500)
    parser.add_argument("--active", type=int, default=10_000)
    parser.add_argument("--timers", type=int, default=10_000)
    parser.add_argument("--save", action="store_true", help="into docs/performance.md")
    given = parser.parse_args()
    before = machine()
    found = measure(given.links, given.active, given.timers, given.repeat)
    names = {
        "sync": "a write of 100 bytes and its sync",
        "at rest": "condition met to hook entered, at rest",
        "active": f"the same with {given.active:,} resources active",
        "timers": f"lateness of {given.timers:,} timers, 2,000 a second",
    }
    rows = [[names[name], *told(rounds)] for name, rounds in found.items()]
    note = (
        f"Medians of {given.repeat} rounds, and the smallest and largest of them. Described and scheduled in batches."
    )
    tables = [table("Milliseconds", ["", "median", "p90", "p99", "longest"], rows, note)]
    return publish("latency", before, goals(found, given.active, given.timers), tables, save=given.save)


if __name__ == "__main__":
    sys.exit(main())
