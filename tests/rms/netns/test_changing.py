"""Attributes that are set while they are in use, on a host that may be silent."""

import json
import threading

import pytest

from engine import Alive, ExperimentController, ResourceFactory, ResourceState, attr
from engine.rm.transport import TransportLost
from rms.netns import _changing
from rms.netns._changing import Changing

pytestmark = pytest.mark.slow

SILENT, ANSWERED = threading.Semaphore(0), threading.Event()


class Lamp(Changing, rtype="test::Lamp"):
    """Its host is silent as often as `SILENT` says."""

    light: int = attr(default=0, when="live")

    def deploy(self, intent):
        return {"held": self.held()}

    def start(self, intent):
        pass

    def probe(self, intent, receipt):
        self.catch_up()
        return Alive()

    def stop(self, intent):
        pass

    def change(self, name, old, new):
        ANSWERED.set()
        if SILENT.acquire(blocking=False):
            raise TransportLost("lab1", "nobody is there")


@pytest.fixture
def lamp(ec, monkeypatch):
    """One that is on, and its controller."""
    monkeypatch.setattr(_changing, "_FIRST_PAUSE", 0.001)
    monkeypatch.setattr(_changing, "_LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(ResourceFactory, "_types", ResourceFactory._types | {Lamp.rtype: Lamp})
    ANSWERED.clear()
    made = ec("exp")
    handle = made.add(Lamp())
    made.deploy()
    assert made.wait_started(handle, timeout=30)
    yield made, handle
    while SILENT.acquire(blocking=False):
        pass


def noted(ec, handle):
    """The changes that were made."""
    path = ec.run_dir / f"changes-{handle.guid}.jsonl"
    return [json.loads(line)["value"] for line in path.read_text().splitlines()] if path.exists() else []


def test_a_host_that_is_silent_for_a_while_is_asked_again_and_nothing_fails(lamp):
    ec, handle = lamp
    SILENT.release(3)
    ec.set(handle, "light", 5)
    ec.stop(handle)  # comes after it
    assert noted(ec, handle) == [5]
    assert ec.state(handle) is ResourceState.STOPPED


@pytest.mark.slow
def test_a_change_that_nobody_answers_is_given_up_when_it_is_to_be_released(lamp):
    ec, handle = lamp
    SILENT.release(10**6)
    ec.set(handle, "light", 5)
    assert ANSWERED.wait(30)
    ec.release(handle)
    assert ec.state(handle) is ResourceState.RELEASED
    assert noted(ec, handle) == []


def test_a_change_that_a_controller_did_not_live_to_make_is_made_by_the_next_one_and_only_that(lamp, monkeypatch):
    ec, handle = lamp
    ec.set(handle, "light", 4)
    ec.stop(handle)  # comes after it
    ec.start(handle)
    assert noted(ec, handle) == [4]
    monkeypatch.setattr(_changing, "_FIRST_PAUSE", 1000)
    ANSWERED.clear()
    SILENT.release()
    ec.set(handle, "light", 5)
    assert ANSWERED.wait(30)
    ec.detach()
    later = ExperimentController.reconnect(ec.run_dir)
    later.stop(handle.guid)  # comes after it was asked what had become of it
    assert noted(later, handle) == [4, 5]
    later.start(handle.guid)
    later.detach()
    with ExperimentController.reconnect(ec.run_dir) as last:
        last.stop(handle.guid)
        assert noted(last, handle) == [4, 5]
