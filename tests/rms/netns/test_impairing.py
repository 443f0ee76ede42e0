"""What frames suffer on a link: asked for, held by the kernel, and seen by who uses it."""

import json
import os
import re
import shutil
import signal
import subprocess

import pytest

from engine import BadAttribute, ResourceAction, ResourceState
from rms.linux.application import Application
from rms.linux.iperf3 import Iperf3
from rms.linux.ping import Ping
from rms.netns import Link

pytestmark = pytest.mark.slow


def ping(net, node, **options):
    """What ping says of node b, after it has ended."""
    given = {"target": "10.0.0.2", "count": 10, "interval": 0.01, "timeout": 0.5, **options}
    app = net.ec.add(Ping(**given), on=node)
    net.ec.deploy([app])
    assert net.ec.wait_finished(app, timeout=60), net.failures()
    return json.loads(net.ec.trace(app, "result"))


def has_netem():
    """Whether this kernel has it, and may load it."""
    command = ["unshare", "--net", "tc", "qdisc", "add", "dev", "lo", "root", "netem"]
    return os.geteuid() == 0 and subprocess.run(command, capture_output=True, check=False).returncode == 0


@pytest.fixture(params=["relay", *["netem"] * has_netem()])
def impaired(request, network):
    """`impaired()` is a network whose links delay frames, and the like, by each of what this machine has for it."""

    def make():
        net = network()
        net.ec.set(net.emulation, "impairments", request.param)
        net.has_netem = request.param == "netem"
        return net

    return make


@pytest.fixture
def relayed(network):
    """`relayed()` is a network whose links delay frames by relays."""

    def make():
        net = network()
        net.ec.set(net.emulation, "impairments", "relay")
        return net

    return make


def held(net, node):
    """The rates, and the probabilities of a loss, that a node has at eth0."""
    queues = json.loads(net.run(node, "tc", "-j", "qdisc", "show", "dev", "eth0"))
    filters = json.loads(net.run(node, "tc", "-j", "filter", "show", "dev", "eth0", "ingress") or "[]")
    rates = [it["options"]["rate"] * 8 for it in queues if it["kind"] == "tbf"]
    if net.has_netem:
        netem = [it["options"] for it in queues if it["kind"] == "netem"]
        return rates, [it.get("loss-random", {"loss": 0.0})["loss"] for it in netem]
    losses = [it["options"]["bytecode"]["insns"][1]["k"] / 2**32 for it in filters if "options" in it]
    return rates, [round(loss, 6) for loss in losses]


def relays(net, link):
    """The processes that hold back frames of a link."""
    pattern = f"python3 - r{link.guid}a .*{net.ec.run_id}"
    found = subprocess.run(["pgrep", "-f", pattern], capture_output=True, text=True, check=False)
    return [int(pid) for pid in found.stdout.split()]


def test_a_link_as_it_is_suffers_nothing(impaired):
    net = impaired()
    a, b, *_ = net.pair()
    net.up()
    assert [held(net, node) for node in (a, b)] == [([], []), ([], [])]


def test_both_ends_hold_rate_and_loss_and_change_while_they_are_in_use(impaired):
    net = impaired()
    a, b, _, _, link = net.pair(rate=2e6, loss=0.25)
    net.up()
    assert [held(net, node) for node in (a, b)] == [([2e6], [0.25])] * 2
    net.ec.set(link, "rate", 3e6)
    net.ec.set(link, "loss", 0.5)
    net.await_changes(link, 2)
    assert [held(net, node) for node in (a, b)] == [([3e6], [0.5])] * 2
    net.ec.set(link, "rate", None)
    net.ec.set(link, "loss", 0)
    net.await_changes(link, 4)
    assert [held(net, node) for node in (a, b)] == [([], [0.0])] * 2


