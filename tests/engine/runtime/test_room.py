"""Room for hooks in a whole controller: `workers` at once and no more, and undoing gets through all the same."""

import threading

import pytest

from engine import ResourceFactory, ResourceManager
from engine.core.effects import Probe
from engine.core.errors import ExperimentError
from engine.core.states import ResourceState, Step
from engine.failure import ECState
from engine.rm.outcomes import Alive
from engine.runtime.crew import Crew
from engine.runtime.limiter import Limiter
from engine.runtime.pool import Pool
from tests.engine.kinds import PATIENCE, Beside, Door

WORKERS = 3


class Site:
    """What the hooks of a test do: each waits at a door of its own."""

    def __init__(self):
        self.lock = threading.Lock()
        self.doors = {}
        self.now = self.most = 0
        self.barrier = None

    def door(self, name):
        with self.lock:
            return self.doors.setdefault(name, Door())

    def enter(self, name):
        with self.lock:
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            if self.barrier is not None:
                self.barrier.wait(PATIENCE)
            else:
                self.door(name).pass_through()
        finally:
            with self.lock:
                self.now -= 1

    def open_all(self):
        for door in self.doors.values():
            door.open()


_site = Site()


class Slow(ResourceManager, rtype="room::Slow"):
    """Waits in its hooks."""

    def deploy(self, intent):
        _site.enter(f"deploy #{self.guid}")

    def release(self, intent):
        if _site.barrier is not None:
            _site.enter("")


class SlowToAnswer(Slow, rtype="room::SlowToAnswer"):
    """Also when it is stopped, or asked after."""

    def stop(self, intent):
        _site.enter(f"stop #{self.guid}")

    def probe(self, intent, receipt):
        _site.enter(f"probe #{self.guid}")
        return Alive()


ResourceFactory.register_type(Slow)
ResourceFactory.register_type(SlowToAnswer)


@pytest.fixture
def site():
    global _site  # noqa: PLW0603 - types are made by the engine, so they find the site here
    _site = Site()
    yield _site
    _site.open_all()


def test_exactly_so_many_hooks_run_at_once(ec, site):
    site.barrier = threading.Barrier(WORKERS)
    exp = ec(workers=WORKERS)
    guids = [exp.register_resource("room::Slow") for _ in range(4 * WORKERS)]
    exp.deploy()
    assert exp.wait_started(guids, PATIENCE)
    exp.shutdown()  # the releases meet at the barrier, too
    assert site.most == WORKERS


def test_a_release_gets_through_while_all_are_busy(ec, site):
    exp = ec(workers=WORKERS)
    ready = exp.register_resource("test::Plain")
    released = exp.register_resource("test::Thing")
    exp.deploy([ready, released])
    assert exp.wait_started([ready, released], PATIENCE)
    busy = [exp.register_resource("room::Slow") for _ in range(2 * WORKERS)]
    exp.deploy(busy)
    for guid in busy[:WORKERS]:
        site.door(f"deploy #{guid}").await_hook()
    exp.release([released])
    assert exp.state(released) is ResourceState.RELEASED
    assert site.now == WORKERS
    site.open_all()
    for guid in busy:
        site.door(f"deploy #{guid}").open()


def test_one_whose_hook_waits_for_a_worker_is_released_without_it(ec, site):
    exp = ec(workers=1)
    busy, waiting = (exp.register_resource("room::Slow") for _ in range(2))
    exp.deploy([busy])
    site.door(f"deploy #{busy}").await_hook()
    exp.deploy([waiting])
    exp.release([waiting])
    assert exp.state(waiting) is ResourceState.RELEASED
    assert f"deploy #{waiting}" not in site.doors
    site.door(f"deploy #{busy}").open()


def test_one_that_is_to_be_released_gives_its_place_to_others(ec, site):
    exp = ec(workers=1)
    hangs, other = (exp.register_resource("room::Slow") for _ in range(2))
    exp.deploy([hangs])
    site.door(f"deploy #{hangs}").await_hook()
    exp.deploy([other])
    releasing = Beside(lambda: exp.release([hangs]))
    site.door(f"deploy #{other}").await_hook()
    site.open_all()
    assert releasing.join() is None
    assert exp.wait_started(other, PATIENCE)


def test_a_shutdown_waits_for_no_hook_that_hangs(ec, site):
    exp = ec(workers=2, patience="0.05s")
    hang = [exp.register_resource("room::Slow") for _ in range(5)]
    exp.deploy()
    for guid in hang[:2]:
        site.door(f"deploy #{guid}").await_hook()
    with pytest.raises(ExperimentError, match="its deploy was given up"):
        exp.shutdown()
    assert exp.ecstate is ECState.TERMINATED
    assert site.now == 2


# --- giving up, as the crew sees it


class Resource:
    """What the crew looks at."""

    guid, rtype, attributes, receipts, tokens = 1, "room::SlowToAnswer", {}, {}, {}


class World:
    """One resource."""

    def __init__(self):
        self.resources = {1: Resource()}

    def values(self, resource):
        return {}


class Effect:
    """A hook to run."""

    def __init__(self, step, token):
        self.guid = 1
        self.attempt = type("Attempt", (), {"token": token, "step": step})


def test_one_that_was_given_up_has_a_fresh_manager_and_another_worker(site, tmp_path):
    heard, told = [], threading.Event()

    def hear(message):
        heard.append(message)
        told.set()

    pool = Pool(WORKERS, "room")
    crew = Crew(World(), None, Limiter(pool, 1), hear, threading.RLock)
    crew.run(Effect(Step.DEPLOY, "t-1"))
    crew.go_on()
    site.door("deploy #1").await_hook()
    old = crew.place(1).manager()
    crew.give_up(1)
    crew.go_on()
    crew.run(Effect(Step.RELEASE, "t-2"))
    crew.go_on()
    assert told.wait(PATIENCE)
    assert [message.token for message in heard] == ["t-2"]
    assert crew.place(1).manager() is not old
    told.clear()
    site.open_all()
    assert told.wait(PATIENCE)
    assert [message.token for message in heard] == ["t-2", "t-1"]
    crew.close()
    pool.close()


def test_one_that_is_asked_after_while_it_has_something_to_stop_can_be_given_up(site):
    """So it is after a takeover in the middle of a stop."""
    heard, released = [], threading.Event()

    def hear(message):
        heard.append(message.token)
        if message.token == "t-3":
            released.set()

    pool = Pool(WORKERS, "room")
    crew = Crew(World(), None, Limiter(pool, 1), hear, threading.RLock)
    crew.probe(Probe(1, Effect(Step.START, "t-1").attempt, None))
    site.door("probe #1").await_hook()
    crew.run(Effect(Step.STOP, "t-2"))
    crew.go_on()
    site.door("probe #1").open()
    site.door("stop #1").await_hook()
    crew.give_up(1)
    crew.run(Effect(Step.RELEASE, "t-3"))
    crew.go_on()
    assert released.wait(PATIENCE)
    assert heard == ["t-1", "t-3"], "and the stop still hangs"
    site.open_all()
    crew.close()
    pool.close()


def test_to_give_up_one_that_was_never_at_anything_changes_nothing():
    Crew(World(), None, Limiter(Pool(1, "room"), 1), lambda message: None, threading.RLock).give_up(1)
