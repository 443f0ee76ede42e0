"""The contract of resource types passes good types, and finds what is wrong with bad ones."""

import inspect

import pytest

from engine.core.states import Step
from engine.testing.bench import Bench
from engine.testing.contract import ResourceContract
from tests.engine.testing import lamps


@pytest.fixture(autouse=True)
def far_end(monkeypatch):
    monkeypatch.setattr(lamps, "far_end", lamps.FarEnd())


class LampContract(ResourceContract):
    """What the test class of a lamp says of it."""

    @pytest.fixture
    def others(self):
        return [lamps.Socket()]

    def end(self, subject):
        lamps.far_end.switch_off(subject.tokens["start"], 3)
        return 3

    def left(self, subject):
        return lamps.far_end.burning()


class TestLamp(LampContract):
    @pytest.fixture
    def resource(self):
        return lamps.Lamp(watts=60)


class TestCandle(ResourceContract):
    finds_again = False

    @pytest.fixture
    def resource(self):
        return lamps.Candle()

    def left(self, subject):
        return lamps.far_end.burning()


class TestSlowLamp:
    def test_it_heeds_what_it_says(self, tmp_path, monkeypatch):
        monkeypatch.setattr(LampContract, "heeds_cancel", (Step.DEPLOY,))
        LampContract().test_a_cancelled_hook_soon_returns(Bench(tmp_path), lamps.Slow(), [lamps.Socket()])


FOUND_BY = {
    lamps.Silent: "test_it_has_a_name_and_is_documented",
    lamps.Talkative: "test_a_whole_life",
    lamps.Tuple: "test_a_whole_life",
    lamps.Once: "test_stop_and_release_may_be_called_again",
    lamps.Forgetful: "test_another_controller_releases_what_runs",
    lamps.Confused: "test_release_of_what_never_began",
    lamps.NeedsReceipt: "test_another_controller_undoes_it_without_receipts",
    lamps.Doubling: "test_a_second_start_with_one_token_does_nothing",
    lamps.Guessing: "test_what_runs_is_found_without_its_receipt",
    lamps.Late: "test_what_never_began_never_will",
    lamps.Deaf: "test_what_runs_is_found",
    lamps.Blind: "test_what_ended_is_found_with_its_status",
    lamps.Vague: "test_what_ended_is_found_with_its_status",
    lamps.Wandering: "test_an_end_is_told",
    lamps.Stubborn: "test_live_attributes_can_be_set_while_it_runs",
    lamps.Torn: "test_traces_are_read_whole_and_in_pieces",
    lamps.Endless: "test_a_trace_that_is_not_there_is_none",
    lamps.Hung: "test_a_cancelled_hook_soon_returns",
    lamps.Chatty: "test_secrets_never_show",
    lamps.Leaky: "test_secrets_never_show",
    lamps.Open: "test_secrets_never_show",
}


@pytest.mark.parametrize(("cls", "name"), FOUND_BY.items(), ids=lambda each: getattr(each, "__name__", None))
def test_what_is_wrong_is_found(cls, name, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("engine.testing.bench.PATIENCE", 0.05)
    monkeypatch.setattr(LampContract, "heeds_cancel", (Step.DEPLOY,))
    contract, others, resource = LampContract(), [lamps.Socket()], cls()
    bench = Bench(tmp_path)
    given = {"bench": bench, "resource": resource, "others": others, "monkeypatch": monkeypatch, "caplog": caplog}
    test = getattr(contract, name)
    with pytest.raises(BaseException) as found:  # noqa: PT011 - whatever a broken hook raises is as good
        call(contract, test, given)
    assert not isinstance(found.value, pytest.skip.Exception)


def call(contract, test, given):
    """A test of the contract with its fixtures."""
    wanted = inspect.signature(test).parameters
    if {"subject", "up", "running"} & set(wanted):
        there = [given["bench"].add(other) for other in given["others"]]
        subject = given["bench"].add(given["resource"], there)
        if "subject" not in wanted:
            subject.deploy()
            subject.perform("start")
        given |= dict.fromkeys(("subject", "up", "running"), subject)
    test(**{name: given[name] for name in wanted})
