"""Actors that share workers: what pykka promises, kept by a runtime of our own."""

import threading
from collections import deque

import pykka
import pytest

from engine.runtime.actors import Mailbox, PooledActor
from engine.runtime.pool import Pool
from tests.engine.kinds import PATIENCE, Door


class Echo(PooledActor):
    """Answers, raises, blocks, or stops, as it is told."""

    def __init__(self, executor):
        super().__init__(Mailbox(executor))
        self.heard = []
        self.stopped = threading.Event()
        self.failed = threading.Event()

    def on_receive(self, message):
        self.heard.append(message)
        if isinstance(message, Door):
            message.pass_through()
        elif isinstance(message, threading.Event):
            message.set()
        elif isinstance(message, BaseException):
            raise message
        return message

    def on_stop(self):
        self.stopped.set()

    def on_failure(self, *exc_info):
        self.failed.set()

    def held(self):
        return self.heard


@pytest.fixture
def pool():
    pool = Pool(4, "test")
    yield pool
    pool.close()


@pytest.fixture
def echo(pool):
    return Echo.start(pool)


def heard(ref):
    return ref.proxy().held().get(timeout=PATIENCE)


def busy(ref):
    """An actor that is busy until the door is opened."""
    door = Door()
    ref.tell(door)
    door.await_hook()
    return door


def test_ask_is_answered(echo):
    assert echo.ask("hello", timeout=PATIENCE) == "hello"


def test_what_an_asked_actor_raises_is_the_askers(echo):
    with pytest.raises(KeyError, match="x"):
        echo.ask(KeyError("x"), timeout=PATIENCE)
    assert echo.is_alive()


def test_what_a_told_actor_raises_stops_it(echo):
    failed = echo.proxy().failed.get(timeout=PATIENCE)
    echo.tell(ValueError("x"))
    with pytest.raises(pykka.ActorDeadError):
        echo.ask("later", timeout=PATIENCE)
    assert failed.is_set()


def test_messages_are_heard_in_order(echo):
    for number in range(200):
        echo.tell(number)
    assert heard(echo) == list(range(200))


def test_proxies_work(echo):
    assert echo.proxy().held().get(timeout=PATIENCE) == []


def test_one_message_at_a_time(pool, echo):
    door = busy(echo)
    later = threading.Event()
    echo.tell(later)
    other = Echo.start(pool)
    assert other.ask("meanwhile", timeout=PATIENCE) == "meanwhile"
    assert not later.is_set()
    door.open()
    assert later.wait(PATIENCE)


def test_a_stop_comes_after_what_was_told_before(echo):
    door = busy(echo)
    first = echo.ask("first", block=False)
    stopping = echo.stop(block=False)
    late = echo.ask("late", block=False)
    door.open()
    assert first.get(timeout=PATIENCE) == "first"
    assert stopping.get(timeout=PATIENCE) is True
    with pytest.raises(pykka.ActorDeadError):
        late.get(timeout=PATIENCE)


def test_a_dead_actor_takes_nothing(echo):
    assert echo.stop(timeout=PATIENCE) is True
    assert echo.stop(timeout=PATIENCE) is False
    assert not echo.is_alive()
    with pytest.raises(pykka.ActorDeadError):
        echo.tell("x")
    with pytest.raises(pykka.ActorDeadError):
        echo.ask("x", timeout=PATIENCE)


def test_who_asks_while_it_stops_is_answered(pool):
    """The envelope comes after the last look into the mailbox, from one who saw the actor alive."""
    ref = Echo.start(pool)
    ref.stop(timeout=PATIENCE)
    future = pykka.ThreadingFuture()
    ref.actor_inbox.put(pykka._envelope.Envelope("late", reply_to=future))
    with pytest.raises(pykka.ActorDeadError):
        future.get(timeout=PATIENCE)
    ref.actor_inbox.put(pykka._envelope.Envelope("late"))
    assert ref.actor_inbox.empty()


class Line:
    """An executor that does one job when it is told to."""

    def __init__(self):
        self._jobs = deque()
        self.submit = self._jobs.append

    def step(self):
        self._jobs.popleft()()


def test_an_actor_that_has_much_to_do_lets_others_have_their_turn():
    line = Line()
    greedy, modest = Echo.start(line), Echo.start(line)
    for number in range(100):
        greedy.tell(number)
    answer = modest.ask("hello", block=False)
    line.step()
    assert not greedy.actor_inbox.empty()
    line.step()
    assert answer.get(timeout=0) == "hello"
    for _ in range(3):
        line.step()
    assert greedy.actor_inbox.empty()


def test_actors_are_not_entered_in_the_registry_of_all(pool):
    before = pykka.ActorRegistry.get_all()
    ref = Echo.start(pool)
    assert pykka.ActorRegistry.get_all() == before
    pykka.ActorRegistry.stop_all()
    assert ref.is_alive()


@pytest.mark.slow
def test_ten_thousand_actors_share_four_workers(pool):
    before = threading.active_count()
    refs = [Echo.start(pool) for _ in range(10_000)]
    futures = [ref.ask(number, block=False) for number, ref in enumerate(refs)]
    assert [future.get(timeout=PATIENCE) for future in futures] == list(range(10_000))
    assert threading.active_count() <= before + 4
    stopped = [ref.stop(block=False) for ref in refs]
    assert all(future.get(timeout=PATIENCE) for future in stopped)


def test_told_from_many_threads_nothing_is_lost(echo):
    def tell():
        for number in range(500):
            echo.tell(number)

    threads = [threading.Thread(target=tell) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    assert sorted(heard(echo)) == sorted([*range(500)] * 4)


class Meanwhile:
    """Stands for the lock of a mailbox: while its holder is about to let go of it, a message comes."""

    def __init__(self, lock, act):
        self._lock, self._act = lock, act
        self.acquire = lock.acquire

    def release(self):
        act, self._act = self._act, lambda: None
        act()
        self._lock.release()


def test_what_comes_while_a_shift_ends_is_heard():
    line = Line()
    echo = Echo.start(line)
    inbox, late = echo.actor_inbox, []
    inbox._shift = Meanwhile(inbox._shift, lambda: late.append(echo.ask("late", block=False)))
    first = echo.ask("first", block=False)
    line.step()
    assert first.get(timeout=0) == "first"
    line.step()
    assert late[0].get(timeout=0) == "late"
