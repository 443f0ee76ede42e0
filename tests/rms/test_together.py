"""Many callers in one go."""

import threading
from queue import SimpleQueue

import pytest

from engine.rm.awaited import wait_for
from engine.rm.transport import CommandFailed
from rms._together import Together

pytestmark = pytest.mark.slow


def test_who_comes_meanwhile_is_served_together():
    begun, go, seen = SimpleQueue(), threading.Event(), []

    def act(asked):
        begun.put(None)
        go.wait(10)
        seen.append(sorted(asked))
        return [2 * each for each in asked]

    together, got = Together(act), {}
    threads = [threading.Thread(target=lambda n=n: got.setdefault(n, together.ask(n))) for n in range(4)]
    threads[0].start()
    begun.get(timeout=10)
    for thread in threads[1:]:
        thread.start()
    while len(together._queued) < 3:
        threading.Event().wait(0.001)
    go.set()
    for thread in threads:
        thread.join(10)
    assert seen == [[0], [1, 2, 3]]
    assert got == {0: 0, 1: 2, 2: 4, 3: 6}


def test_so_many_as_may_be_abreast_are_served_at_once():
    both, got = threading.Barrier(2), {}

    def act(asked):
        both.wait(10)
        return asked

    together = Together(act, abreast=2)
    threads = [threading.Thread(target=lambda n=n: got.setdefault(n, together.ask(n))) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == {0: 0, 1: 1}


def test_a_hook_waits_without_a_thread_and_no_more_are_served_than_may_be():
    begun, go, seen = SimpleQueue(), threading.Event(), []

    def act(asked):
        begun.put(None)
        go.wait(10)
        seen.append(list(asked))
        return [-each for each in asked]

    together = Together(act, most=2)
    first = threading.Thread(target=together.ask, args=[0])
    first.start()
    begun.get(timeout=10)
    waiting = [together.asking(each) for each in (1, 2, 3)]
    awaited = [next(each) for each in waiting]
    go.set()
    got = [wait_for(after(awaited[number], each)) for number, each in enumerate(waiting)]
    first.join(10)
    assert seen == [[0], [1, 2], [3]]
    assert got == [-1, -2, -3]


def after(awaited, waiting):
    """What has begun to wait already, from there on."""
    yield awaited
    return (yield from waiting)


def test_what_goes_wrong_is_raised_to_who_asked_and_the_next_is_served():
    def act(asked):
        if asked == ["bad"]:
            raise CommandFailed("lab1", "x", 1, "no")
        return asked

    together = Together(act)
    with pytest.raises(CommandFailed):
        together.ask("bad")
    assert together.ask("good") == "good"


def test_many_callers_are_all_served():
    together, got = Together(lambda asked: [-each for each in asked]), []
    threads = [threading.Thread(target=lambda n=n: got.append((n, together.ask(n)))) for n in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(got) == [(n, -n) for n in range(50)]
