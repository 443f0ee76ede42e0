"""Time, chance and steps of the script's own; what is kept of its calls, and what it raised."""

import json
import threading
from datetime import UTC, datetime

import pytest

import eventlog
from engine import BadState, ExperimentError, UnknownGuid, UsageError, raised
from engine.runtime.script import Script, playing


def records(ec, kind):
    with eventlog.open(ec.run_dir) as log:
        return [record for record in log.read() if record.kind == kind]


def test_now_is_the_time_of_the_run(ec, clock):
    made = ec(clock=clock)
    assert made.now() == datetime.fromtimestamp(clock.now() / 1e9, UTC)
    assert made.now().tzinfo is not None


def test_each_run_and_each_thread_has_a_chance_of_its_own(ec):
    one, two, found = ec(), ec(), []
    assert one.random is one.random
    assert one.random.random() != two.random.random()
    thread = threading.Thread(target=lambda: found.append(one.random), name="another")
    thread.start()
    thread.join()
    assert found[0] is not one.random


def test_a_step_is_announced_before_it_is_done_and_told_after(ec):
    made = ec()
    seen = []
    result = made.step(
        lambda *args: (seen.append([it.data["name"] for it in records(made, "effect.begun")]), [*args])[1], 1, "b"
    )
    (begun,), (done,) = records(made, "effect.begun"), records(made, "effect.done")
    assert seen == [[begun.data["name"]]]
    assert result == done.data["result"] == [1, "b"]
    assert (done.cause, done.data["begun"], done.data["error"]) == (begun.seq, begun.seq, None)


def test_what_a_step_raises_is_kept(ec):
    made = ec()
    with pytest.raises(KeyError, match="'lost'"):
        made.step({}.__getitem__, "lost")
    (done,) = records(made, "effect.done")
    assert done.data["error"] == {"type": "builtins:KeyError", "message": "'lost'", "args": ["lost"], "fields": {}}


def test_the_controller_may_be_called_in_a_step(ec):
    made = ec()
    assert made.step(lambda: made.register_resource("test::Plain")) == 1
    (declared,) = records(made, "type.declared")
    assert declared.data["call"] == 0  # it is none of the script's, which is told the whole step


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda ec: ec.step(7), UsageError, "a step calls a function, not 7"),
        (lambda ec: ec.step(print, retry="perhaps"), UsageError, "retry"),
        (lambda ec: ec.step(lambda: {1, 2}), UsageError, "what .*<lambda> returned: a set cannot be logged"),
    ],
)
def test_what_is_no_step_is_refused(ec, call, error, said):
    made = ec()
    with pytest.raises(error, match=said):
        call(made)


def test_a_hook_takes_no_step(ec, stage):
    made = ec()
    caught = []

    def act(manager, intent):
        with pytest.raises(BadState, match="a hook cannot take a step of the script"):
            made.step(print)
        caught.append(True)

    stage.acts["start #1"] = act
    thing = made.register_resource("test::Thing")
    made.deploy()
    assert made.wait_started(thing, 20)
    assert caught == [True]


class OddError(Exception):
    """Takes more than it keeps."""

    def __init__(self, one, two):
        super().__init__(f"{one} and {two}")
        self.two = two


@pytest.mark.parametrize(
    "error", [ValueError("no"), OSError(2, "gone"), KeyError(1), OddError(1, 2), ExceptionGroup("x", [ValueError("y")])]
)
def test_an_exception_comes_back_as_what_it_was(error):
    again = raised.to_error(raised.to_plain(error))
    assert isinstance(again, ExperimentError if isinstance(error, ExceptionGroup) else type(error))
    assert str(error) in str(again)
    assert vars(again) == vars(error)


def test_one_of_a_type_that_is_not_known_says_the_same():
    again = raised.to_error({"type": "lab:Lost", "message": "the line was cut", "args": [], "fields": {}})
    assert (type(again), str(again)) == (ExperimentError, "Lost: the line was cut")


# --- what is kept of calls ----------------------------------------------------------------------------------------


