"""The scheduler on a clock of its own, and the system's clock."""

import threading

import pykka
import pytest

from engine.runtime.actors import Mailbox, PooledActor
from engine.runtime.clock import SystemClock
from engine.runtime.pool import Pool
from engine.runtime.scheduler import At, Scheduler
from tests.engine.clock import START
from tests.engine.kinds import PATIENCE


class Listener(PooledActor):
    def __init__(self, executor):
        super().__init__(Mailbox(executor))
        self.heard = []

    def on_receive(self, message):
        self.heard.append(message)

    def so_far(self):
        return list(self.heard)


@pytest.fixture
def pool():
    pool = Pool(2, "test")
    yield pool
    pool.close()


@pytest.fixture
def listener(pool):
    return Listener.start(pool)


@pytest.fixture
def scheduler(clock):
    ref = Scheduler.start(clock)
    yield ref
    ref.stop()


def heard(scheduler, listener):
    scheduler.ask("whatever is due", timeout=PATIENCE)
    return listener.proxy().so_far().get(timeout=PATIENCE)


def at(scheduler, listener, *messages):
    for seconds, message in messages:
        scheduler.tell(At(START + round(seconds * 1e9), listener, message))


def test_messages_come_when_they_are_due(scheduler, listener, clock):
    at(scheduler, listener, (2, "b"), (1, "a"), (3, "c"))
    assert heard(scheduler, listener) == []
    clock.go_on(1)
    assert heard(scheduler, listener) == ["a"]
    clock.go_on(2)
    assert heard(scheduler, listener) == ["a", "b", "c"]


def test_what_is_overdue_comes_at_once(scheduler, listener, clock):
    at(scheduler, listener, (-5, "late"), (0, "now"))
    assert heard(scheduler, listener) == ["late", "now"]


def test_messages_of_one_moment_come_in_the_order_they_were_told(scheduler, listener, clock):
    at(scheduler, listener, *((1, number) for number in range(100)))
    heard(scheduler, listener)
    clock.go_on(1)
    assert heard(scheduler, listener) == list(range(100))


def test_the_alarm_is_set_for_the_earliest(scheduler, listener, clock):
    at(scheduler, listener, (9, "z"), (4, "y"))
    heard(scheduler, listener)
    (alarm,) = clock.alarms
    assert alarm.due == START + 4_000_000_000
    clock.go_on(4)
    heard(scheduler, listener)
    assert alarm.due == START + 9_000_000_000


def test_who_is_dead_is_told_nothing(scheduler, listener, pool, clock):
    other = Listener.start(pool)
    at(scheduler, other, (1, "nobody"))
    at(scheduler, listener, (1, "somebody"))
    other.stop(timeout=PATIENCE)
    clock.go_on(1)
    assert heard(scheduler, listener) == ["somebody"]
    assert scheduler.is_alive()


def test_after_its_stop_nothing_rings(scheduler, listener, clock):
    at(scheduler, listener, (1, "a"))
    scheduler.stop(timeout=PATIENCE)
    (alarm,) = clock.alarms
    assert alarm.due is None
    clock.go_on(2)
    with pytest.raises(pykka.ActorDeadError):
        heard(scheduler, listener)


def test_an_alarm_that_rings_while_it_stops_is_not_heard(scheduler, clock):
    scheduler.stop(timeout=PATIENCE)
    clock.alarms[0]._ring()


# --- the system's clock


def test_the_clock_of_the_system_does_not_run_backwards():
    clock = SystemClock()
    times = [clock.now() for _ in range(1000)]
    assert times == sorted(times)


def test_an_alarm_rings_once_it_is_due():
    clock, rung = SystemClock(), threading.Event()
    alarm = clock.alarm(rung.set)
    due = clock.now() + 20_000_000
    alarm.set(due)
    assert rung.wait(PATIENCE)
    assert clock.now() >= due
    alarm.close()


def test_an_alarm_that_is_set_anew_rings_at_the_later_word():
    clock, rung = SystemClock(), threading.Event()
    alarm = clock.alarm(rung.set)
    alarm.set(clock.now() + 3600 * 10**9)
    alarm.set(clock.now() - 1)
    assert rung.wait(PATIENCE)
    alarm.close()


def test_an_alarm_that_is_never_set_has_no_thread():
    before = threading.active_count()
    alarm = SystemClock().alarm(lambda: None)
    alarm.set(None)
    assert threading.active_count() == before
    alarm.close()


def test_the_thread_of_an_alarm_ends_when_it_is_closed():
    alarm = SystemClock().alarm(lambda: None)
    alarm.set(2**63)
    thread = alarm._thread
    alarm.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    alarm.set(0)
