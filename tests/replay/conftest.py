"""What several tests of reading need."""

import pytest

from engine import ResourceFactory
from tests.replay.recorders import Recorder, lent_to_recorders


@pytest.fixture
def lab1(monkeypatch):
    """The host of all recorders, whose type is there as long."""
    monkeypatch.setattr(ResourceFactory, "_types", ResourceFactory._types | {"lab::Recorder": Recorder})
    with lent_to_recorders(monkeypatch) as lab1:
        yield lab1


@pytest.fixture
def two_recorders(ec, lab1):
    """A controller whose #1 and #2 run, and have recorded nothing yet."""
    made = ec("hello")
    made.add(Recorder(), label="the one")
    made.add(Recorder())
    made.deploy()
    assert made.wait_started([1, 2], timeout=20)
    return made
