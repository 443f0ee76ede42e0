"""The failure policy: the user's own, what it may look at, and what happens if it breaks."""

import pytest

import replay
from engine import (
    BadState,
    ECState,
    ExperimentAborted,
    ExperimentWarning,
    FailureLevel,
    FailureManager,
    ResourceState,
)
from tests.engine.kinds import boom


class Lenient(FailureManager):
    """Aborts at the second failure, whoever fails."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def eval_failure(self, guid):
        self.seen.append((guid, self.ec.state(guid), self.ec.get(guid, "critical"), self.ec.resources))

    @property
    def abort(self):
        return len(self.seen) >= 2


class Breaking(FailureManager):
    """Has a bug."""

    def eval_failure(self, guid):
        raise LookupError("no such rule")


def failing(ec, stage, policy, number=1, **attributes):
    one = ec(fm=policy)
    for guid in range(1, number + 1):
        one.register_resource("test::Thing", **attributes)
        stage.acts[f"start #{guid}"] = boom
    return one


def fail_all(one):
    for guid in one.resources:
        one.deploy(guid)
        one.wait_finished(guid)


def test_a_policy_of_ones_own_decides(ec, stage):
    policy = Lenient()
    one = failing(ec, stage, policy, 3)
    with pytest.raises(ExperimentAborted):
        fail_all(one)
    assert [guid for guid, *_ in policy.seen] == [1, 2]
    assert policy.seen[0] == (1, ResourceState.FAILED, True, [1, 2, 3])
    assert one.state(3) is ResourceState.NEW


def test_the_failure_that_tips_the_scales_is_told_even_if_it_is_not_critical(ec, stage):
    one = failing(ec, stage, Lenient(), 2, critical=False)
    fail_all(one)
    with pytest.raises(ExperimentAborted) as aborted:
        one.deploy([])
    assert [failure.guid for failure in aborted.value.failures] == [2]


def test_a_policy_that_breaks_aborts(ec, stage):
    one = failing(ec, stage, Breaking())
    message = "the failure policy raised, so the experiment is aborted: LookupError: no such rule"
    with pytest.warns(ExperimentWarning, match=message):
        fail_all(one)
    assert (one.abort, one.ecstate) == (True, ECState.RUNNING)
    assert replay.state(one.run_dir).warnings == (message,)


class Rash(FailureManager):
    """Acts where it is to decide."""

    refused = ()

    def eval_failure(self, guid):
        calls = (self.ec.release, self.ec.shutdown, self.ec.detach, lambda: self.ec.stop(1))
        self.refused = [self._try(call) for call in (*calls, lambda: self.ec.wait_finished(1))]

    def _try(self, call):
        with pytest.raises(BadState) as refused:
            call()
        return str(refused.value).partition(":")[0]


def test_a_policy_that_acts_is_refused_before_anything_is_done(ec, stage):
    policy = Rash()
    one = failing(ec, stage, policy, 2)
    one.deploy([1])
    one.wait_finished(1)
    kinds = ("release", "shut down", "detach", "stop", "wait")
    assert policy.refused == [f"a failure policy cannot {kind}" for kind in kinds]
    assert (one.state(2), one.abort) == (ResourceState.NEW, False)


def test_the_policy_knows_its_controller(ec):
    policy = FailureManager()
    assert policy.ec is None
    one = ec(fm=policy)
    assert (policy.ec, one.fm) == (one, policy)


def test_levels(ec, stage):
    one = failing(ec, stage, FailureManager())
    assert (one.failure_level, one.fm.abort) == (FailureLevel.OK, False)
    fail_all(one)
    assert (one.failure_level, one.fm.abort) == (FailureLevel.RM_FAILURE, True)
