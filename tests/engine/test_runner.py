"""Experiments that are run again and again."""

import subprocess
import sys

import pytest

import replay
from engine import ExperimentAborted, FailureManager, ResourceAction, ResourceState, UnknownGuid, UsageError
from engine.description import read
from engine.runner import ExperimentRunner, is_precise
from tests.engine.clock import OwnClock, S
from tests.engine.kinds import Thing, boom

pytestmark = pytest.mark.slow

NEPI_SAMPLES = [10, 10, 10, 10, 12, 10, 12, 10, 10, 11]


def end(manager, intent):
    """What a hook does whose resource ends at once."""
    manager.ended()


class Restless(OwnClock):
    """Goes on to whatever is waited for, at once."""

    def alarm(self, ring):
        alarm = super().alarm(ring)
        plain = alarm.set

        def set_and_go_on(due):
            plain(due)
            if due is not None:
                self.go_on((due - self.now()) / S)

        alarm.set = set_and_go_on
        return alarm


@pytest.fixture
def described(ec, stage):
    """An experiment of a host, which never ends, and something on it that ends at once; not deployed."""
    stage.acts["start #2"] = end
    made = ec("again")
    host = made.register_resource("test::Host")
    made.register_resource("test::App", command="run", connectedTo=host)
    return made


def others(ec):
    """The runs of an experiment beside this one, in order."""
    return sorted(path for path in ec.exp_dir.iterdir() if path.is_dir() and path != ec.run_dir)


# --- the runs -----------------------------------------------------------------------------------------------------


def test_each_run_is_a_controller_of_its_own_and_the_given_one_is_only_described(described, stage):
    assert ExperimentRunner().run(described, max_runs=3) == 3
    assert [replay.state(path).closed for path in others(described)] == [True] * 3
    assert [replay.state(path).resources[2].exit_code for path in others(described)] == [0] * 3
    assert stage.called.count("start #2") == 3
    assert described.state(2) is ResourceState.NEW
    assert read(described.exp_dir / f"again_{described.run_id}.xml") == described._description()


def test_the_metric_is_computed_before_the_release_and_the_end_decided_on_after_it(described):
    seen = []

    def metric(ec, run):
        seen.append(("metric", run, ec.state(1), ec.state(2)))
        return None if run == 2 else run * 1.5

    def enough(ec, run, samples):
        seen.append(("enough", run, ec.state(1), samples))
        return run == 4

    runs = ExperimentRunner().run(
        described, min_runs=2, compute_metric_callback=metric, evaluate_convergence_callback=enough
    )
    started, stopped, released = ResourceState.STARTED, ResourceState.STOPPED, ResourceState.RELEASED
    assert runs == 4
    assert seen == [
        ("metric", 1, started, stopped),
        ("metric", 2, started, stopped),
        ("enough", 2, released, [1.5]),
        ("metric", 3, started, stopped),
        ("enough", 3, released, [1.5, 4.5]),
        ("metric", 4, started, stopped),
        ("enough", 4, released, [1.5, 4.5, 6.0]),
    ]


def test_who_is_not_waited_for_may_go_on(described, stage):
    stage.acts["start #2"] = lambda manager, intent: None
    thing = described.register_resource("test::Thing")
    described.register_condition(thing, ResourceAction.START, 2, ResourceState.STARTED)
    stage.acts[f"start #{thing}"] = end
    states = []
    ExperimentRunner().run(
        described,
        max_runs=1,
        wait_guids=[thing],
        compute_metric_callback=lambda ec, run: states.append(ec.state(2)),
    )
    assert states == [ResourceState.STARTED]


def test_who_has_no_end_is_not_waited_for(described, monkeypatch):
    monkeypatch.setattr(Thing, "endless", True)
    described.register_resource("test::Thing")
    assert ExperimentRunner().run(described, max_runs=1) == 1


def test_who_is_stopped_by_a_condition_is_waited_for(described):
    plain = described.register_resource("test::Plain")
    described.register_condition(plain, ResourceAction.STOP, 2, ResourceState.STOPPED)
    states = []
    ExperimentRunner().run(
        described, max_runs=1, compute_metric_callback=lambda ec, run: states.append(ec.state(plain))
    )
    assert states == [ResourceState.STOPPED]


def test_the_time_to_wait_is_that_of_the_controllers_clock(ec):
    described = ec("again", clock=Restless())
    one, two = (described.register_resource("test::Plain") for _ in range(2))
    described.register_condition(two, ResourceAction.STOP, one, ResourceState.STARTED)
    waited = []

    def metric(fresh, run):
        waited.append(fresh._session.clock.now() - round(fresh.get_stop_time(two).timestamp()) * S)

    ExperimentRunner().run(described, max_runs=2, wait_time="1h", compute_metric_callback=metric)
    assert waited == [3600 * S, 3600 * S]


def test_each_run_has_the_policy_and_the_options_of_the_given_controller(ec, stage, tmp_path):
    class Lenient(FailureManager):
        def eval_failure(self, guid):
            pass

    stage.acts["start #1"] = boom
    described = ec("again", local_dir=tmp_path, persist=True, fm=Lenient(), workers=2)
    described.register_resource("test::Thing")
    policies = []
    ExperimentRunner().run(
        described, max_runs=2, compute_metric_callback=lambda fresh, run: policies.append((fresh.fm, fresh.nthreads))
    )
    (one, workers), (two, _) = policies
    assert (type(one), type(two), workers) == (Lenient, Lenient, 2)
    assert len({one, two, described.fm}) == 3
    assert [len(list(path.glob("again_*.xml"))) for path in others(described)] == [1, 1]


