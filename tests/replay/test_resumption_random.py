"""Scripts of chance that die at any event, again and again: the last of them sees what all of them saw, and did."""

import random
import threading

import pytest

import replay
from engine import ExperimentController, ExperimentError, Interrupted, ResourceAction, ResourceState, TraceAttr
from engine.runtime import coordinator
from engine.runtime.script import Script, current, playing
from tests.replay.again import SAID, STARTS, dying

pytestmark = pytest.mark.filterwarnings("ignore::engine.core.errors.ExperimentWarning")

LENGTH = 14


class Play:
    """One script of chance, played until it comes to its end.

    Attributes:
        seen: what the present try has seen so far.
        sure: how much of that is on disk, so that it is seen again.
        done: how often each of the script's own steps was done that is not to be done again.
    """

    def __init__(self, seed):
        self.seed = seed
        self.seen = []
        self.sure = 0
        self.done = {}

    def __call__(self):
        self.seen, self.sure = [], 0
        chance = random.Random(self.seed)
        with ExperimentController("again") as ec:
            for number in range(LENGTH):
                act = chance.choice(ACTS)
                self.seen.append(act(self, ec, number, random.Random(chance.random())))
                if is_alive(ec) and not current()._notes:
                    self.sure = len(self.seen)

    def do(self, number, retry):
        if not retry:
            self.done[number] = self.done.get(number, 0) + 1
        return number


def is_alive(ec):
    """Whether it has not died meanwhile, in another thread."""
    return not ec._calls.is_live or (ec._session._actor.failure is None and not ec._session.closed)


def tried(act):
    """What it returned, or what it said."""
    try:
        return act()
    except Interrupted:
        raise
    except ExperimentError as error:
        return type(error).__name__, str(error)


def register(play, ec, number, chance):
    more = {"connectedTo": chance.choice(ec.resources)} if ec.resources and chance.random() < 0.5 else {}
    return ec.register_resource("again::Job", command=str(ec.random.random()), lasts=chance.random() < 0.3, **more)


def condition(play, ec, number, chance):
    both = [chance.choice(ec.resources or [1]) for _ in range(2)]
    action = chance.choice([ResourceAction.START, ResourceAction.STOP])
    state = chance.choice([ResourceState.STARTED, ResourceState.STOPPED])
    return tried(lambda: ec.register_condition(both[0], action, both[1], state, "1ms"))


def deploy(play, ec, number, chance):
    return tried(ec.deploy)


def wait(play, ec, number, chance):
    guid = chance.choice(ec.resources or [1])
    call = chance.choice([ec.wait_finished, ec.wait_started])
    return tried(lambda: call(guid, timeout="20ms"))


def look(play, ec, number, chance):
    guid = chance.choice(ec.resources or [1])
    return tried(lambda: (ec.state(guid).name, ec.get(guid, "command"), ec.get_start_time(guid), ec.exit_code(guid)))


def poll(play, ec, number, chance):
    guid = chance.choice(ec.resources or [1])
    left = chance.randrange(1, 20)
    while left and tried(lambda: ec.state(guid)) is not ResourceState.STOPPED:
        left -= 1
    return left


def trace(play, ec, number, chance):
    guid = chance.choice(ec.resources or [1])
    return tried(lambda: ec.trace(guid, "out", chance.choice([TraceAttr.ALL, TraceAttr.SIZE]))) and ec.now()


def step(play, ec, number, chance):
    retry = chance.random() < 0.5
    try:
        return ec.step(play.do, str(number), retry, retry=retry)
    except Interrupted:
        return "interrupted"


def stop(play, ec, number, chance):
    return tried(lambda: ec.stop(chance.choice(ec.resources or [1])))


def batch(play, ec, number, chance):
    acts = [chance.choice((register, register, condition, deploy, look, step)) for _ in range(chance.randrange(1, 5))]
    with ec.batch():
        return tuple(act(play, ec, (number, place), chance) for place, act in enumerate(acts))


def beside(play, ec, number, chance):
    found = []
    inner = random.Random(chance.random())
    acts = [inner.choice((register, look, poll, step)) for _ in range(3)]

    def run():
        try:
            found.extend(act(play, ec, (number, place), inner) for place, act in enumerate(acts))
        except BaseException:  # noqa: BLE001 - it died with the rest
            found.append("died")

    thread = threading.Thread(target=run, name=f"beside {number}")
    thread.start()
    thread.join()
    return tuple(found)


def later(play, ec, number, chance):
    called = threading.Event()
    found = []

    def call():
        try:
            found.append((ec.resources, register(play, ec, number, random.Random(number))))
        finally:
            called.set()

    task = tried(lambda: ec.schedule("1ms", call))
    called.wait(20)
    return task, found


ACTS = [register, register, condition, deploy, wait, look, poll, trace, step, stop, batch, beside, later]


def play(seed, home, monkeypatch):
    monkeypatch.setattr(coordinator, "_MOST_UNWRITTEN", 4)
    STARTS.clear()
    SAID.clear()
    told = {"path": __file__, "module": None, "args": [], "cwd": "/", "python": "python", "sha256": ""}
    script, chance = Play(seed), random.Random(-seed)
    with playing(Script(describe=lambda: told)):
        with dying(monkeypatch, chance.randrange(1, 40)):
            script()
        (run_dir,) = (home / "again").iterdir()
        sure = [script.seen[: script.sure]]
        while not replay.state(run_dir).closed:
            with dying(monkeypatch, replay.state(run_dir).seq + chance.randrange(1, 60)), replay.resuming(run_dir):
                script()
            sure.append(script.seen[: script.sure])
    for seen in sure:
        assert seen == script.seen[: len(seen)]
    assert set(script.done.values()) <= {1}
    assert set(STARTS.values()) <= {1}
    assert replay.check(run_dir) == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_what_a_script_saw_and_did_is_what_it_sees_and_did(seed, home, monkeypatch):
    play(seed, home, monkeypatch)


@pytest.mark.torture
@pytest.mark.parametrize("seed", range(100, 400))
def test_the_same_of_many(seed, home, monkeypatch):
    play(seed, home, monkeypatch)
