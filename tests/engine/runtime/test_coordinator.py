"""Turns: nothing is let out before its reason is on disk, and nothing at all once the disk says no."""

import threading
from contextlib import suppress

import pytest

from engine.core import decide, events
from engine.core.calls import ScriptCall
from engine.core.errors import BadState, Closed, EngineBug
from engine.core.states import ResourceState
from engine.core.world import EXPERIMENT, World
from engine.rm.registry import declare
from engine.runtime import session
from engine.runtime.coordinator import Request
from engine.runtime.session import Session
from engine.runtime.waiters import been_in
from eventlog import MemoryStore
from tests.engine.kinds import PATIENCE, Beside, Door, Thing

READY = been_in(ResourceState.READY)


class Disk:
    """A writer whose appends wait at a door, or fail."""

    def __init__(self, store):
        self._writer = store.open_writer("test")
        self.epoch = self._writer.epoch
        self.close, self.abandon = self._writer.close, self._writer.abandon
        self.door = None
        self.error = None
        self.batches = []

    def append(self, records):
        if self.door is not None:
            door, self.door = self.door, None
            door.pass_through()
        if self.error is not None:
            raise self.error
        self._writer.append(records)
        self.batches.append([record.kind for record in records])

    def hold(self):
        """The next append waits."""
        self.door = Door()
        return self.door


class Run:
    """A session with one resource whose every step has a hook."""

    def __init__(self, tmp_path, clock, stage):
        self.stage = stage
        self.disk = Disk(MemoryStore())
        self.failures = []
        self.session = Session(
            tmp_path, World(), self.disk, 2, lambda guid: True, lambda: self.failures.append("told"), clock
        )
        self.session.ask(self._describe)

    @staticmethod
    def _describe(kernel):
        kernel.emit(events.ControllerOpened(EXPERIMENT, "exp", "run", {}, persist=False))
        kernel.emit_all(decide.register(kernel.world, declare(Thing), None, {}))

    def deploy(self):
        self.session.ask(lambda kernel: kernel.emit_all(decide.deploy(kernel.world, None, None, wait_all_ready=True)))


@pytest.fixture
def run(tmp_path, clock, stage):
    others = set(threading.enumerate())
    run = Run(tmp_path, clock, stage)
    yield run
    run.session.abandon()
    for door in stage.doors.values():
        door.open()
    for thread in set(threading.enumerate()) - others:
        if thread.name.startswith("netreel-hook"):
            with suppress(RuntimeError):  # it is just being started, to do what came late
                thread.join(PATIENCE)  # or a late hook would be counted with those of the next test


def test_a_caller_is_answered_after_the_append(run):
    door = run.disk.hold()
    call = Beside(run.deploy)
    door.await_hook()
    assert call._thread.is_alive()
    door.open()
    assert call.join() is None


def test_a_hook_is_called_after_the_append(run):
    hook = run.stage.door("discover #1")
    append = run.disk.hold()
    call = Beside(run.deploy)
    append.await_hook()
    assert run.stage.called == []
    append.open()
    hook.await_hook()
    assert run.disk.batches[-1] == ["group.deployed", "step.begun"]
    hook.open()
    call.join()


def test_a_waiter_is_woken_after_the_append(run):
    hook = run.stage.door("deploy #1")
    run.deploy()
    hook.await_hook()
    waiting = Beside(lambda: run.session.wait([1], READY))
    run.session.read(lambda world: None)
    append = run.disk.hold()
    hook.open()
    append.await_hook()
    assert waiting._thread.is_alive()
    append.open()
    assert waiting.join() is True


def test_one_who_asks_sees_only_what_is_on_disk(run):
    append = run.disk.hold()
    call = Beside(run.deploy)
    append.await_hook()
    looking = Beside(lambda: run.session.read(lambda world: world.groups[1].members))
    assert looking._thread.is_alive()
    append.open()
    assert looking.join() == [1]
    call.join()


def test_what_comes_meanwhile_is_written_at_once(run):
    """One append, and so one sync, for all that has come in while the last one took its time."""
    append = run.disk.hold()
    request = Request(lambda kernel: kernel.schedule(kernel.world.time + 10**12))
    first = run.session._coordinator.ask(request, block=False)
    append.await_hook()
    others = [run.session._coordinator.ask(request, block=False) for _ in range(20)]
    append.open()
    assert [future.get(timeout=PATIENCE) for future in (first, *others)] == list(range(1, 22))
    assert [len(batch) for batch in run.disk.batches[-2:]] == [1, 20]


def test_a_turn_in_which_others_ask_beside_a_batch_is_written(run):
    def schedule(kernel):
        return kernel.schedule(kernel.world.time + 10**12)

    append = run.disk.hold()
    first = run.session._coordinator.ask(Request(schedule), block=False)
    append.await_hook()
    described = run.session._coordinator.ask(Request(schedule, in_batch=True), block=False)
    asked = run.session._coordinator.ask(Request(schedule), block=False)
    append.open()
    assert [future.get(timeout=PATIENCE) for future in (first, described, asked)] == [1, 2, 3]
    assert run.disk.batches[-2:] == [["task.scheduled"], ["task.scheduled"] * 2]


