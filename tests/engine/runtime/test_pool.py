"""The pool: workers are made when they are needed, share the work, and outlive what a job raises."""

import threading
from queue import SimpleQueue

import pytest

from engine.runtime.pool import Pool
from tests.engine.kinds import PATIENCE, Door


@pytest.fixture
def pool():
    pool = Pool(2, "test-pool")
    yield pool
    pool.close()
    for thread in workers_threads():
        thread.join(PATIENCE)  # or it would be counted with those of the next test


def workers_threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("test-pool")]


def workers():
    return [thread.name for thread in workers_threads()]


def test_no_thread_is_made_before_there_is_work(pool):
    assert workers() == []


def test_a_worker_that_is_free_is_used_again(pool):
    names = SimpleQueue()
    for _ in range(20):
        done = threading.Event()
        pool.submit(lambda: names.put(threading.current_thread().name))
        pool.submit(done.set)
        assert done.wait(PATIENCE)
    assert {names.get(timeout=PATIENCE) for _ in range(20)} <= {"test-pool-1", "test-pool-2"}


def test_no_more_workers_than_its_size(pool):
    doors = [Door() for _ in range(3)]
    for door in doors:
        pool.submit(door.pass_through)
    doors[0].await_hook()
    doors[1].await_hook()
    assert sorted(workers()) == ["test-pool-1", "test-pool-2"]
    assert not doors[2].reached.is_set()
    doors[0].open()
    doors[2].await_hook()
    for door in doors:
        door.open()


def test_a_job_that_raises_does_not_take_its_worker_with_it(pool):
    names = SimpleQueue()

    def fail():
        names.put(threading.current_thread().name)
        raise RuntimeError("x")

    for _ in range(5):
        pool.submit(fail)
    pool.submit(lambda: names.put("done"))
    assert "done" in [names.get(timeout=PATIENCE) for _ in range(6)]


def test_closing_lets_the_work_be_done_and_the_workers_go(pool):
    done = threading.Event()
    door = Door()
    pool.submit(door.pass_through)
    door.await_hook()
    pool.submit(done.set)
    threads = workers_threads()
    pool.close()
    door.open()
    for thread in threads:
        thread.join(PATIENCE)
    assert done.is_set()
    assert workers() == []


def test_what_comes_after_it_was_closed_is_done_and_keeps_no_worker(pool):
    door = Door()
    pool.submit(door.pass_through)
    door.await_hook()
    pool.close()
    late = [threading.Event() for _ in range(3)]
    for done in late:
        pool.submit(done.set)
    assert all(done.wait(PATIENCE) for done in late)
    threads = workers_threads()
    door.open()
    for thread in threads:
        thread.join(PATIENCE)
    assert workers() == []


def test_what_comes_when_all_workers_have_gone_is_done_too():
    pool, door = Pool(1, "test-pool"), Door()
    pool.submit(door.pass_through)
    door.await_hook()
    pool.close()
    door.open()
    for _ in range(2):
        for thread in workers_threads():
            thread.join(PATIENCE)
        late = threading.Event()
        pool.submit(late.set)
        assert late.wait(PATIENCE)


def test_what_follows_a_job_is_done_by_its_worker(pool):
    ran = SimpleQueue()

    def first():
        ran.put(threading.get_ident())
        pool.follow(lambda: ran.put(threading.get_ident()))

    pool.submit(first)
    assert ran.get(timeout=PATIENCE) == ran.get(timeout=PATIENCE)


def test_of_two_that_follow_a_job_none_waits_for_the_other(pool):
    doors = [Door(), Door()]

    def first():
        for door in doors:
            pool.follow(door.pass_through)

    pool.submit(first)
    for door in doors:
        door.await_hook()
        door.open()


def test_each_worker_is_made_ready_before_it_works():
    ready, local = SimpleQueue(), threading.local()

    def get_ready():
        local.ready = True

    pool = Pool(2, "test-ready", get_ready)
    doors = [Door(), Door()]
    for door in doors:
        pool.submit(lambda door=door: (door.pass_through(), ready.put(local.ready)))
    for door in doors:
        door.await_hook()
    for door in doors:
        door.open()
    assert [ready.get(timeout=PATIENCE) for _ in doors] == [True, True]
    pool.close()
