"""Much at once: nothing is written before the block ends, and but for that a batch changes nothing."""

from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

import eventlog
import replay
from engine import (
    BadConnection,
    ExperimentController,
    ExperimentError,
    FailureManager,
    ResourceState,
    UnknownGuid,
    journal,
)
from engine.runtime import coordinator, session
from engine.runtime.script import Script, playing
from tests.engine.kinds import READY, START, STARTED, STOP, Beside, boom
from tests.engine.test_tasks import Called


def written(one):
    """The guids of the resources that are on disk."""
    return list(replay.state(one.run_dir).resources)


@pytest.fixture
def appends(monkeypatch):
    """How many events each append has written."""
    found = []
    append = session.Session._append

    def count(self, entries):
        found.append(len(entries))
        append(self, entries)

    monkeypatch.setattr(session.Session, "_append", count)
    return found


def test_what_is_described_is_written_when_the_block_ends(ec, appends):
    one = ec()
    appends.clear()
    with one.batch():
        things = [one.register_resource("test::Thing") for _ in range(5)]
        one.register_connection(things[0], things[1])
        one.register_condition(things[1:], START, things[0], STARTED)
        assert (things, written(one), appends) == ([1, 2, 3, 4, 5], [], [])
    assert (written(one), appends) == (things, [8])


def test_what_is_described_within_is_seen_within(ec):
    one = ec()
    with one.batch():
        thing = one.register_resource("test::Thing", label="a thing", level=0.25)
        one.set("a thing", "size", 7)
        assert one["a thing"].guid == thing
        assert (one.get(thing, "level"), one.get(thing, "size"), one.resources) == (0.25, 7, [thing])
        assert written(one) == []


def test_what_is_wrong_is_refused_at_once(ec, appends):
    one = ec()
    appends.clear()
    with one.batch():
        thing = one.register_resource("test::Thing")
        with pytest.raises(BadConnection, match="#1 test::Thing cannot be connected to itself"):
            one.register_connection(thing, thing)
        with pytest.raises(UnknownGuid, match="there is no resource #9"):
            one.set(9, "size", 2)
        assert appends == []
    assert written(one) == [thing]


@pytest.mark.parametrize("error", [LookupError, KeyboardInterrupt])
def test_what_came_before_an_exception_is_kept(ec, error):
    def describe():
        with one.batch():
            one.register_resource("test::Thing")
            raise error

    one = ec()
    with pytest.raises(error):
        describe()
    assert written(one) == [1]


def test_nothing_takes_effect_before_it_is_written(ec, stage):
    one = ec()
    soon = Called()
    with one.batch():
        thing = one.register_resource("test::Thing")
        one.deploy()
        one.schedule("0s", soon)
        assert (one.state(thing), stage.called, soon.was_called) == (ResourceState.NEW, [], False)
    soon.wait()
    assert one.wait_started(thing) is True


def test_whoever_else_looks_sees_only_what_is_on_disk(ec):
    one = ec()
    with one.batch():
        thing = one.register_resource("test::Thing")
        assert Beside(lambda: (one.resources, written(one))).join() == ([thing], [thing])
        one.register_resource("test::Thing")
        assert written(one) == [thing]


def test_what_waits_or_does_something_has_all_before_it_written(ec, stage):
    one = ec()
    with one.batch():
        thing = one.register_resource("test::Thing")
        assert one.step(lambda: written(one)) == [thing]
        one.deploy()
        assert one.wait_started(thing) is True
        one.stop(thing)
        one.release()
    assert one.state(thing) is ResourceState.RELEASED


def test_a_batch_in_a_batch_is_a_part_of_it(ec):
    one = ec()
    with one.batch():
        with one.batch():
            one.register_resource("test::Thing")
        assert written(one) == []
    assert written(one) == [1]
    one.register_resource("test::Thing")
    assert written(one) == [1, 2]


def test_what_another_controller_is_asked_comes_behind_what_was_described(ec):
    """Or a script that is run again would have made the later call, and not the one before it."""
    one, other = ec("one"), ec("other")
    with one.batch():
        one.register_resource("test::Thing")
        assert (other.resources, written(one)) == ([], [1])
        one.register_resource("test::Thing")
        third = ec("third")
        assert written(one) == [1, 2]
        with third.batch():
            third.register_resource("test::Thing")
            one.register_resource("test::Thing")
            assert (written(third), written(one)) == ([1], [1, 2, 3])
        one.register_resource("test::Thing")
        assert written(one) == [1, 2, 3]
    assert written(one) == [1, 2, 3, 4]


def test_what_is_looked_at_within_is_noted_behind_what_was_described_before(ec):
    """Or a script that is run again would have looked, and not called: another thread has another log written."""

    def told(run_dir):
        with eventlog.open(run_dir) as log:
            return [record.data.get("call") for record in log.read()]

    with playing(Script()):
        one, other = ec("one"), ec("other")
        with one.batch():
            one.register_resource("test::Plain")
            assert one.resources == [1]
            Beside(lambda: other.register_resource("test::Plain")).join()
            assert [notes for _, _, notes in told(other.run_dir)[1:2]] == [[]]
        one.register_resource("test::Plain")
    number, thread, ((_, _, *looked, _, _),) = told(one.run_dir)[-1]
    assert (number, thread, looked) == (3, "", [2, 1, "resources"])