def test_a_turn_that_comes_to_nothing_writes_nothing(run):
    before = list(run.disk.batches)
    run.session.read(lambda world: world.seq)
    assert run.disk.batches == before


def test_a_refusal_is_the_callers_and_nobody_elses(run):
    def refuse(kernel):
        raise BadState("no")

    with pytest.raises(BadState, match="no"):
        run.session.ask(refuse)
    run.deploy()
    assert run.failures == []


def test_after_a_failed_append_nothing_is_let_out(run):
    run.disk.error = OSError(5, "Input/output error")
    waiting = Beside(lambda: run.session.wait([1], READY))
    with pytest.raises(OSError, match="Input/output error"):
        run.deploy()
    assert isinstance(waiting.join(), OSError)
    run.disk.error = None
    for call in (run.deploy, lambda: run.session.read(lambda world: None), lambda: run.session.manager(1)):
        with pytest.raises(OSError, match="Input/output error"):
            call()
    with pytest.raises(OSError, match="Input/output error"):
        run.session.wait([1], READY)
    assert run.stage.called == []
    assert run.failures == ["told"]


def test_what_a_hook_comes_to_after_a_failure_is_not_heard(run):
    hook = run.stage.door("discover #1")
    run.deploy()
    hook.await_hook()
    run.disk.error = OSError(5, "Input/output error")
    with pytest.raises(OSError, match="Input/output error"):
        run.session.ask(lambda kernel: kernel.schedule(0))
    hook.open()
    with pytest.raises(OSError, match="Input/output error"):
        run.session.read(lambda world: None)
    assert run.stage.called == ["discover #1"]


def test_a_bug_stops_the_controller_and_tells_the_last_events(run):
    def half(kernel):
        kernel.schedule(kernel.world.time + 1)
        raise TypeError("cannot add apples")

    with pytest.raises(EngineBug, match="this is a bug in netreel: TypeError: cannot add apples") as bug:
        run.session.ask(half)
    assert [entry.event.kind for entry in bug.value.last_events] == ["task.scheduled"]
    assert isinstance(bug.value.__cause__, TypeError)
    with pytest.raises(EngineBug):
        run.deploy()
    assert not any("task.scheduled" in batch for batch in run.disk.batches)


def test_a_wait_that_lasts_too_long_is_given_up(run):
    with pytest.raises(TimeoutError):
        run.session.wait([1], READY, timeout=0)
    assert run.session.read(lambda world: list(world.resources)) == [1]


def test_waiters_are_woken_at_the_end(run):
    waiting = [Beside(lambda: run.session.wait([1], READY)) for _ in range(3)]
    run.session.close()
    assert {type(each.join()) for each in waiting} == {Closed}
    with pytest.raises(Closed):
        run.deploy()


def test_looking_is_possible_after_the_end(run):
    run.session.close()
    assert run.session.read(lambda world: list(world.resources)) == [1]
    assert run.session.manager(1).guid == 1
    assert run.session.linked(1, "test::Thing") == []


def test_closing_twice_is_closing_once(run):
    run.session.close()
    run.session.close()
    run.session.abandon()


def test_its_threads_end_with_it(tmp_path, clock, stage):
    before = set(threading.enumerate())
    run = Run(tmp_path, clock, stage)
    run.deploy()
    run.session.wait([1], READY)
    mine = set(threading.enumerate()) - before
    run.session.abandon()
    for thread in mine:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_very_much_is_written_in_parts(run, monkeypatch):
    monkeypatch.setattr(session, "_AT_ONCE", 1)
    run.disk.batches.clear()
    run.deploy()
    assert run.disk.batches[:2] == [["group.deployed"], ["step.begun"]]


def test_what_is_too_large_for_one_append_is_cut_between_calls(run, monkeypatch):
    write = run.disk.append

    def write_few(records):
        if len(records) > 3:
            raise ValueError("too large")
        write(records)

    def schedule(kernel):
        kernel.schedule(4 * 10**18)
        kernel.schedule(4 * 10**18)

    monkeypatch.setattr(run.disk, "append", write_few)
    run.disk.batches.clear()
    calls = [ScriptCall("", number, "schedule", "script.py:1", lambda call: call.number) for number in range(1, 6)]
    for call in calls:
        run.session.ask(schedule, call, in_batch=True)
    assert run.disk.batches == []
    run.session.write_out()
    assert [len(batch) for batch in run.disk.batches] == [2, 2, 2, 2, 2]
    assert [call.made for call in calls] == [True] * 5


def test_nothing_is_let_out_before_all_of_its_parts_are_written(run, monkeypatch):
    monkeypatch.setattr(session, "_AT_ONCE", 1)
    write = run.disk.append

    def fill_up(records):
        write(records)
        run.disk.error = OSError("full")

    monkeypatch.setattr(run.disk, "append", fill_up)
    with pytest.raises(OSError, match="full"):
        run.deploy()
    assert run.disk.batches[-1] == ["group.deployed"]
    assert run.stage.called == []
