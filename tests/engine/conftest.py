"""A stage for the hooks of each test, and a clock of its own."""

import pytest

from tests.engine import kinds
from tests.engine.clock import OwnClock


@pytest.fixture
def stage():
    return kinds.new_stage()


@pytest.fixture
def clock():
    return OwnClock()