def test_calls_that_look_are_noted_beside_the_next_event(ec):
    with playing(Script("token")):
        made = ec()
        one = made.register_resource("test::Plain")
        for _ in range(5):
            made.state(one)
        made.get_start_time(one)
        made.register_resource("test::Plain")
    first, second = (
        record.data["call"] for record in (*records(made, "type.declared"), records(made, "resource.registered")[1])
    )
    assert first == 1
    number, thread, (states, time) = second
    assert (number, thread) == (8, "")
    assert states[:5] == [1, "", 2, 5, "state"]
    assert time[:5] == [1, "", 7, 1, "get_start_time"]
    assert (states[6], time[6], len(states), len(time)) == (3, 3, 7, 7)


def test_a_call_of_another_thread_tells_which(ec):
    with playing(Script("token")):
        made = ec()
        thread = threading.Thread(target=made.register_resource, args=("test::Plain",), name="helper")
        thread.start()
        thread.join()
    (declared,) = records(made, "type.declared")
    assert declared.data["call"] == [1, "helper", []]


def test_a_failure_policy_is_no_part_of_the_script(ec, stage):
    made = ec()
    stage.acts["start #1"] = lambda manager, intent: 1 / 0
    thing = made.register_resource("test::Thing", critical=False)
    made.deploy()
    assert made.wait_finished(thing, 20)
    before = len(made._calls.script._notes)
    made.fm.eval_failure(thing)
    assert len(made._calls.script._notes) > before  # asked by the script, it is


def test_what_the_script_raised_is_told_before_the_release(ec):
    with pytest.raises(ZeroDivisionError), ec() as made:
        1 / 0  # noqa: B018 - it is what the test asks for
    with eventlog.open(made.run_dir) as log:
        kinds = [record.kind for record in log.read()]
    (warned,) = records(made, "experiment.warned")
    assert kinds == ["controller.opened", "experiment.warned", "run.closed"]
    assert warned.data["message"].startswith("the script raised ZeroDivisionError: division by zero at ")
    assert "test_scripting.py:" in warned.data["message"]


def test_what_says_nothing_is_told_by_its_kind(ec):
    with pytest.raises(KeyboardInterrupt), ec() as made:
        raise KeyboardInterrupt
    (warned,) = records(made, "experiment.warned")
    assert warned.data["message"].startswith("the script raised KeyboardInterrupt at ")


def test_where_a_script_raised_is_a_line_of_its_own(ec):
    """What it called in a library, or in the engine, says nothing to its author."""
    for call in json.loads, ec().state:
        with pytest.raises((ValueError, UnknownGuid)), ec() as made:
            call("{")
        (warned,) = records(made, "experiment.warned")
        line = test_where_a_script_raised_is_a_line_of_its_own.__code__.co_firstlineno + 4
        assert warned.data["message"].endswith(f"/test_scripting.py:{line}")


def test_a_failed_experiment_is_told_at_its_end(ec, stage, capsys):
    stage.acts["start #1"] = lambda manager, intent: 1 / 0
    with ec("told") as made:
        thing = made.register_resource("test::Thing")
        made.deploy()
        assert not made.wait_finished(thing, 20)
    made.shutdown()
    told = "netreel: told failed: #1 test::Thing failed in start: division by zero; look at it: netreel show"
    assert capsys.readouterr().err == f"{told} {made.run_id}\n"


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("way " * 40 + "home", "way " * 40 + "home"),
        ("way " * 100 + "to go home", "way " * 42 + "… " + "way " * 22 + "to go home"),
        ("x" * 1000, f"… {'x' * 100}"),
    ],
)
def test_a_long_failure_is_told_without_its_middle(ec, stage, capsys, message, told):
    def start(manager, intent):
        raise ValueError(message)

    stage.acts["start #1"] = start
    with ec("told") as made:
        thing = made.register_resource("test::Thing")
        made.deploy()
        assert not made.wait_finished(thing, 20)
    made.shutdown()
    _, start_of_it, rest = capsys.readouterr().err.partition("netreel: told failed: #1 test::Thing failed in start: ")
    assert start_of_it
    assert rest.startswith(f"{told}; look at it")