def test_a_link_that_is_down_loses_all_and_is_as_before_when_it_is_up(impaired):
    net = impaired()
    a, _, _, _, link = net.pair()
    net.up()
    assert ping(net, a, count=1, timeout=5)["received"] == 1  # and both know each other from now on
    net.ec.set(link, "up", False)
    net.await_changes(link, 1)
    assert ping(net, a, count=3, timeout=0.1)["received"] == 0
    assert ",UP" in net.run(a, "ip", "link", "show", "eth0")
    net.ec.set(link, "up", True)
    net.await_changes(link, 2)
    assert ping(net, a, count=3)["received"] == 3


def test_so_many_frames_are_lost_as_was_asked_for(impaired):
    net = impaired()
    a, _, _, _, link = net.pair()
    net.up()
    # They know each other before frames are lost: an ARP that is lost is tried again after a second, and the
    # requests that wait for it are more than the kernel keeps.
    assert ping(net, a, count=1, timeout=5)["received"] == 1
    net.ec.set(link, "loss", 0.2)
    net.await_changes(link, 1)
    said = ping(net, a, count=400, interval=0.002)
    # Of 400 requests 0.8 * 0.8 are answered: 256, with a standard deviation of 9.6.
    assert 256 - 5 * 9.6 < said["received"] < 256 + 5 * 9.6


def shortest(net, node, at_most):
    """The shortest time to b and back, in ms: a busy machine may make it longer, never shorter."""
    times = [ping(net, node, count=20)["rtt"]["min"]]
    while min(times) >= at_most and len(times) < 10:
        times.append(ping(net, node, count=20)["rtt"]["min"])
    return min(times)


def test_a_delay_is_what_was_asked_for_and_changes_while_it_is_in_use(impaired):
    net = impaired()
    a, _, _, _, link = net.pair(delay=0.02)
    net.up()
    assert 40 <= shortest(net, a, 42) < 42
    net.ec.set(link, "delay", 0.005)
    net.await_changes(link, 1)
    assert 10 <= shortest(net, a, 10.5) < 10.5
    net.ec.set(link, "delay", 0)
    net.await_changes(link, 2)
    assert shortest(net, a, 2) < 2


def test_a_jitter_makes_times_differ_and_keeps_their_order(impaired):
    net = impaired()
    a, *_ = net.pair(delay=0.02, jitter=0.01)
    net.up()
    said = ping(net, a, count=50, interval=0.002)
    assert said["rtt"]["min"] >= 20
    assert said["rtt"]["max"] > said["rtt"]["min"] + 2
    assert [reply["seq"] for reply in said["replies"]] == list(range(1, 51))


def test_frames_are_reordered_when_they_are_to_be(impaired):
    net = impaired()
    a, *_ = net.pair(delay=0.02, reordering=0.3)
    net.up()
    said = ping(net, a, count=100, interval=0.002)
    order = [reply["seq"] for reply in said["replies"]]
    assert len(order) == 100
    assert order != sorted(order)


def test_frames_arrive_twice_when_they_are_to(impaired):
    net = impaired()
    a, *_ = net.pair(duplication=1)
    net.up()
    assert ping(net, a, count=5)["duplicates"] > 0


def test_frames_that_are_damaged_are_not_taken(impaired):
    net = impaired()
    a, *_ = net.pair(corruption=1)
    net.up()
    # A bit may be wrong where nobody looks, as in the address that a frame comes from; but hardly every time.
    assert ping(net, a, count=20, timeout=0.1)["received"] < 20


def rate(net, one, other):
    """Bits per second, with headers, of what arrives at b when a sends more than the link takes."""
    server = net.ec.add(Iperf3(server=True, one_off=True), on=other)
    client = net.ec.add(Iperf3(client="10.0.0.2", udp=True, bitrate="4M", time=2), on=one)
    net.ec.register_condition(client, ResourceAction.START, server, ResourceState.STARTED)
    net.ec.deploy()
    assert net.ec.wait_finished([client, server], timeout=60), net.failures()
    received = json.loads(net.ec.trace(client, "stdout"))["end"]["sum_received"]["bits_per_second"]
    return received * 1514 / 1472  # iperf3 counts without the headers of Ethernet, IP and UDP


