"""Every interface can be captured."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from engine import ExperimentController, TraceAttr
from rms.linux.ping import Ping

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("tcpdump"), reason="tcpdump is not installed here"),
]


def packets(path):
    """One line for each packet of a capture."""
    said = subprocess.run(["tcpdump", "-nr", path, "icmp"], capture_output=True, text=True, check=True)
    return said.stdout.splitlines()


def test_a_capture_has_all_packets_and_is_called_after_node_and_interface(network):
    net = network()
    a, _, one, two, _ = net.pair()
    net.ec.enable_trace(two, "pcap")
    ping = net.ec.add(Ping(target="10.0.0.2", count=3, interval=0.01), on=a)
    net.up()
    assert net.ec.wait_finished(ping, timeout=30)
    net.ec.stop(two)
    path = net.ec.trace(two, "pcap", TraceAttr.PATH)
    assert path.endswith("/b-eth0.pcap")
    assert len(packets(path)) == 6
    content = net.ec.trace(two, "pcap", TraceAttr.BYTES)
    assert len(content) == net.ec.trace(two, "pcap", TraceAttr.SIZE)
    assert net.ec.trace(one, "pcap") is None
    net.ec.release()
    assert net.ec.trace(two, "pcap", TraceAttr.BYTES) == content


def test_a_port_of_a_switch_is_captured_by_its_own_name(network):
    net = network()
    switch = net.switch()
    port = net.ec.register_resource("netns::Interface", connectedTo=switch.guid)
    net.link(net.interface(net.node("a")), port)
    net.ec.enable_trace(port, "pcap")
    net.up()
    assert net.ec.trace(port, "pcap", TraceAttr.PATH).endswith(f"/s{switch.guid}-eth{port}.pcap")


def test_a_capture_goes_on_under_another_controller(network):
    net = network()
    a, _, one, _, _ = net.pair()
    net.ec.enable_trace(one, "pcap")
    net.up()
    net.ec.detach()
    net.ec = ExperimentController.reconnect(net.ec.run_dir)
    ping = net.ec.add(Ping(target="10.0.0.2", count=2, interval=0.01), on=a.guid)
    net.ec.deploy([ping])
    assert net.ec.wait_finished(ping, timeout=30)
    net.ec.stop(one.guid)
    assert len(packets(net.ec.trace(one.guid, "pcap", TraceAttr.PATH))) == 4


def test_a_capture_that_is_killed_is_missed(network):
    net = network()
    _, _, one, _, _ = net.pair()
    net.ec.enable_trace(one, "pcap")
    net.up()
    attempt = Path(net.ec.trace(one, "pcap", TraceAttr.PATH)).parents[1]
    pid, _ = str((attempt / "started").readlink()).split()
    os.kill(int(pid), signal.SIGKILL)
    assert not net.ec.wait_finished(one, timeout=30)
    assert "its capture has ended by itself" in str(net.ec.failure(one))
