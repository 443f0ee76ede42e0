"""Experiments that are run again and again, until their result is known well enough."""

from __future__ import annotations

import math
from itertools import count
from numbers import Real
from statistics import fmean, stdev
from threading import Event
from typing import TYPE_CHECKING, Any, Final

from engine.arguments import check_callable
from engine.core import decide
from engine.core.errors import ExperimentAborted, UsageError
from engine.core.states import ResourceState, Step
from engine.dates import NS, to_ns
from engine.describing import Describing
from engine.description import build, save
from engine.handles import guids_of
from engine.rm.registry import ResourceFactory

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.controller import ExperimentController
    from engine.core.world import Resource, World
    from engine.dates import Duration
    from engine.description import Description
    from engine.handles import Guids

    ComputeMetric = Callable[[ExperimentController, int], Any]
    EvaluateConvergence = Callable[[ExperimentController, int, Sequence[Any]], bool]

_CONFIDENCE: Final = 0.95
_PRECISION: Final = 0.05
"""How large half the confidence interval of the mean may be, as a part of the mean."""


class ExperimentRunner:
    """Runs an experiment several times, each time from the beginning."""

    def run(
        self,
        ec: ExperimentController,
        min_runs: int = 1,
        max_runs: int = -1,
        wait_time: Duration = 0,
        wait_guids: Guids = (),
        compute_metric_callback: ComputeMetric | None = None,
        evaluate_convergence_callback: EvaluateConvergence | None = None,
    ) -> int:
        """Run it until its metric has converged, or as often as it may be.

        `ec` is the description: it is saved in its `exp_dir` and is never deployed here. Each run is a controller of
        its own, of the same experiment, with a log of its own: everything is deployed, `wait_guids` finish, `wait_time`
        goes by, the metric is computed, everything is released, and then it is asked whether that was enough.

        A run that is aborted has no metric. It is released, and ends the whole: what failed once would most likely fail
        again, and a result that leaves such runs out would say less than it seems to. A failure that is not critical
        aborts nothing, and its run counts.

        Args:
            ec: the experiment.
            min_runs: how many runs there are at least.
            max_runs: and at the most; -1 for any number.
            wait_time: how long each run goes on after these have finished: seconds, or ``"90s"``.
            wait_guids: who has to finish; by default all that come to an end by themselves or by a condition.
            compute_metric_callback: called with the controller of a run and the number of the run, before it is
                released; the result is one sample. A run without a result, None, counts, but gives no sample.
            evaluate_convergence_callback: called with the controller, the number of the run, and the samples so far,
                after the release of each run from `min_runs` on; whether that is enough. By default it is once half
                the 95 % confidence interval of the mean (Student's t, from two samples on) is at most 5 % of the mean.

        Returns:
            How many runs there were.

        Raises:
            UsageError: an argument is wrong, or nothing would ever end it; nothing was run. A sample with which the
                default criterion can do nothing is told after its run.
            ExperimentAborted: a run was aborted; a note on it says which one. It is released.
        """
        if not isinstance(ec, Describing):
            raise UsageError(f"what is run is an ExperimentController in which everything is described, not {ec!r}")
        check_callable(compute_metric_callback, "compute_metric_callback")
        check_callable(evaluate_convergence_callback, "evaluate_convergence_callback")
        _check_bounds(min_runs, max_runs, has_metric=compute_metric_callback is not None)
        delay, waited = to_ns(wait_time), guids_of(ec, wait_guids)
        ec._calls.read(lambda world: [decide.find(world, guid) for guid in waited])
        description = ec._description()
        save(description, ec.exp_dir, ec.run_id)
        is_enough = evaluate_convergence_callback or is_precise
        samples: list[Any] = []
        for run in count(1):
            with _fresh(ec, description) as fresh:
                _carry_out(fresh, run, waited, delay)
                sample = compute_metric_callback(fresh, run) if compute_metric_callback else None
            samples += [] if sample is None else [sample]
            if run == max_runs or (run >= min_runs and is_enough(fresh, run, list(samples))):
                break
        return run


