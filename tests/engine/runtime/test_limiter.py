"""How many hooks run at once: so many and no more, undoing first, and nobody waits for one that was given up."""

import threading
from random import Random

import pytest

from engine.runtime.limiter import Lane, Limiter
from engine.runtime.pool import Pool
from tests.engine.kinds import PATIENCE


class Workers:
    """An executor whose jobs end when the test says so."""

    def __init__(self):
        self.jobs = []
        self.submit = self.jobs.append

    def follow(self, job):
        self.jobs.insert(0, job)


class Guest:
    """An actor whose messages are functions."""

    batch = 1

    def __init__(self, lane):
        self.lane = lane
        lane.attach(self)

    def run_shift(self):
        self.lane.begin_shift()
        try:
            self.lane.get()()
        finally:
            self.lane.end_shift()


def nothing():
    """What one does in the meantime does not matter."""


class Room:
    """A limiter and its lanes, by name.

    Attributes:
        running: who runs, in order of entry.
    """

    def __init__(self, size):
        self._workers = Workers()
        self._jobs = {}
        self._limiter = Limiter(self._workers, size)
        self._guests = {}
        self.running = []

    def lane(self, name):
        if name not in self._guests:
            self._guests[name] = Guest(Lane(self._limiter))
        return self._guests[name].lane

    def come(self, *names, urgent=False, job=nothing):
        for name in names:
            self.lane(name).set_urgent(urgent=urgent)
            self.lane(name).put(job)
        self._look()

    def end(self, name):
        self.running.remove(name)
        try:
            self._jobs.pop(name)()
        finally:
            self._look()

    def excuse(self, name):
        self._limiter.excuse([self.lane(name)])
        self._look()

    def hasten(self, name):
        self.lane(name).set_urgent(urgent=True)
        self._look()

    def _look(self):
        names = {guest.run_shift: name for name, guest in self._guests.items()}
        for job in self._workers.jobs:
            self.running.append(names[job])
            self._jobs[self.running[-1]] = job
        self._workers.jobs.clear()


@pytest.fixture
def room():
    return Room(2)


def test_so_many_run_and_no_more(room):
    room.come("a", "b", "c", "d")
    assert room.running == ["a", "b"]
    room.end("a")
    assert room.running == ["b", "c"]


def test_one_more_may_undo_while_all_are_busy(room):
    room.come("a", "b", "c")
    room.come("x", "y", urgent=True)
    assert room.running == ["a", "b", "x"]
    room.end("x")
    assert room.running == ["a", "b", "y"]


def test_who_undoes_goes_first(room):
    room.come("a", "b", "c")
    room.come("x", "y", urgent=True)
    room.end("a")
    assert room.running == ["b", "x", "y"]
    room.end("b")
    assert room.running == ["x", "y"]
    room.end("x")
    assert room.running == ["y", "c"]


def test_when_all_undo_there_is_no_one_more(room):
    room.come("x", "y", "z", urgent=True)
    assert room.running == ["x", "y"]


def test_one_that_is_not_wanted_any_more_does_not_count(room):
    room.come("a", "b", "c", "d")
    room.excuse("a")
    assert room.running == ["a", "b", "c"]
    room.end("a")
    assert room.running == ["b", "c"]
    room.end("b")
    assert room.running == ["c", "d"]


def test_to_excuse_twice_or_one_who_is_not_there_changes_nothing(room):
    room.come("a", "b", "c", "d")
    for name in ("a", "a", "d", "nobody"):
        room.excuse(name)
    assert room.running == ["a", "b", "c"]


def test_one_that_waits_may_become_urgent(room):
    room.come("a", "b", "c", "d")
    room.hasten("d")
    assert room.running == ["a", "b", "d"]


def test_one_of_whom_nothing_new_is_said_keeps_its_place(room):
    room.come("a", "b", "c", "d")
    room.lane("c").set_urgent(urgent=False)
    room.end("a")
    assert room.running == ["b", "c"]


def test_one_that_no_longer_undoes_waits_like_the_others(room):
    room.come("a", "b", "c")
    room.come("x", "y", urgent=True)
    room.lane("y").set_urgent(urgent=False)
    room.end("x")
    assert room.running == ["a", "b"]
    room.end("a")
    room.end("b")
    assert room.running == ["c", "y"]


@pytest.mark.parametrize("seed", range(50))
def test_whatever_happens_there_are_never_too_many_and_everyone_has_a_turn(seed, room):
    chance, excused, came, ended = Random(seed), set(), 0, 0
    for number in range(200):
        name, running = str(number), list(room.running)
        match chance.randrange(5):
            case 0 | 1:
                room.come(name, urgent=chance.random() < 0.3)
                came += 1
            case 2 if running:
                excused.add(chance.choice(running))
                for each in excused:
                    room.excuse(each)
            case 3 if came:
                room.hasten(str(chance.randrange(number)))
            case _ if running:
                room.end(chance.choice(running))
                ended += 1
        assert len(set(room.running) - excused) <= 3
    while room.running:
        room.end(room.running[0])
        ended += 1
    assert ended == came


def test_one_who_has_more_to_do_gets_in_line_again(room):
    room.come("a", "b")
    room.come("a", "c")
    room.end("a")
    assert room.running == ["b", "c"]
    room.end("b")
    assert room.running == ["c", "a"]


def test_one_that_raises_gives_its_place_back(room):
    def fail():
        raise RuntimeError("x")

    room.come("a", job=fail)
    room.come("b", "c")
    with pytest.raises(RuntimeError):
        room.end("a")
    assert room.running == ["b", "c"]


class Meanwhile:
    """A lock; just before its holder lets go of it the first time, somebody else does something."""

    def __init__(self, act):
        self._act = act
        self._lock = threading.Lock()
        self.acquire = self._lock.acquire

    def release(self):
        act, self._act = self._act, lambda: None
        act()
        self._lock.release()


def test_who_comes_while_somebody_else_is_at_it_is_not_forgotten(room):
    room._limiter._busy = Meanwhile(lambda: room.come("b"))
    room.come("a")
    assert room.running == ["a", "b"]


def test_whoever_comes_from_many_threads_has_a_turn():
    pool, jobs, done = Pool(4, "limited"), 2_000, threading.Semaphore(0)
    limiter = Limiter(pool, 3)

    def come():
        for number in range(jobs):
            lane = Guest(Lane(limiter)).lane
            lane.set_urgent(urgent=number % 3 == 0)
            lane.put(done.release)
            if number % 5 == 0:
                limiter.excuse([lane])

    threads = [threading.Thread(target=come) for _ in range(3)]
    for thread in threads:
        thread.start()
    assert all(done.acquire(timeout=PATIENCE) for _ in range(3 * jobs))
    for thread in threads:
        thread.join()
    pool.close()
