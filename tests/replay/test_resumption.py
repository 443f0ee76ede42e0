"""A script that is run again goes on where it was."""

import threading

import pytest

import eventlog
import replay
from engine import (
    BadState,
    Closed,
    ExperimentController,
    ExperimentRunner,
    Interrupted,
    ResourceAction,
    ResourceState,
    ScriptDiverged,
    TraceAttr,
    UnknownGuid,
    UsageError,
    WaitTimeout,
)
from engine.home import default_local_dir
from engine.runtime.script import Script, playing
from tests.replay.again import JOBS, SAID, STARTS, Died, dying

pytestmark = pytest.mark.slow

START, STOPPED = ResourceAction.START, ResourceState.STOPPED


@pytest.fixture(autouse=True)
def fresh(home):
    """Nothing has run, and the script is this file."""
    STARTS.clear()
    SAID.clear()
    told = {"path": __file__, "module": None, "args": [], "cwd": str(home.parent), "python": "python", "sha256": ""}
    with playing(Script(describe=lambda: told)):
        yield


def only(home, exp_id="again"):
    (run_dir,) = (home / exp_id).iterdir()
    return run_dir


def kinds(run_dir):
    with eventlog.open(run_dir) as log:
        return [record.kind for record in log.read()]


def whole():
    """A bit of everything; what it came to, and how often it did something of its own."""
    done, seen = [], {}
    with ExperimentController("again") as ec:
        seen["run"] = ec.run_id
        seen["began"] = ec.now()
        one = ec.register_resource("again::Job", command=str(ec.random.random()))
        two = ec.register_resource("again::Job", connectedTo=one)
        seen["command"] = ec.get(one, "command")
        ec.register_condition(two, START, one, STOPPED)
        seen["before"] = ec.state(one)
        seen["made"] = ec.step(lambda: done.append("made") or [1, "two"], retry=True)
        with pytest.raises(UnknownGuid, match="there is no resource #77"):
            ec.deploy(77)
        called = threading.Event()
        ec.schedule("0s", lambda: (seen.update(called=ec.resources), called.set()))
        assert called.wait(20)
        ec.deploy()
        seen["finished"] = ec.wait_finished([one, two])
        seen["in order"] = ec.get_stop_time(one) <= ec.get_start_time(two)
        with pytest.raises(ZeroDivisionError, match="by zero"):
            ec.step(lambda: 1 // 0, retry=True)
        with pytest.raises(WaitTimeout, match="still waiting for 1 of them"):
            ec.wait_released(one, timeout=0)
        seen["quit"] = ec.wait(one, ResourceState.FAILED, lambda: True)
        seen["said"] = (
            ec.trace(one, "out"),
            ec.trace(one, "out", TraceAttr.STREAM, 4, 1),
            ec.trace(one, "out", TraceAttr.SIZE),
        )
        seen["after"] = ec.state(two)
    seen["end"] = ec.state(one)
    return seen, done


LAST = 28
"""The number of its last event."""


def try_dying_at(seq, home, monkeypatch):
    seen, done = {}, []
    with dying(monkeypatch, seq):
        whole()
    run_dir = only(home)
    assert not replay.state(run_dir).closed
    with replay.resuming(run_dir):
        seen, done = whole()
    assert seen.pop("began").tzinfo
    assert seen.pop("run") == run_dir.name
    command = seen["command"]
    assert 0 < float(command) < 1
    assert seen == {
        "command": command,
        "before": ResourceState.NEW,
        "made": [1, "two"],
        "called": [1, 2],
        "finished": True,
        "in order": True,
        "quit": False,
        "said": (f"{command}\n" * 100, command[4:8], 100 * (len(command) + 1)),
        "after": STOPPED,
        "end": ResourceState.RELEASED,
    }
    assert replay.check(run_dir) == []
    assert list(STARTS.values()) == [1, 1]
    found = kinds(run_dir)
    assert [found.count(kind) for kind in ("resource.registered", "group.deployed", "task.scheduled")] == [2, 1, 1]
    assert found[-1] == "run.closed"
    return done


def test_it_has_as_many_events_as_are_tried(home):
    whole()
    assert replay.state(only(home)).seq == LAST


@pytest.mark.parametrize("seq", [1, 3, 7, 10, 15, 22, 26])
def test_a_script_that_died_comes_to_the_same(home, monkeypatch, seq):
    try_dying_at(seq, home, monkeypatch)


@pytest.mark.torture
@pytest.mark.parametrize("seq", range(1, LAST))
def test_a_script_that_died_at_any_event_comes_to_the_same(home, monkeypatch, seq):
    try_dying_at(seq, home, monkeypatch)


# --- what it may use ----------------------------------------------------------------------------------------------


def died(monkeypatch, script, seq, exp_id="again"):
    """The run that a script has left which died behind an event."""
    with dying(monkeypatch, seq):
        script()
    return only(default_local_dir(), exp_id)


def test_it_may_die_again_and_again(home, monkeypatch):
    with dying(monkeypatch, 5):
        whole()
    run_dir = only(home)
    for seq in (9, 12, 16, 20, 25, 29):
        with dying(monkeypatch, seq), replay.resuming(run_dir):
            whole()
        assert not replay.state(run_dir).closed
    with replay.resuming(run_dir):
        seen, done = whole()
    assert (seen["made"], seen["end"], done) == ([1, "two"], ResourceState.RELEASED, [])
    assert list(STARTS.values()) == [1, 1]
    assert replay.check(run_dir) == []


def test_a_step_under_way_when_it_died_is_not_done_again(home, monkeypatch):
    def script():
        with ExperimentController("again") as ec:
            try:
                ec.step(done.append, "done")
            except Interrupted as error:
                caught.append(str(error))
            ec.register_resource("again::Job")

    done, caught = [], []
    run_dir = died(monkeypatch, script, 2)
    assert (kinds(run_dir)[-1], done) == ("effect.begun", [])
    with dying(monkeypatch, 5), replay.resuming(run_dir):
        script()
    with replay.resuming(run_dir):
        script()
    assert done == []
    first, second = caught
    assert first == second
    assert "append had begun (event 2) when the controller died, and nobody knows how far it came" in first
    assert "retry=True" in first


def test_a_step_that_may_be_done_again_is(home, monkeypatch):
    def script():
        with ExperimentController("again") as ec:
            results.append(ec.step(lambda: done.append("done") or len(done), retry=True))
            ec.register_resource("again::Job")

    done, results = [], []
    run_dir = died(monkeypatch, script, 2)
    for seq in (4, 6, 99):  # as soon as it is done again, after that, and not at all
        with dying(monkeypatch, seq), replay.resuming(run_dir):
            script()
    assert (done, results) == (["done"], [1, 1])
    assert kinds(run_dir).count("effect.done") == 1


def test_what_a_step_calls_of_the_controller_is_a_part_of_it(home, monkeypatch):
    def script():
        with ExperimentController("again") as ec:
            made.append(ec.step(lambda: ec.register_resource("again::Job")))
            made.append(ec.step(lambda: ec.state(1).name))
            ec.deploy()

    made = []
    run_dir = died(monkeypatch, script, 9)
    with replay.resuming(run_dir):
        script()
    assert made == [1, "NEW", 1, "NEW"]
    assert kinds(run_dir).count("resource.registered") == 1


def test_a_function_that_was_not_called_is_called(home, monkeypatch):
    def script():
        with ExperimentController("again") as ec:
            called = threading.Event()
            task = ec.schedule("200ms", lambda: (seen.append(ec.now()), called.set()), track=True)
            ec.register_resource("again::Job")
            assert called.wait(20)
            seen.append(ec.get_task(task))

    seen = []
    run_dir = died(monkeypatch, script, 4)
    assert seen == []
    with replay.resuming(run_dir):
        script()
    assert len(seen) == 2
    assert kinds(run_dir).count("task.begun") == 1
    assert replay.state(run_dir).tasks[1]["error"] is None


def test_a_function_that_was_under_way_goes_on_where_it_was(home, monkeypatch):
    def script():
        def later():
            try:
                one = ec.register_resource("again::Job")
                ec.deploy(one)
                finished.append(ec.wait_finished(one))
            finally:
                called.set()

        with ExperimentController("again") as ec:
            called = threading.Event()
            ec.schedule("0s", later)
            assert called.wait(20)

    finished = []
    run_dir = died(monkeypatch, script, 6)
    assert "group.deployed" in kinds(run_dir)
    assert "resource.ended" not in kinds(run_dir)
    with replay.resuming(run_dir):
        script()
    assert finished == [True]
    assert list(STARTS.values()) == [1]
    assert replay.state(run_dir).tasks[1]["state"] == "done"


def test_each_thread_goes_on_where_it_was(home, monkeypatch):
    def script():
        def work(number):
            job = ec.register_resource("again::Job", guid=number, label=threading.current_thread().name)
            ec.deploy(job)
            found[number] = ec.wait_finished(job), ec.random.random()

        with ExperimentController("again") as ec:
            threads = [threading.Thread(target=work, args=(n,), name=f"worker {n}") for n in (1, 2, 3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if len(found) < 3:
                raise Died

    found = {}
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    run_dir = died(monkeypatch, script, 8)
    for seq in (12, 15):
        found.clear()
        with dying(monkeypatch, seq), replay.resuming(run_dir):
            script()
    found.clear()
    with replay.resuming(run_dir):
        script()
    assert {number: finished for number, (finished, _) in found.items()} == {1: True, 2: True, 3: True}
    assert len({chance for _, chance in found.values()}) == 3
    assert sorted(STARTS.values()) == [1, 1, 1]
    assert replay.check(run_dir) == []


def test_the_runs_of_a_runner_are_not_made_again(home, monkeypatch):
    def script():
        def metric(fresh, run):
            asked.append((run, fresh.trace(1, "out", TraceAttr.SIZE)))
            return fresh.random.random()

        ec = ExperimentController("again")
        ec.register_resource("again::Job")
        try:
            return ExperimentRunner().run(
                ec,
                min_runs=2,
                compute_metric_callback=metric,
                max_runs=4,
                evaluate_convergence_callback=lambda _, run, found: samples.append(found),
            )
        finally:
            ec.detach()

    asked, samples = [], []
    with dying(monkeypatch, 8):
        script()
    assert len(list((home / "again").glob("*/log"))) == 2
    for seq in (9, 10):
        with dying(monkeypatch, seq), replay.resuming(next((home / "again").glob("*/log")).parent):
            script()
    runs = sorted(path.parent for path in (home / "again").glob("*/log"))
    with replay.resuming(runs[-1]):
        assert script() == 4
    runs = sorted(path.parent for path in (home / "again").glob("*/log"))
    assert len(runs) == 5
    assert [replay.state(run).closed for run in runs] == [False, True, True, True, True]
    assert sorted(STARTS.values()) == [1, 1, 1, 1]
    assert asked[-4:] == [(run, 100) for run in (1, 2, 3, 4)]
    assert samples[-1][:2] == samples[-2]


# --- what it reads ------------------------------------------------------------------------------------------------


def test_it_sees_of_a_trace_what_was_there(home, monkeypatch):
    def script():
        with ExperimentController("again") as ec:
            one = ec.register_resource("again::Job")
            seen.append((ec.trace(one, "out"), ec.trace(one, "out", TraceAttr.STREAM, 2000, 1)))
            ec.step(lambda: SAID.update({one: SAID[one] + b"more"}), retry=True)
            seen.append(ec.trace(one, "out"))

    seen, text = [], "gr\u00f6\u00dfer " * 400
    SAID[1] = text.encode()
    run_dir = died(monkeypatch, script, 5)
    with replay.resuming(run_dir):
        script()
    assert seen == [(text, text.encode()[2000:4000].decode(errors="replace"))] * 2 + [text + "more"]


def test_a_trace_that_is_another_one_by_now_is_told(home, monkeypatch):
    def script():
        with ExperimentController("again") as ec:
            ec.trace(ec.register_resource("again::Job"), "out")
            ec.register_resource("again::Job")

    SAID[1] = b"x" * 2000
    run_dir = died(monkeypatch, script, 4)
    SAID[1] = b"y" * 2000
    said = "trace 'out' of #1 is not what the script read of it: the 2000 bytes"
    with pytest.raises(ScriptDiverged, match=said), replay.resuming(run_dir):
        script()
    assert not replay.state(run_dir).closed


def test_who_only_looks_for_long_is_written_down_now_and_then(home, monkeypatch):
    def script():
        with ExperimentController("again") as ec:
            one = ec.register_resource("again::Job")
            seen.extend((ec.state(one), ec.label(one)) for _ in range(600))
            ec.deploy()

    seen = []
    run_dir = died(monkeypatch, script, 5)
    assert kinds(run_dir).count("script.looked") == 1
    with replay.resuming(run_dir):
        script()
    assert seen == [(ResourceState.NEW, None)] * 1200
    assert replay.check(run_dir) == []


def test_who_looks_again_and_again_sees_it_change_when_it_did(home, monkeypatch):
    def script():
        with ExperimentController("again") as ec:
            one = ec.register_resource("again::Job", lasts=True)
            look = lambda: ec.state(one).name  # noqa: E731 - one line of the script, whoever calls it
            ec.deploy()
            assert ec.wait_started(one)
            seen = [look(), look()]
            JOBS[one].ended(0)
            while seen[-1] != "STOPPED":
                seen.append(look())
            told.append(seen)
            ec.step(len, seen)

    told = []
    run_dir = died(monkeypatch, script, 10)
    assert kinds(run_dir)[-1] == "effect.done"
    with replay.resuming(run_dir):
        script()
    assert told[0][:2] == ["STARTED", "STARTED"]
    assert told[0] == told[1]


def test_what_goes_by_in_between_is_not_seen_too_early(home, monkeypatch):
    """A takeover by somebody else lets the jobs end; the script still sees what it saw, and then how it stands now."""

    def script():
        with ExperimentController("again") as ec:
            one = ec.register_resource("again::Job", lasts=True)
            ec.deploy()
            seen.append(ec.wait_started(one))
            seen.append(ec.state(one).name)
            ec.register_resource("again::Job")
            seen.append(ec.state(one).name)

    seen = []
    run_dir = died(monkeypatch, script, 8)
    with dying(monkeypatch, 99):
        other = replay.reconnect(run_dir)
        assert other.wait_finished(1)
        other.register_resource("again::Job", guid=9)
        other.detach()
    with replay.resuming(run_dir):
        script()
    assert seen[-3:] == [True, "STARTED", "STOPPED"]
    assert replay.check(run_dir) == []


# --- when it differs ----------------------------------------------------------------------------------------------


def differing(*calls):
    """A script that makes these calls."""
    with ExperimentController("again") as ec:
        for call in calls:
            call(ec)


def register(command="a", **more):
    return lambda ec: ec.register_resource("again::Job", command=command, **more)


def deploy(ec):
    ec.deploy()


def look(ec):
    return ec.resources


@pytest.mark.parametrize(
    ("then", "now", "said"),
    [
        (
            [register("a"), deploy],
            [register("b"), deploy],
            r"'command': 'b'.*Then: event 3, resource.registered of #1 .*'command': 'a'",
        ),
        (
            [register(), deploy],
            [deploy, deploy],
            r"Now: deploy\(\) at .*:\d+ comes to group.deployed.*Then: event 2, type.declared",
        ),
        (
            [register(), look, deploy],
            [register(), deploy, deploy],
            r"Now: it calls deploy\(\) at .*Then: resources\(\) at ",
        ),
        ([register(), deploy], [register(), look, deploy], r"Now: resources\(\) at .*Then: event 4, group.deployed"),
        (
            [register(), register(connectedTo=1), deploy],
            [register(), register(), deploy],
            r"comes to less. Then: event 5, resource.connected of #2",
        ),
        ([register(), deploy], [register(label=3)], r"BadState: a label is a name .*Then: event 2"),
        ([register(), look, deploy], [register()], r"Now: it calls __exit__\(\) at .*Then: resources\(\)"),
    ],
    ids=["arguments", "another call", "a look less", "a look more", "less of it", "refused", "ended"],
)
def test_a_script_that_differs_is_told_with_both_calls_and_changes_nothing(home, monkeypatch, then, now, said):
    run_dir = died(monkeypatch, lambda: differing(*then), 5)
    before = kinds(run_dir)
    with pytest.raises(ScriptDiverged, match=said) as diverged, replay.resuming(run_dir):
        differing(*now)
    assert "test_resumption.py:" in str(diverged.value)
    assert kinds(run_dir) == before
    assert eventlog.holder(run_dir) is None
    with pytest.raises(ScriptDiverged, match=said), replay.resuming(run_dir, accept=True):
        differing(*now)


def test_a_script_that_hides_its_difference_is_told_so_at_the_end(home, monkeypatch):
    def hiding():
        with ExperimentController("again") as ec, pytest.raises(ScriptDiverged):
            ec.deploy()

    run_dir = died(monkeypatch, lambda: differing(register(), deploy), 4)
    with pytest.raises(ScriptDiverged, match="Now: deploy"), replay.resuming(run_dir):
        hiding()


def test_a_script_that_ends_before_its_log_is_told(home, monkeypatch):
    def script(times):
        ec = ExperimentController("again")
        for _ in range(times):
            ec.register_resource("again::Job")

    run_dir = died(monkeypatch, lambda: script(2), 4)
    said = "Now: it has ended. Then: event 4, resource.registered of #2"
    with pytest.raises(ScriptDiverged, match=said), replay.resuming(run_dir):
        script(1)


def test_what_was_added_at_the_end_is_accepted(home, monkeypatch):
    def script(*more):
        with ExperimentController("again") as ec:
            ec.register_resource("again::Job")
            ec.deploy()
            assert ec.wait_finished(1)
            for number in more:
                ec.register_resource("again::Job", guid=number)
                ec.deploy(number)
                seen.append(ec.wait_finished(number))

    seen = []
    run_dir = died(monkeypatch, script, 9)
    assert "release.requested" in kinds(run_dir)
    with pytest.raises(ScriptDiverged), replay.resuming(run_dir):
        script(5)
    for seq in (15, 20):
        with dying(monkeypatch, seq), replay.resuming(run_dir, accept=True):
            script(5)
    with replay.resuming(run_dir):
        script(5)
    assert seen[-1:] == [True]
    assert list(STARTS.values()) == [1, 1]
    assert replay.check(run_dir) == []


def test_another_controller_is_another_call(home, monkeypatch):
    def script(one, two):
        with ExperimentController("again") as first, ExperimentController("other") as second:
            for ec in (first, second)[one], (first, second)[two]:
                ec.register_resource("again::Job")

    with dying(monkeypatch, 4):
        script(0, 1)
    with pytest.raises(ScriptDiverged, match="Now: it calls register_resource"), replay.resuming(only(home)):
        script(1, 0)
    with replay.resuming(only(home)):
        script(0, 1)


def test_a_controller_that_was_shut_down_refuses_again(home, monkeypatch):
    def script():
        with ExperimentController("other") as other:
            with ExperimentController("again") as ec:
                seen.append(ec.resources)
            with pytest.raises(Closed, match="this controller was shut down"):
                ec.register_resource("again::Job")
            seen.append(ec.resources)
            other.register_resource("again::Job")
            other.register_resource("again::Job")

    seen = []
    with dying(monkeypatch, 4):
        script()
    with replay.resuming(only(home, "other")):
        script()
    assert seen == [[], []] * 2
    assert [kinds(only(home, name)).count("resource.registered") for name in ("again", "other")] == [0, 2]


def test_another_experiment_is_another_script(home, monkeypatch):
    run_dir = died(monkeypatch, lambda: differing(register()), 3)
    with (
        pytest.raises(ScriptDiverged, match=r"Now: it makes a controller of other\. Then: one of again\."),
        replay.resuming(run_dir),
    ):
        ExperimentController("other")


# --- when there is nothing to resume ------------------------------------------------------------------------------


def test_a_run_that_is_over_is_not_resumed(home):
    differing(register())
    with pytest.raises(BadState, match="is over: its controller released everything"), replay.resuming(only(home)):
        pass


def test_a_run_whose_controller_lives_is_not_resumed(home, ec):
    ec("again")
    with pytest.raises(BadState, match=r"has a controller, pid .* end that one first"), replay.resuming(only(home)):
        pass


def test_a_run_of_another_version_is_not_resumed(home, monkeypatch):
    run_dir = died(monkeypatch, lambda: differing(register()), 3)
    monkeypatch.setattr("replay.resumption.version", lambda _: "99")
    with pytest.raises(BadState, match=r"was begun by netreel .*, and this is 99: resume it with the former"):
        replay.resume(run_dir)


def test_a_script_that_is_gone_is_told(home, monkeypatch):
    run_dir = died(monkeypatch, lambda: differing(register()), 3)
    monkeypatch.setattr("replay.resumption.Path.exists", lambda _: False)
    with pytest.raises(UsageError, match=r"the script, .*, is gone; put it back, or go on without it: reconnect"):
        replay.resume(run_dir)


# --- a script that raises -----------------------------------------------------------------------------------------


def test_what_a_script_raised_is_in_its_log(home):
    with pytest.raises(ValueError, match="oh no"):
        differing(lambda _: complain())
    warned = replay.state(only(home)).warnings
    assert [text.partition(" at ")[0] for text in warned] == ["the script raised ValueError: oh no"]
    assert "test_resumption.py:" in warned[0]


def complain():
    raise ValueError("oh no")


def test_a_script_that_raised_and_died_raises_again(home, monkeypatch):
    def script():
        differing(register(), look, lambda _: complain())

    run_dir = died(monkeypatch, script, 4)
    assert kinds(run_dir)[-2:] == ["resource.registered", "experiment.warned"]
    with pytest.raises(ValueError, match="oh no"), replay.resuming(run_dir):
        script()
    assert replay.state(run_dir).closed
    assert kinds(run_dir).count("experiment.warned") == 1
