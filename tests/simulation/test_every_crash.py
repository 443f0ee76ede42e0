"""A controller that dies after any of its writes, and is taken over, comes to the end that it would have come to."""

from dataclasses import replace
from random import Random

import pytest

from engine import journal
from tests.simulation.experiments import Experiment, Move, draw
from tests.simulation.playing import play
from tests.simulation.proof import check


def calm(seed):
    """An experiment whose end does not hang on who is faster.

    It is described, deployed and left to itself. Nobody aborts it, and nothing befalls it but what its hooks are to do.
    Who is stopped by a condition runs until then; who fails does so every time; who is told to end does so in time, or
    never.
    """
    random = Random(seed)
    drawn = draw(random, seed)
    described = [move for move in drawn.moves if move.name in ("register", "connect", "condition")]
    moves = [_calmed(move) for move in described if _is_calm(move)]
    moves.append(Move(0, "deploy", {"guids": None, "barrier": random.random() < 0.5}))
    return Experiment(seed, tuple(moves), rest=4000.0, workers=20, policy="lenient")


def _is_calm(move):
    return move.args.get("action") != "STOP" and move.args.get("state") not in ("FAILED", "RELEASED")


def _calmed(move):
    if move.name != "register":
        return move._replace(pause=0)
    attributes = {name: value for name, value in move.args["attributes"].items() if name != "autoDeploy"}
    if (attributes.get("on_term") or 0) >= attributes.get("grace", 10):
        del attributes["on_term"]  # who takes over gives it another grace, in which it may end by itself
    plan = attributes.get("plan", {})
    calmed = {step: what | {"how": "fails" if what.get("how") == "fails" else "ok"} for step, what in plan.items()}
    if plan:
        attributes["plan"] = {step: what for step, what in calmed.items() if step != "probe"}
    return move._replace(pause=0, args={**move.args, "attributes": attributes})


def final(played):
    """What an experiment came to, without what is new at every try: times, tokens, process numbers."""
    world = journal.rebuild(played.sim.events())
    return {
        guid: (it.state, set(it.times), it.exit_code, _told(it.error), it.attributes, it.walked)
        for guid, it in world.resources.items()
    }


def receipts(played):
    """Which steps left a receipt. A crash can lose that of the step that it comes upon."""
    world = journal.rebuild(played.sim.events())
    return {(guid, step) for guid, it in world.resources.items() for step in it.receipts}


def _told(error):
    """Why it failed. Which of several that it waited for in vain failed first, and is named, is left to chance."""
    if error is None or error["type"] == "DependencyLost":
        return error and error["type"]
    return error["type"], error["message"], error.get("step")


def writes(played):
    """How many times its controllers wrote."""
    return len(played.sim.record.of("log.written"))


def compare(seed):
    """How many crashes came to the end of the undisturbed run."""
    experiment = calm(seed)
    undisturbed = play(experiment)
    for number in range(writes(undisturbed)):
        crashing = replace(experiment, crashes=(("after append", number),))
        played = play(crashing)
        try:
            check(crashing, played)
            assert final(played) == final(undisturbed)
            lost = receipts(undisturbed) - receipts(played)
            assert len(lost) <= len(played.sim.record.of("hook.raised", where="program-1"))
            assert receipts(played) <= receipts(undisturbed)
        except Exception as error:
            error.add_note(f"calm({seed}), which dies after write {number}")
            raise
    return writes(undisturbed)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_a_crash_after_any_write_changes_nothing(seed):
    assert compare(seed) > 5


@pytest.mark.torture
@pytest.mark.timeout(7200)
def test_a_crash_after_any_write_changes_nothing_in_two_thousand_experiments():
    for seed in range(100, 2100):
        compare(seed)
