"""The machine that a controller runs on, if it is not told of another one."""

import os
import threading

import pykka
import pytest

import eventlog
from engine.runtime.actors import Mailbox, PooledActor, ask
from engine.runtime.machine import Machine, System
from engine.runtime.pool import Pool
from tests.engine.kinds import PATIENCE


@pytest.fixture
def machine() -> Machine:
    return System()


def test_its_clock_shows_no_time_before_the_one_that_is_asked_for(machine):
    later = machine.clock(0).now() + 10**15
    assert machine.clock(later).now() >= later


def test_its_workers_are_threads(machine):
    done = threading.Event()
    workers = machine.workers(1, "machine")
    workers.submit(done.set)
    assert done.wait(PATIENCE)
    workers.close()


def test_its_lock_may_be_taken_again_by_its_holder(machine):
    lock = machine.lock()
    with lock, lock:
        pass


def test_it_is_this_process(machine):
    assert machine.pid() == machine.holder()["pid"] == os.getpid()


def test_its_runs_are_on_disk(machine, tmp_path):
    run_dir = machine.make_run_dir("exp", tmp_path)
    assert run_dir.parent == tmp_path / "exp"
    with pytest.raises(eventlog.NoLog), machine.open_log(run_dir):
        pass
    with machine.open_writer(run_dir), machine.open_log(run_dir) as log:
        assert list(log.read()) == []


class Echo(PooledActor):
    """Answers what it hears."""

    def on_receive(self, message):
        if isinstance(message, Exception):
            raise message
        return message


def test_an_answer_may_come_into_a_future_of_ones_own(machine):
    pool = Pool(1, "machine")
    echo = Echo.start(Mailbox(pool))
    assert ask(echo, "hello", machine.future()) == "hello"
    with pytest.raises(KeyError, match="x"):
        ask(echo, KeyError("x"), machine.future())
    echo.stop(timeout=PATIENCE)
    with pytest.raises(pykka.ActorDeadError):
        ask(echo, "hello", machine.future())
    pool.close()


def test_a_clock_alone_may_be_given(ec, clock):
    exp = ec(clock=clock)
    exp.register_resource("test::Plain")
    exp.deploy()
    assert exp.wait_started(1, PATIENCE)
    assert exp.get_start_time(1).timestamp() * 1e9 == clock.now()
