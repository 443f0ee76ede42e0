"""The types of networks keep the contract of resource types; interfaces and links need each other, which it has not."""

from pathlib import Path

import pytest

from engine import ResourceFactory
from engine.core.states import Step
from engine.testing.contract import ResourceContract
from rms.netns import Emulation, Node, Switch, Tap
from tests.rms.netns.conftest import why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]


def lives(subject, name):
    """The process that a receipt names, if it is there."""
    pid = ((subject.receipts.get(Step.DEPLOY) or {}).get(name) or [0])[0]
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [] if state in "ZX" else [pid]


class Watched(ResourceContract):
    """It runs from its deployment on. To start it is to have its end told, which can be done again at any time."""

    test_what_never_began_never_will = None
    test_what_runs_is_found_without_its_receipt = None


class TestEmulation(Watched):
    @pytest.fixture
    def resource(self):
        return Emulation()

    def left(self, subject):
        return lives(subject, "holder")


class TestNode(Watched):
    @pytest.fixture
    def resource(self):
        return Node(hostname="a")

    @pytest.fixture
    def others(self):
        return [Emulation()]

    def left(self, subject):
        return lives(subject, "process")


class TestSwitch(ResourceContract):
    @pytest.fixture
    def resource(self):
        return Switch()

    @pytest.fixture
    def others(self):
        return [Emulation()]


@pytest.mark.torture
class TestTap(Watched):
    @pytest.fixture
    def resource(self):
        return Tap(addresses=["10.0.0.1/24"])

    @pytest.fixture
    def others(self):
        return [Emulation(), Node(hostname="a")]


def test_nothing_of_a_network_comes_to_an_end_by_itself():
    types = map(ResourceFactory.get_resource_type, ResourceFactory.resource_types())
    starting = [cls for cls in types if cls.rtype.startswith("netns::") and Step.START in cls.hooks()]
    assert [cls.rtype for cls in starting if not cls.endless] == []
