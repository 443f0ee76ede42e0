"""The types of this package, whether or not they are announced by an entry point yet."""

import pytest

from engine import ResourceFactory
from rms.collector import Collector
from rms.linux.iperf3 import Iperf3, UdpTest
from rms.linux.nping import NPing
from rms.linux.ping import Ping
from rms.linux.tcpdump import Tcpdump
from rms.linux.traceroute import Mtr, Traceroute
from rms.linux.web import Http
from tests.platform.fixtures import host, host_pool, hosts  # noqa: F401 - pytest finds them by name

TOOLS = [Ping, Traceroute, Mtr, NPing, Tcpdump, Iperf3, UdpTest, Http]


@pytest.fixture(autouse=True)
def types(monkeypatch):
    known = {each.rtype: each for each in [*TOOLS, Collector]}
    monkeypatch.setattr(ResourceFactory, "_types", ResourceFactory._types | known)


@pytest.fixture
def one(ec):
    """A controller with this machine as #1."""
    made = ec("exp")
    made.register_resource("linux::Node", hostname="localhost")
    return made
