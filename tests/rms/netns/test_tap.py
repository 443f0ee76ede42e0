"""Devices that a program in a node reads and writes."""

import sys
import textwrap
from pathlib import Path

import pytest

from engine import BadConnection, ResourceFactory, UsageError
from rms.linux.application import Application
from rms.linux.ping import Ping
from rms.netns import Route, Tap, Tun

pytestmark = [
    pytest.mark.slow,
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="this kernel has no /dev/net/tun"),
]

# Answers to whatever is sent to it: of an ARP request it is the one who is asked for, of an ICMP one the target.
ANSWERING = textwrap.dedent("""
    import fcntl, os, struct, sys

    kind, name = sys.argv[1:]
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", name.encode(), {"tun": 1, "tap": 2}[kind] | 0x1000))
    print("open", flush=True)
    ME, size = b"\\x02\\0\\0\\0\\0\\x63", {"tun": 0, "tap": 14}[kind]
    while True:
        data = os.read(device, 2000)
        frame, packet = data[:size], data[size:]
        answer = ME[:0] if not size else frame[6:12] + ME + frame[12:]
        if frame[12:] == b"\\x08\\x06":
            answer += packet[:7] + b"\\2" + ME + packet[24:28] + packet[8:18]
        elif packet[:1] == b"\\x45" and packet[9:10] == b"\\1":
            checksum = struct.unpack("!H", packet[22:24])[0] + 0x0800
            changed = struct.pack("!BBH", 0, 0, (checksum & 0xFFFF) + (checksum >> 16))
            answer += packet[:12] + packet[16:20] + packet[12:16] + changed + packet[24:]
        else:
            continue
        os.write(device, answer)
""")


@pytest.fixture(autouse=True)
def both(monkeypatch):
    monkeypatch.setattr(ResourceFactory, "_types", ResourceFactory._types | {each.rtype: each for each in (Tap, Tun)})


@pytest.mark.parametrize(("cls", "kind"), [(Tap, "tap"), (Tun, "tun")])
def test_a_program_reads_and_writes_it_and_packets_are_routed_there(network, cls, kind):
    net = network()
    node = net.node("a")
    device = net.ec.add(cls(name="t0", mtu=1400, addresses=["10.9.0.1/24"]), on=node)
    route = net.ec.add(Route(destination="10.8.0.0/16", via="10.9.0.2"), on=device)
    program = net.ec.add(Application(command=f"exec {sys.executable} - {kind} t0", stdin=ANSWERING), on=node)
    net.up()
    net.await_lines(net.output(program), 1)
    assert "mtu 1400" in net.run(node, "ip", "link", "show", "t0")
    pings = [net.ec.add(Ping(target=target, count=1, timeout=5), on=node) for target in ("10.9.0.2", "10.8.1.1")]
    net.ec.deploy(pings)
    assert net.ec.wait_finished(pings, timeout=30)
    assert [net.ec.exit_code(each) for each in pings] == [0, 0]
    net.ec.release([program, route, device])
    assert net.run(node, "ip", "-o", "link").count("\n") == 1


@pytest.mark.parametrize("cls", [Tap, Tun])
def test_it_is_at_a_node(network, cls):
    net = network()
    with pytest.raises(BadConnection):
        net.ec.add(cls(), on=net.switch())
    net.ec.add(cls())
    with pytest.raises(UsageError, match="its 'node' needs 1"):
        net.ec.deploy()


def test_a_name_that_is_taken_is_named(network):
    net = network()
    a, *_ = net.pair()
    net.up()
    before = names(net, a)
    devices = [net.ec.add(Tap(name="eth0", critical=False), on=a), net.ec.add(Tun(name="lo", critical=False), on=a)]
    net.ec.deploy()
    assert [net.ec.wait_started(each, timeout=30) for each in devices] == [False, False]
    assert "eth0 is taken there, by something that is no tap" in str(net.ec.failure(devices[0]))
    assert "lo is taken there, by something that is no tun" in str(net.ec.failure(devices[1]))
    assert names(net, a) == before


def names(net, node):
    """The interfaces of a node. Nothing of their state, which the kernel tells a while after it has changed."""
    return [line.split()[0] for line in net.run(node, "ip", "-brief", "link").splitlines()]


def test_a_tun_has_no_mac_address(network):
    net = network()
    device = net.ec.add(Tun(mac="02:00:00:00:00:01"), on=net.node("a"))
    net.ec.deploy()
    assert not net.ec.wait_started(device, timeout=30)
    assert "take a Tap" in str(net.ec.failure(device))
