"""What the engine costs: NEPI's own scalability scenario, against peers and against what the machine can do at all.

The scenario is told in `life/scenario.py`: nodes, interfaces, one link, applications; hooks that do nothing. All
programs live the same life in turns, each in a process of its own: netreel; the least engine that keeps its rules; a
pool of bare actors with a durable log, and the same with actors of pykka; a bare loop in one thread with the same log,
which is the limit; asynciojobs, which keeps no record; and NEPI 6.1.2, as it comes and with its best setting. A goal
that is missed makes the exit status 1.

    python benchmarks/bench_engine.py [--repeat 5] [--sizes 1x1,10x10,100x10,1000x10,10000x10] [--alone] [--save]
"""

import argparse
import statistics
import sys
from typing import NamedTuple

import peers
from measuring import exponent, machine, ratios, run, seconds, spread
from page import goal, publish, table


class Program(NamedTuple):
    title: str
    script: str
    how: str = ""
    python: str = sys.executable


OURS, LEAST, POOL, PYKKA, LOOP, JOBS, NEPI, NEPI_BEST = range(8)
SIZES = ["1x1", "10x10", "100x10", "1000x10", "10000x10"]
LINEAR_FROM = 1_000


def programs():
    return [
        Program("netreel", "life/with_netreel.py"),
        Program("least engine", "life/least_engine.py"),
        Program("pool of bare actors", "life/bare_pool.py"),
        Program("pool of pykka actors", "life/bare_pool.py", "pykka"),
        Program("bare loop", "life/bare_loop.py"),
    ]


def others(python):
    """Those that need what the others have installed."""
    return [
        Program("asynciojobs", "life/with_asynciojobs.py", python=python),
        Program("NEPI", "life/with_nepi.py", "default", python=python),
        Program("NEPI, best setting", "life/with_nepi.py", "best", python=python),
    ]


def measure(every, sizes, repeat):
    """By number of resources, for each program what it printed in each round."""
    found = {}
    for size in sizes:
        nodes, apps = map(int, size.split("x"))
        resources = nodes * (apps + 2) + 1
        found[resources] = [[] for _ in every]
        for _ in range(repeat):
            for program, taken in zip(every, found[resources], strict=True):
                taken.append(run(program.script, nodes, apps, program.how, python=program.python))
                print(f"{resources} {program.title}: {seconds(taken[-1]['released'])}", file=sys.stderr)
    return found


def median(taken, phase):
    return statistics.median(each[phase] for each in taken)


def times(taken, phase="released"):
    return [each[phase] for each in taken]


def each_costs(taken):
    """Bytes of memory for each resource while all are there."""
    return median(taken, "memory") / taken[0]["resources"]


def growth(found):
    """The fitted exponents of the rounds, from 1,000 resources up."""
    large = {resources: times(taken[OURS]) for resources, taken in found.items() if resources > LINEAR_FROM}
    return [exponent(list(large), each) for each in zip(*large.values(), strict=True)] if len(large) > 1 else []


# --- what is told -------------------------------------------------------------------------------------------------


def lives(every, found):
    rows = [
        [f"{resources:,}", *(seconds(median(taken, "released")) for taken in all_taken)]
        for resources, all_taken in found.items()
    ]
    head = ["resources", *(each.title for each in every)]
    return table("Whole life, from deploy to all released (medians)", head, rows)


def shares(every, found, phase, title):
    rows = [
        [f"{resources:,}", *(spread(ratios(times(taken[OURS], phase), times(other, phase))) for other in taken[1:])]
        for resources, taken in found.items()
    ]
    head = ["resources", *(each.title for each in every[1:])]
    note = "The median of the ratios in the same round, and the smallest and the largest."
    return table(title, head, rows, note)


def phases(every, found):
    rows = [
        [f"{resources:,}", program.title, *laps(taken)]
        for resources, all_taken in found.items()
        if resources > LINEAR_FROM
        for program, taken in zip(every, all_taken, strict=True)
    ]
    head = ["resources", "", "described in", "deployed", "all stopped", "released", "CPU", "memory each"]
    note = (
        "Deployed, stopped and released are times from the call of deploy on, and so is CPU, the processor's time. "
        "Memory is what the process has grown by since it began to describe, at the moment when all are stopped."
    )
    rounds = len(next(iter(found.values()))[OURS])
    return table(f"Phases (medians of {rounds} rounds)", head, rows, note)


def laps(taken):
    each = [seconds(median(taken, phase)) for phase in ("described", "deployed", "stopped", "released", "cpu")]
    return [*each, f"{each_costs(taken) / 1024:.1f} KiB"]


def small_goals(found):
    for resources, most, faster in ((4, 0.015, 130), (121, 0.040, 50), (1_201, 0.130, 16)):
        if len(taken := found.get(resources, [])) > NEPI:
            ours, times_faster = median(taken[OURS], "released"), ratios(times(taken[NEPI]), times(taken[OURS]))
            yield goal(
                f"NEPI's scenario, {resources:,} resources, whole life",
                f"under {seconds(most)}, {faster} times faster than NEPI",
                f"{seconds(ours)}, {spread(times_faster)} times",
                ours < most and times_faster[0] >= faster,
            )


def middle_goals(found):
    if len(taken := found.get(12_001, [])) > NEPI:
        faster, pool = ratios(times(taken[NEPI]), times(taken[OURS])), ratios(times(taken[OURS]), times(taken[POOL]))
        what = "NEPI's scenario, 12,001 resources, whole life"
        yield goal(what, "at least 4 times faster than NEPI", f"{spread(faster)} times", faster[0] >= 4)
        yield goal(what, "at most 2.5 times the bare pool", f"{spread(pool)} times", pool[0] <= 2.5)


def large_goals(found):
    if taken := found.get(120_001):
        what = "NEPI's scenario, 120,001 resources, whole life"
        held, pool = each_costs(taken[OURS]), ratios(times(taken[OURS]), times(taken[POOL]))
        yield goal(what, "under 4 KiB of memory each", f"{held / 1024:.1f} KiB", held < 4096)
        yield goal(what, "at most 3 times the bare pool", f"{spread(pool)} times", pool[0] <= 3)
        fitted = growth(found)
        middle = statistics.median(fitted)
        told = f"{middle:.2f} ({min(fitted):.2f} to {max(fitted):.2f})"
        yield goal("the same, from 1,000 up", "time grows with an exponent under 1.1", told, middle < 1.1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--sizes", default=",".join(SIZES), help="nodes x applications on each")
    parser.add_argument("--alone", action="store_true", help="without asynciojobs and NEPI")
    parser.add_argument("--save", action="store_true", help="into docs/performance.md")
    given = parser.parse_args()
    every = [*programs(), *([] if given.alone else others(peers.install()))]
    before = machine()
    found = measure(every, given.sizes.split(","), given.repeat)
    goals = [*small_goals(found), *middle_goals(found), *large_goals(found)]
    tables = [
        lives(every, found),
        shares(every, found, "released", "netreel takes so many times as long as"),
        shares(every, found, "cpu", "netreel takes so many times as much of the processor as"),
        phases(every, found),
    ]
    return publish("engine", before, goals, tables, save=given.save)


if __name__ == "__main__":
    sys.exit(main())