# --- failures -----------------------------------------------------------------------------------------------------


def test_a_run_that_is_aborted_is_released_and_ends_the_whole(described, stage):
    stage.acts["start #2"] = lambda manager, intent: end(manager, intent) if len(others(described)) == 1 else 1 / 0
    runs = []
    with pytest.raises(ExperimentAborted, match="#2 test::App failed in start: division by zero") as caught:
        ExperimentRunner().run(described, max_runs=3, compute_metric_callback=lambda ec, run: runs.append(run))
    first, second = others(described)
    assert runs == [1]
    assert caught.value.__notes__ == [f"in run 2 of again, of which no metric was computed: {second}"]
    assert replay.state(first).closed
    assert replay.state(second).closed


def test_a_failure_that_is_not_critical_aborts_nothing(described, stage):
    stage.acts["start #2"] = boom
    described.set(2, "critical", False)
    assert ExperimentRunner().run(described, max_runs=2) == 2


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("what is this?")])
def test_what_interrupts_a_run_has_it_released(described, error):
    def metric(ec, run):
        raise error

    with pytest.raises(type(error)) as caught:
        ExperimentRunner().run(described, max_runs=2, compute_metric_callback=metric)
    assert caught.value is error
    (run_dir,) = others(described)
    assert replay.state(run_dir).closed


# --- when it is enough --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_samples_with_which_nepi_stopped_need_two_more(described):
    """NEPI took 2 for the quantile and the deviation of the population, which is too sure of few samples.

    Of these ten the mean is 10.5, the deviation of the sample 0.85, and t(0.975, 9) = 2.262: half the interval is
    0.608, above the 0.525 that are 5 % of the mean. Two more of 10 make it 0.504 against 0.521.
    """
    samples = [*NEPI_SAMPLES, 10, 10, 10]
    runs = ExperimentRunner().run(described, min_runs=5, compute_metric_callback=lambda ec, run: samples[run - 1])
    assert runs == 12


@pytest.mark.parametrize(
    ("samples", "enough"),
    [
        ([], False),
        ([10], False),
        ([10, 10], True),
        ([0.1, 0.1, 0.1], True),
        ([-10, -10], True),
        ([0, 0], True),
        ([-1, 1], False),
        ([10, 11], False),
        (NEPI_SAMPLES, False),
        ([*NEPI_SAMPLES, 10], False),
        ([*NEPI_SAMPLES, 10, 10], True),
        ([-sample for sample in [*NEPI_SAMPLES, 10, 10]], True),
        ([100, 100.5], True),  # t(0.975, 1) = 12.706: half the interval is 3.18
        ([100, 101], False),  # 6.35
    ],
)
def test_when_a_mean_is_known_well_enough(samples, enough):
    assert is_precise(None, len(samples), samples) is enough


@pytest.mark.parametrize("sample", ["10", float("nan"), float("inf"), [1]])
def test_the_default_criterion_takes_numbers(sample):
    with pytest.raises(UsageError, match="is no finite number; compute one, or give evaluate_convergence_callback="):
        is_precise(None, 1, [sample])


def test_no_statistics_are_loaded_before_they_are_needed():
    code = "import engine.runner, sys; sys.exit('scipy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# --- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "nothing would ever end the runs: give max_runs=, or compute_metric_callback="),
        ({"evaluate_convergence_callback": print}, "nothing would ever end the runs: give max_runs="),
        ({"min_runs": 0, "max_runs": 1}, "min_runs=0: there is at least 1 run"),
        ({"min_runs": True, "max_runs": 1}, "min_runs is a number of runs, not True"),
        ({"max_runs": 1.5}, "max_runs is a number of runs, not 1.5"),
        ({"max_runs": 0}, "max_runs=0 is less than min_runs=1; give -1 for any number of runs"),
        ({"max_runs": -2}, "max_runs=-2 is less than min_runs=1"),
        ({"min_runs": 3, "max_runs": 2}, "max_runs=2 is less than min_runs=3"),
        ({"max_runs": 1, "wait_time": -1}, "-1 is negative"),
        ({"compute_metric_callback": 3}, "compute_metric_callback is a function, not 3"),
        (
            {"max_runs": 1, "evaluate_convergence_callback": "stop"},
            "evaluate_convergence_callback is a function, not 'stop'",
        ),
        ({"max_runs": 1, "wait_guids": [2, 9]}, "there is no resource #9; registered are #1, #2"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_run(described, arguments, message):
    with pytest.raises(UsageError) as caught:
        ExperimentRunner().run(described, **arguments)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, UnknownGuid) == ("#9" in message)
    assert list(described.exp_dir.iterdir()) == [described.run_dir]


@pytest.mark.parametrize("given", [None, "exp", "a class"])
def test_what_is_run_is_a_controller(given, ec):
    what = type(ec()) if given == "a class" else given
    with pytest.raises(UsageError) as caught:
        ExperimentRunner().run(what, max_runs=1)
    assert str(caught.value).startswith("what is run is an ExperimentController in which everything is described, not ")


def test_an_experiment_that_can_never_be_deployed_is_not_run(described, stage):
    described.register_condition(2, ResourceAction.START, 1, ResourceState.STARTED)
    described.register_condition(1, ResourceAction.DEPLOY, 2, ResourceState.STARTED)
    with pytest.raises(UsageError, match="wait for each other in a circle"):
        ExperimentRunner().run(described, max_runs=1)
    assert (others(described), stage.called) == ([], [])
