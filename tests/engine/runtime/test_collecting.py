"""The garbage collector rests in a turn, and is left as it was."""

import gc
import os
import subprocess
import sys
from contextlib import suppress

import pytest

from engine.runtime.collecting import nothing_collected


@pytest.fixture(autouse=True)
def collecting():
    yield
    gc.enable()


@pytest.mark.parametrize("collects", [True, False])
def test_it_rests_and_is_left_as_it_was(collects):
    if not collects:
        gc.disable()
    with suppress(ValueError), nothing_collected():
        assert not gc.isenabled()
        raise ValueError("x")
    assert gc.isenabled() is collects


def test_whoever_comes_meanwhile_leaves_it_at_rest():
    with nothing_collected():
        with nothing_collected():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()


@pytest.mark.parametrize("ours", [True, False])
def test_it_works_in_a_process_that_was_forked_meanwhile(ours):
    if not ours:
        gc.disable()
    with nothing_collected():
        child = os.fork()
        if child == 0:
            os._exit(gc.isenabled())
    _, status = os.waitpid(child, 0)
    assert bool(os.waitstatus_to_exitcode(status)) is ours


AFTER_A_TURN = """
import gc, sys
from engine.runtime.collecting import nothing_collected

def is_old(thing):
    return any(each is thing for each in gc.get_objects(generation=2))

frozen = gc.freeze() or gc.get_freeze_count() if "frozen" in sys.argv else 0
with nothing_collected():
    made = [[] for _ in range(int(sys.argv[1]))]
print(is_old(made), gc.get_freeze_count() == frozen)
"""


def after_a_turn(*how):
    """Whether what a turn made is old, and whether what was frozen still is: where no other thread makes a turn."""
    done = subprocess.run([sys.executable, "-c", AFTER_A_TURN, *how], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.parametrize(("made", "old"), [("10", "False"), ("30000", "True")])
def test_what_a_large_turn_leaves_is_old_at_once(made, old):
    assert after_a_turn(made) == [old, "True"]


def test_what_somebody_has_frozen_stays_frozen():
    assert after_a_turn("30000", "frozen") == ["False", "True"]
