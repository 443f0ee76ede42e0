"""A latch is an event that is made when somebody waits for it."""

import threading

from engine.runtime.latch import latch
from tests.engine.kinds import PATIENCE


def test_it_is_set_once_and_stays_so():
    it = latch()
    assert not it.is_set()
    it.set()
    it.set()
    assert it.is_set()


def test_who_waits_for_one_that_is_set_goes_on():
    it = latch()
    it.set()
    assert it.wait()


def test_who_waits_in_vain_is_told():
    it = latch()
    assert not it.wait(0)
    assert not it.is_set()


def test_all_who_wait_are_woken():
    it, woken = latch(), threading.Semaphore(0)

    def wait():
        if it.wait(PATIENCE):
            woken.release()

    threads = [threading.Thread(target=wait) for _ in range(3)]
    for thread in threads:
        thread.start()
    it.set()
    for thread in threads:
        thread.join()
    assert all(woken.acquire(blocking=False) for _ in range(3))