def test_very_much_is_written_in_parts_of_whole_calls(ec, appends, monkeypatch):
    monkeypatch.setattr(coordinator, "_MOST_UNWRITTEN", 3)
    one = ec()
    appends.clear()
    with one.batch():
        thing = one.register_resource("test::Thing")  # its type is told, too
        for _ in range(4):
            one.register_resource("test::Thing", connectedTo=thing)
        assert written(one) == [1, 2, 3, 4]
    assert appends == [4, 4, 2]


def test_a_batch_that_cannot_be_written_says_so_at_its_end(ec, stage, monkeypatch):
    def describe():
        with one.batch():
            one.register_resource("test::Thing")
            one.deploy()

    one = ec()
    monkeypatch.setattr(one._session, "_write", lambda _: boom(None, None))
    with pytest.raises(RuntimeError, match="boom"):
        describe()
    assert (written(one), stage.called) == ([], [])


@pytest.mark.parametrize("end", [ExperimentController.shutdown, ExperimentController.detach])
def test_the_end_of_the_experiment_writes_what_was_described(ec, end):
    one = ec()
    with one.batch():
        one.register_resource("test::Thing")
        end(one)
    assert written(one) == [1]


def test_a_failure_policy_and_a_hook_may_describe_in_batches(ec, stage):
    class Adds(FailureManager):
        def eval_failure(self, guid):
            with self.ec.batch():
                found.append(self.ec.register_resource("test::Plain"))

    def add(manager, intent):
        with one.batch():
            found.append(one.register_resource("test::Plain"))
        boom(manager, intent)

    found = []
    one = ec(fm=Adds())
    failing, _ = (one.register_resource("test::Thing") for _ in range(2))
    stage.acts[f"start #{failing}"] = add
    one.deploy(failing)
    assert one.wait_finished(failing) is True
    assert (found, written(one)) == ([3, 4], [1, 2, 3, 4])


def test_a_thread_that_is_begun_within_is_not_in_the_batch(ec):
    one = ec()
    with one.batch():
        assert Beside(lambda: (one.register_resource("test::Thing"), written(one))).join() == (1, [1])


# --- the same, but for the time ---------------------------------------------------------------------------------------

GUIDS = st.integers(1, 6)
STATES = st.sampled_from([READY, STARTED, ResourceState.STOPPED])
CALLS = st.one_of(
    st.tuples(st.just("register_resource"), st.sampled_from(["test::Thing", "test::Host", "test::Missing"])),
    st.tuples(st.just("register_connection"), GUIDS, GUIDS),
    st.tuples(st.just("unregister_connection"), GUIDS, GUIDS),
    st.tuples(st.just("register_condition"), GUIDS, st.sampled_from([START, STOP]), st.lists(GUIDS), STATES),
    st.tuples(st.just("unregister_condition"), GUIDS, GUIDS),
    st.tuples(st.just("set"), GUIDS, st.sampled_from(["size", "level", "told"]), st.integers(0, 12)),
    st.tuples(st.just("set_with_conditions"), st.just("level"), st.just(1), GUIDS, GUIDS, STATES),
    st.tuples(st.just("set_global"), st.just("test::Thing"), st.just("size"), st.integers(0, 12)),
    st.tuples(st.just("disable_trace"), GUIDS, st.sampled_from(["log", "leg"])),
    st.tuples(st.just("remove_resource"), GUIDS),
    st.tuples(st.just("schedule"), st.just("1h"), st.just(print)),
    st.tuples(st.just("get"), GUIDS, st.just("size")),
)


def made(one, calls):
    """What each call has returned, or how it was refused."""
    for name, *given_ in calls:
        try:
            yield getattr(one, name)(*given_)
        except ExperimentError as error:
            yield type(error).__name__, str(error)


def described(directory, calls, block):
    """What calls of a script have come to within a block, and what is in the log of it, but for times."""
    with playing(Script()):
        one = ExperimentController("same", local_dir=directory)
        try:
            with block(one):
                answers = list(made(one, calls))
        finally:
            one.detach()
    with eventlog.open(one.run_dir) as log:
        entries = [journal.to_entry(record) for record in log.read()][1:]
    return answers, [replace(entry, time=0, event=timeless(entry.event)) for entry in entries]


def timeless(event):
    return ("task.scheduled", event.task) if event.kind == "task.scheduled" else event


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(calls=st.lists(CALLS, min_size=1, max_size=30))
def test_a_batch_comes_to_the_same(tmp_path_factory, calls):
    directory = tmp_path_factory.getbasetemp()
    alone = described(directory, calls, lambda _: nullcontext())
    assert described(directory, calls, ExperimentController.batch) == alone