def _check_bounds(min_runs: int, max_runs: int, *, has_metric: bool) -> None:
    for name, value in (("min_runs", min_runs), ("max_runs", max_runs)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{name} is a number of runs, not {value!r}")
    if min_runs < 1:
        raise UsageError(f"min_runs={min_runs}: there is at least 1 run")
    if max_runs != -1 and max_runs < min_runs:
        raise UsageError(f"max_runs={max_runs} is less than min_runs={min_runs}; give -1 for any number of runs")
    if max_runs == -1 and not has_metric:
        raise UsageError("nothing would ever end the runs: give max_runs=, or compute_metric_callback=")


def _fresh(ec: ExperimentController, description: Description) -> ExperimentController:
    """Another controller of the same experiment, in the same place and under the same time."""
    return build(
        description,
        type(ec),
        exp_id=ec.exp_id,
        local_dir=ec.local_dir,
        persist=ec.persist,
        fm=type(ec.fm)(),
        clock=ec._terms.clock,
        machine=ec._terms.machine,
        workers=ec.nthreads,
        patience=ec._terms.patience / NS,
    )


def _carry_out(ec: ExperimentController, run: int, waited: Sequence[int], delay: int) -> None:
    """Deploy everything, and wait until it is time for the metric.

    Raises:
        ExperimentAborted: it was aborted.
    """
    ec.deploy()
    ec.wait_finished(waited or ec._calls.read(that_end))
    if delay:
        _let_go_by(ec, delay)
    try:
        ec._calls.read(decide.check_not_aborted)
    except ExperimentAborted as error:
        error.add_note(f"in run {run} of {ec.exp_id}, of which no metric was computed: {ec.run_dir}")
        raise


def _let_go_by(ec: ExperimentController, delay: int) -> None:
    """Wait for so many ns of the experiment's own time, unless it is aborted meanwhile."""
    is_over = Event()
    ec.schedule(delay / NS, is_over.set)
    ec.wait(ec.resources, ResourceState.RELEASED, is_over.is_set)


def that_end(world: World) -> list[int]:
    """Those that come to an end without being released: by themselves, as a command does, or by a condition.

    A host, for example, is none of them.
    """
    return [
        resource.guid
        for resource in world.resources.values()
        if Step.STOP in resource.gates or ends_by_itself(world, resource)
    ]


def ends_by_itself(world: World, resource: Resource) -> bool:
    """Whether it is of a type that starts something which comes to an end, as a command does and a network does not."""
    starts = Step.START in world.types[resource.rtype].hooks
    return starts and not ResourceFactory.get_resource_type(resource.rtype).endless


def is_precise(ec: object, run: int, samples: Sequence[Any]) -> bool:  # noqa: ARG001 - as the user's own is called
    """Whether half the 95 % confidence interval of the mean is at most 5 % of the mean, whichever its sign.

    The samples are taken to be independent and normal, so the interval is that of Student's t. It needs two of them.
    Of samples that are all the same it has no width.

    Raises:
        UsageError: a sample is no finite number.
    """
    for sample in samples:
        if not isinstance(sample, Real) or not math.isfinite(sample):
            raise UsageError(
                f"the metric {sample!r} is no finite number; compute one, or give evaluate_convergence_callback="
            )
    numbers = list(map(float, samples))
    if len(numbers) < 2:
        return False
    half = _quantile(len(numbers) - 1) * stdev(numbers) / math.sqrt(len(numbers))
    return half <= _PRECISION * abs(fmean(numbers))


def _quantile(freedom: int) -> float:
    """How many standard errors half the interval is, by its degrees of freedom."""
    from scipy.stats import t  # noqa: PLC0415 - it takes half a second, and only this criterion needs it

    return float(t.ppf((1 + _CONFIDENCE) / 2, freedom))
