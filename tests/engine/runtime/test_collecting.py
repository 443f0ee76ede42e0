"""The garbage collector rests in a turn, and is left as it was."""

import gc
import os
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


def is_old(thing):
    return any(each is thing for each in gc.get_objects(generation=2))


@pytest.mark.parametrize("count", [10, 30_000])
def test_what_a_large_turn_leaves_is_old_at_once(count):
    gc.collect()
    with nothing_collected():
        made = [[] for _ in range(count)]
    assert is_old(made) is (count > 20_000)


def test_what_somebody_has_frozen_stays_frozen():
    gc.freeze()
    frozen = gc.get_freeze_count()
    try:
        with nothing_collected():
            made = [[] for _ in range(30_000)]
        assert gc.get_freeze_count() == frozen
        assert not is_old(made)
    finally:
        gc.unfreeze()
