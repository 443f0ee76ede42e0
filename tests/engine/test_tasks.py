"""Functions that are called at a time."""

import threading

import pytest

import replay
from engine import ECState, TaskStatus, UsageError
from tests.engine.kinds import PATIENCE


class Called:
    """A function that tells when it was called."""

    def __init__(self, act=lambda: "result"):
        self._act = act
        self._called = threading.Event()

    def __call__(self):
        try:
            return self._act()
        finally:
            self._called.set()

    @property
    def was_called(self):
        return self._called.is_set()

    def wait(self):
        assert self._called.wait(PATIENCE)


def states(one):
    return {number: task["state"] for number, task in replay.state(one.run_dir).tasks.items()}


def test_a_function_is_called_at_its_time(ec, clock):
    one = ec(clock=clock)
    late, soon = Called(), Called()
    tasks = [one.schedule("1m", late, track=True), one.schedule(1.5, soon, track=True)]
    clock.go_on(1.5)
    soon.wait()
    assert (tasks, late.was_called) == ([1, 2], False)
    clock.go_on(58.5)
    late.wait()
    one.shutdown()
    assert [(one.get_task(task).status, one.get_task(task).result) for task in tasks] == [
        (TaskStatus.DONE, "result")
    ] * 2


def test_a_task_that_is_not_tracked_is_not_known(ec):
    one = ec()
    called = Called()
    task = one.schedule("0s", called)
    called.wait()
    assert one.get_task(task) is None
    assert one.get_task(99) is None


def test_before_it_is_called_a_task_is_new(ec):
    one = ec()
    task = one.schedule("1h", Called(), track=True)
    assert (one.get_task(task).status, one.get_task(task).result) == (TaskStatus.NEW, None)
    one.shutdown()
    assert states(one) == {1: "lost"}


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3)])
def test_what_a_function_raises_goes_to_its_task(ec, clock, error):
    def act():
        raise error

    one = ec(clock=clock)
    called, after = Called(act), Called()
    task = one.schedule("0s", called, track=True)
    one.schedule("1s", after)
    clock.go_on(0)
    called.wait()
    clock.go_on(1)
    after.wait()
    one.shutdown()
    assert one.get_task(task).status is TaskStatus.ERROR
    assert f"{type(error).__name__}: {error}" in one.get_task(task).result
    assert one.ecstate is ECState.TERMINATED


def test_a_function_may_use_the_controller(ec):
    one = ec()
    called = Called(lambda: one.register_resource("test::Plain"))
    one.schedule("0s", called)
    called.wait()
    assert one.resources == [1]


def test_a_function_may_end_the_experiment(ec, stage):
    one = ec()
    one.register_resource("test::Thing")
    called = Called(one.shutdown)
    one.schedule("0s", called)
    called.wait()
    assert one.ecstate is ECState.TERMINATED
    assert states(one) == {1: "lost"}


@pytest.mark.parametrize("date", ["soon", "", -1, "20261399000000000000", None, object(), 1e30])
def test_a_date_that_cannot_be_read_is_refused_in_the_call(ec, date):
    one = ec()
    with pytest.raises(UsageError):
        one.schedule(date, Called())
    assert states(one) == {}
