"""Networks on top of networks."""

import os
import signal
import subprocess

import pytest

from engine import BadAttribute, ExperimentController, ResourceFactory, ResourceState
from rms.linux.ping import Ping
from rms.netns import Tunnel

pytestmark = pytest.mark.slow

MADE = {"vxlan": "vxlan id 7 dstport 4789 remote 10.0.0.9", "gre": "gretap remote 10.0.0.9", "wireguard": "wireguard"}


def has(kind):
    """Whether this machine has such tunnels."""
    if kind == "udp" or os.geteuid() != 0:
        return kind == "udp"
    made = f"ip link add t0 type {MADE[kind]}" + (" && wg --version" if kind == "wireguard" else "")
    return subprocess.run(["unshare", "--net", "sh", "-c", made], capture_output=True, check=False).returncode == 0


KINDS = {kind: has(kind) for kind in ("udp", *MADE)}


@pytest.fixture(autouse=True)
def tunnels(monkeypatch):
    monkeypatch.setattr(ResourceFactory, "_types", ResourceFactory._types | {Tunnel.rtype: Tunnel})


def tunnelled(net, **attributes):
    """Nodes that are linked, and a tunnel over that; gives one of them, the link, the ends of the tunnel, and it."""
    a, b, *_, link = net.pair()
    given = [(a, ["10.1.0.1/24", "fd01::1/64"]), (b, ["10.1.0.2/24", "fd01::2/64"])]
    ends = [net.interface(node, "t0", addresses=addresses) for node, addresses in given]
    return a, link, ends, net.ec.add(Tunnel(**attributes), on=ends)


def answered(net, node, target, **options):
    """How many requests are answered."""
    ping = net.ec.add(Ping(**{"target": target, "count": 1, "timeout": 5, **options}), on=node)
    net.ec.deploy([ping])
    assert net.ec.wait_finished(ping, timeout=60), net.failures()
    return net.ec.trace(ping, "stdout").count("bytes from")


@pytest.mark.parametrize("between", [["10.0.0.1", "10.0.0.2"], ["fd00::2", "fd00::1"]], ids=["four", "six"])
@pytest.mark.parametrize("kind", [kind for kind, there in KINDS.items() if there])
def test_nodes_reach_each_other_through_a_tunnel_as_long_as_there_is_a_network_below_it(network, kind, between):
    net = network()
    a, link, ends, tunnel = tunnelled(net, kind=kind, between=between)
    net.up()
    assert answered(net, a, "10.1.0.2") == 1
    assert answered(net, a, "fd01::2") == 1
    assert answered(net, a, "10.1.0.2", packet_size=3000) == 1
    net.ec.set(link, "up", False)
    net.await_changes(link, 1)
    assert answered(net, a, "10.1.0.2", timeout=0.1) == 0
    net.ec.release([tunnel, *ends])
    assert "t0" not in net.run(a, "ip", "-o", "link")


@pytest.mark.parametrize("kind", [kind for kind, there in KINDS.items() if not there])
def test_what_this_kernel_does_not_have_is_said_with_what_would_do(network, kind):
    net = network()
    *_, tunnel = tunnelled(net, kind=kind, between=["10.0.0.1", "10.0.0.2"])
    net.ec.deploy()
    assert not net.ec.wait_started(tunnel, timeout=30)
    assert f"has no {kind}" in str(net.ec.failure(tunnel))
    assert "Take kind='udp'" in str(net.ec.failure(tunnel))


def test_a_tunnel_goes_on_under_another_controller_and_is_missed_when_what_carries_it_is_killed(network):
    net = network()
    a, _, _, tunnel = tunnelled(net, between=["10.0.0.1", "10.0.0.2"])
    net.up()
    net.ec.detach()
    net.ec = ExperimentController.reconnect(net.ec.run_dir)
    assert net.ec.state(tunnel.guid) is ResourceState.STARTED
    assert answered(net, a.guid, "10.1.0.2") == 1
    attempt = net.ec.run_dir / f"node-{net.emulation.guid}" / f"carrier-{tunnel.guid}-{tunnel.guid - 1}"
    os.kill(int(str((attempt / "started").readlink()).split()[0]), signal.SIGKILL)
    assert not net.ec.wait_finished(tunnel.guid, timeout=30)
    assert "a process that carried its frames has ended" in str(net.ec.failure(tunnel.guid))


def test_a_port_that_is_taken_is_named(network):
    net = network()
    a, _, _, _ = tunnelled(net, between=["10.0.0.1", "10.0.0.2"], port=5000)
    net.up()
    ends = [net.interface(node, "t1") for node in (net.nodes["b"], a)]  # in whichever order
    tunnel = net.ec.add(Tunnel(between=["10.0.0.1", "10.0.0.2"], port=5000), on=ends)
    net.ec.deploy()
    assert not net.ec.wait_started(tunnel, timeout=30)
    assert "t1, port 5000 of 10.0.0.2: Address already in use" in str(net.ec.failure(tunnel))


def test_a_tunnel_ends_at_nodes(network):
    net = network()
    ends = [net.interface(net.node("a")), net.interface(net.switch(), "")]
    tunnel = net.ec.add(Tunnel(between=["10.0.0.1", "10.0.0.2"]), on=ends)
    net.ec.deploy()
    assert not net.ec.wait_started(tunnel, timeout=30)
    assert "is at a switch; a tunnel is between nodes" in str(net.ec.failure(tunnel))


@pytest.mark.parametrize(
    ("between", "why"),
    [
        (["10.0.0.1"], "is between two addresses"),
        (["10.0.0.1", "10.0.0.1"], "is between two addresses"),
        (["10.0.0.1", "fd00::1"], "one is IPv4 and one is IPv6"),
        (["10.0.0.1", "b"], "does not appear to be an IPv4 or IPv6 address"),
    ],
)
def test_what_no_tunnel_can_be_between_is_refused_when_it_is_described(between, why):
    with pytest.raises(BadAttribute, match=why):
        Tunnel(between=between)