@pytest.mark.skipif(not shutil.which("iperf3"), reason="iperf3 is not installed here")
@pytest.mark.parametrize("delay", [0.0, 0.005])
def test_a_rate_is_what_was_asked_for(impaired, delay):
    net = impaired()
    a, b, *_ = net.pair(rate=2e6, delay=delay)
    rates = [rate(net, a, b)]
    while rates[-1] <= 0.95 * 2e6 and len(rates) < 10:  # a busy machine may send less, the link never more
        rates.append(rate(net, a, b))
    assert max(rates) < 1.05 * 2e6
    assert rates[-1] > 0.95 * 2e6


def test_an_attribute_is_set_when_its_time_has_come(impaired):
    net = impaired()
    a, _, _, _, link = net.pair()
    app = net.ec.add(Application(command="exec sleep 1000"), on=a)
    net.ec.set_with_conditions("loss", 0.5, link, app, ResourceState.STARTED, "50ms")
    net.up()
    (change,) = net.await_changes(link, 1)
    assert (change["attribute"], change["value"]) == ("loss", 0.5)
    started = net.ec.get_start_time(app).timestamp()
    assert started + 0.05 <= change["begun"] / 1e9
    assert held(net, a) == ([], [0.5])


def test_the_kernel_holds_what_was_asked_for_also_at_the_ends_of_what_can_be(impaired):
    net = impaired()
    a, b = net.node("a"), net.node("b")
    for number, attributes in enumerate(EXTREMES):
        net.ec.add(Link(**attributes), on=[net.interface(node, f"eth{number}") for node in (a, b)])
    net.up()


EXTREMES = [
    {"delay": 0.00002, "reordering": 1},
    {"delay": 60, "jitter": 2, "duplication": 1e-6, "corruption": 0.999999, "loss": 1},
    {"jitter": 0.0123456, "reordering": 0.5, "rate": 1000, "queue": 2**31 - 1},
    {"rate": 1e12, "queue": 1600},
]


@pytest.mark.parametrize("soon", [True, False])
def test_a_link_without_a_relay_cannot_have_a_delay_later_and_says_so(relayed, soon):
    net = relayed()
    _, _, _, _, link = net.pair()
    net.ec.deploy()
    assert (net.ec.wait_deployed if soon else net.ec.wait_started)(link, timeout=30)
    net.ec.set(link, "delay", 0.1)
    assert not net.ec.wait_finished(link, timeout=30)
    assert "describe it with relay=True" in str(net.ec.failure(link))


@pytest.mark.skipif(has_netem(), reason="this kernel has netem")
def test_netem_that_is_asked_for_and_not_there_is_said_before_anything_is_made(network):
    net = network()
    net.node("a")
    net.ec.set(net.emulation, "impairments", "netem")
    net.ec.deploy()
    assert not net.ec.wait_started(net.nodes["a"], timeout=30)
    assert "has no netem: leave impairments out, or say relay" in str(net.ec.failure(net.emulation))


def test_a_link_whose_relay_is_killed_has_failed(relayed):
    net = relayed()
    _, _, _, _, link = net.pair(relay=True)
    net.up()
    for pid in relays(net, link):
        os.kill(pid, signal.SIGKILL)
    assert not net.ec.wait_finished(link, timeout=30)
    assert re.search("its relay has ended", str(net.ec.failure(link)))


def test_a_relay_ends_with_its_link(relayed):
    net = relayed()
    _, _, one, two, link = net.pair(delay=0.01)
    net.up()
    net.ec.release([link, one, two])
    assert net.run(net.emulation, "ip", "-o", "link").count("\n") == 1
    assert relays(net, link) == []


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"loss": 1.1}, "at most 1"),
        ({"loss": -0.1}, "at least 0"),
        ({"delay": 61}, "at most 60"),
        ({"rate": 999}, "at least 1000"),
        ({"queue": 10}, "at least 1600"),
        ({"duplication": 2}, "at most 1"),
    ],
)
def test_what_is_out_of_range_is_refused_when_it_is_described(wrong, why):
    with pytest.raises(BadAttribute, match=why):
        Link(**wrong)
