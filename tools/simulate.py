"""Repeats the random experiment of a seed (tests/simulation), and judges it; with its story, if so wished.

    python tools/simulate.py 12345
    python tools/simulate.py 12345 --trace
    python tools/simulate.py 12345 --crash-at 17    # its controller dies right after its 17th write, and only then

The exit status is 1 if something is wrong. A failure of the tests names the seed.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.simulation.experiments import draw
from tests.simulation.playing import Player
from tests.simulation.proof import check

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.testing.simulation import Simulation
    from tests.simulation.experiments import Experiment

NS = 1_000_000_000


def story(sim: Simulation) -> Iterator[str]:
    """What happened, with the events of the log where they were written."""
    events, told = sim.events() if sim.disk.logs else [], 0
    begin = next(iter(sim.record)).time if len(sim.record) else 0
    for it in sim.record:
        seconds = f"{(it.time - begin) / NS:14.9f}"
        if it.kind == "log.writing":
            continue
        if it.kind != "log.written":
            facts = {name: value for name, value in it.facts.items() if value is not None}
            yield f"{seconds}  {it.where}: {it.kind} {it.token} {facts}"
            continue
        for event in events[told : it.facts["last"]]:
            yield f"{seconds}      {event.seq:4} {event.kind} #{event.guid} {event.data} because of {event.cause}"
        told = it.facts["last"]
    for event in events[told:]:
        yield f"{'unheard of':>14}      {event.seq:4} {event.kind} #{event.guid} {event.data} because of {event.cause}"


def described(experiment: Experiment) -> Iterator[str]:
    """The experiment, line by line."""
    for field in dataclasses.fields(experiment):
        value = getattr(experiment, field.name)
        if field.name != "moves":
            yield f"{field.name}: {value!r}"
    yield from (f"  after {move.pause} s: {move.name} {move.args}" for move in experiment.moves)


def main() -> int:
    """Repeat one; return 1 if something is wrong with it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", type=int)
    parser.add_argument("--trace", action="store_true", help="tell all that happened")
    parser.add_argument("--crash-at", type=int, metavar="N", help="die right after the N-th write instead of as drawn")
    given = parser.parse_args()
    experiment = draw(Random(given.seed), given.seed)
    if given.crash_at is not None:
        experiment = dataclasses.replace(experiment, crashes=(("after append", given.crash_at),))
    player = Player(experiment)
    wrong = ""
    try:
        player.play()
        if player.played.sim.disk.logs:
            check(experiment, player.played)
    except Exception as error:  # noqa: BLE001 - whatever is wrong is told
        wrong = f"{type(error).__name__}: {error}"
    sim = player.played.sim
    if given.trace:
        print(*described(experiment), *story(sim), sep="\n")
    print(f"{len(sim.record)} happenings in {sim.seconds:.3f} s, {player.played.died} crashes, ratio {sim.ratio:.0f}")
    print(wrong or "all is as promised")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
