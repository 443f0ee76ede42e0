"""Plays what was drawn from a seed, and has it judged."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import msgpack

import replay.audit
from engine import journal
from tests.simulation.experiments import draw
from tests.simulation.kinds import SECRET
from tests.simulation.oracle import judge
from tests.simulation.playing import play

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventlog import Event
    from tests.simulation.experiments import Experiment
    from tests.simulation.playing import Played


def prove(seed: int) -> Played:
    """Play the experiment of a seed and have it judged. What is wrong says how to see it again."""
    try:
        return judged(draw(Random(seed), seed))
    except Exception as error:
        error.add_note(f"python tools/simulate.py {seed}")
        raise


def judged(experiment: Experiment) -> Played:
    """Play an experiment and have it judged."""
    played = play(experiment)
    if played.sim.disk.logs:
        check(experiment, played)
    return played


def check(experiment: Experiment, played: Played) -> None:
    """Judge by the oracle, by the audit, and by folding the log again."""
    events = played.sim.events()
    judge(plain(events), list(played.sim.record), workers=experiment.workers, policy=experiment.policy, secret=SECRET)
    assert replay.audit.audit(map(journal.to_entry, events)) == []
    world = journal.rebuild(events).to_dict()
    assert world == journal.rebuild(events).to_dict(), "10. folding the same log twice gives the same world"
    if played.live is not None:
        assert world == played.live.to_dict(), "10. and it equals the live one"


def plain(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Events as the oracle reads them, through bytes."""
    names = ("seq", "time", "kind", "guid", "data", "cause", "epoch")
    plain: list[dict[str, Any]] = msgpack.unpackb(
        msgpack.packb([{name: getattr(event, name) for name in names} for event in events])
    )
    for event in plain:
        for name in ("at", "call"):  # which line of the script asked, by which call: the oracle judges what was asked
            event["data"].pop(name, None)
    return plain
