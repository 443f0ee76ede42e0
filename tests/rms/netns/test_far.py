"""The same on a host that is reached over SSH."""

import pytest

from engine import ExperimentController, ResourceState
from rms.linux.application import Application
from rms.linux.node import Node as Machine
from rms.linux.ping import Ping
from tests.platform.fixtures import host, host_pool, hosts  # noqa: F401 - pytest finds them by name
from tests.rms.netns.conftest import Network

pytestmark = pytest.mark.slow


@pytest.fixture
def far(ec, host, host_pool, monkeypatch):  # noqa: F811 - as above
    """A network on a real host."""
    monkeypatch.setenv("NETREEL_SSH_CONFIG", str(host_pool.ssh_config))
    made = ec("exp")
    yield Network(made, made.add(Machine(hostname=host.name)))
    made.shutdown()  # while the host is there


def test_a_network_on_a_host_is_as_one_here_and_leaves_nothing(far, host):  # noqa: F811 - as above
    before = host.run("ls /proc | grep '^[0-9]' | wc -l; ip -o link; ip netns")
    a, _, one, _, link = far.pair(delay=0.01)
    far.ec.enable_trace(one, "pcap")
    ping = far.ec.add(Ping(target="10.0.0.2", count=3, interval=0.1), on=a)
    name = far.ec.add(Application(command="hostname; ip -o link | wc -l"), on=a)
    far.ec.deploy()
    assert far.ec.wait_finished([ping, name], timeout=60), far.failures()
    assert far.ec.exit_code(ping) == 0
    assert far.ec.trace(name, "stdout") == "a\n2\n"
    far.ec.set(link, "loss", 1)
    far.await_changes(link, 1)
    far.ec.release([each for each in far.ec.resources if each != 1])
    captured = (far.ec.run_dir / f"{one.guid}.a-eth0.pcap").read_bytes()
    assert captured.count(bytes((10, 0, 0, 1, 10, 0, 0, 2, 8, 0))) == 3  # requests
    assert "r" + str(link.guid) not in host.run("ps -e -o args | grep '[p]ython3 - r' || :")
    assert host.run("ip -o link; ip netns") == "\n".join(before.split("\n")[1:])


def test_a_network_on_a_host_outlives_its_controller(far):
    far.pair()
    far.ec.deploy()
    assert far.ec.wait_started(list(far.ec.resources), timeout=60), far.failures()
    run_dir = far.ec.run_dir
    far.ec.detach()
    with ExperimentController.reconnect(run_dir) as ec:
        assert {ec.state(guid) for guid in ec.resources} == {ResourceState.STARTED}
        ping = ec.add(Ping(target="10.0.0.2", count=1), on=far.nodes["a"].guid)
        ec.deploy([ping])
        assert ec.wait_finished(ping, timeout=60)
        assert ec.exit_code(ping) == 0
