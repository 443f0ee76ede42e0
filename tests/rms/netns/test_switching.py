"""Switches and routes."""

import subprocess

import pytest

from engine import BadAttribute
from rms.linux.application import Application
from rms.netns import Interface, Route

pytestmark = pytest.mark.slow


def line(net):
    """a - r - b, with r a router, and the routes that a and b need. Gives the interface and route of a."""
    a, r, b = net.node("a"), net.node("r", forwarding=True), net.node("b")
    left = net.interface(a, addresses=["10.1.0.1/24", "fd01::1/64"])
    right = net.interface(b, addresses=["10.2.0.1/24", "fd02::1/64"])
    net.link(left, net.interface(r, "eth0", addresses=["10.1.0.2/24", "fd01::2/64", "10.1.0.3/24", "fd01::3/64"]))
    net.link(right, net.interface(r, "eth1", addresses=["10.2.0.2/24", "fd02::2/64"]))
    routes = [net.ec.add(Route(destination=to, via=via), on=left) for to, via in TO_B]
    net.ec.add(Route(via="10.2.0.2"), on=right)
    net.ec.add(Route(destination="fd01::/64", via="fd02::2"), on=right)
    return left, *routes


TO_B = (("10.2.0.0/16", "10.1.0.2"), ("fd02::/64", "fd01::2"))


def test_nodes_on_a_switch_reach_each_other(network):
    net = network()
    net.star(net.switch(), *(Interface() for _ in range(3)))
    net.up()
    assert net.reaches("a", "10.0.0.2")
    assert net.reaches("b", "10.0.0.3")


@pytest.fixture
def vlans():
    """Some kernels have bridges without VLANs."""
    command = ["unshare", "--net", "ip", "link", "add", "type", "bridge", "vlan_filtering", "1"]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this kernel has bridges without VLANs")


def test_a_switch_keeps_vlans_apart(network, vlans):
    net = network()
    net.star(net.switch(vlan_filtering=True), *(Interface(vlan=vlan) for vlan in (10, 10, 20)))
    net.up()
    assert net.reaches("a", "10.0.0.2")
    assert not net.reaches("a", "10.0.0.3")


def test_tagged_frames_go_from_switch_to_switch(network, vlans):
    net = network()
    one, two = net.switch(vlan_filtering=True), net.switch(vlan_filtering=True)
    net.link(*(net.ec.add(Interface(tagged=[10, 20]), on=each) for each in (one, two)))
    for name, switch, vlan, number in (("a", one, 10, 1), ("b", two, 10, 2), ("c", two, 20, 3)):
        net.attach(switch, Interface(vlan=vlan), name, number)
    net.up()
    assert net.reaches("a", "10.0.0.2")
    assert not net.reaches("a", "10.0.0.3")


def test_a_switch_speaks_stp_when_it_is_to(network):
    net = network()
    switch = net.star(net.switch(stp=True), Interface(), Interface())
    net.up()
    assert " stp_state 1 " in net.run(net.emulation, "ip", "-d", "link", "show", f"s{switch.guid}")
    assert not net.reaches("a", "10.0.0.2")  # its ports listen and learn first
    net.ec.set(switch, "stp", False)
    net.await_changes(switch, 1)
    said = net.run(net.emulation, "ip", "-d", "link", "show", f"s{switch.guid}")
    assert "forward_delay 0 " in said
    assert " stp_state 0 " in said


def test_a_switch_that_is_released_is_gone_and_the_rest_goes_on(network):
    net = network()
    switch = net.star(net.switch(), Interface(), Interface())
    net.up()
    ports = [each for each in net.ec.resources if net.ec.rtype(each) in ("netns::Interface", "netns::Link")]
    net.ec.release([switch, *ports])
    assert net.run(net.emulation, "ip", "-o", "link").count("\n") == 1


def test_packets_follow_routes_through_a_router(network):
    net = network()
    line(net)
    net.up()
    assert net.reaches("a", "10.2.0.1")
    assert net.reaches("a", "fd02::1")


def test_a_route_changes_while_it_is_in_use(network):
    net = network()
    _, four, six = line(net)
    net.up()
    net.ec.set(four, "via", "10.1.0.3")
    net.ec.set(six, "via", "fd01::3")
    net.await_changes(four, 1)
    net.await_changes(six, 1)
    a = net.nodes["a"]
    assert net.run(a, "ip", "route", "show", "10.2.0.0/16").strip() == "10.2.0.0/16 via 10.1.0.3 dev eth0"
    assert net.run(a, "ip", "-6", "route", "show", "fd02::/64").split()[:3] == ["fd02::/64", "via", "fd01::3"]
    assert net.reaches("a", "10.2.0.1")


def test_a_route_that_is_released_is_out(network):
    net = network()
    _, four, _ = line(net)
    net.up()
    net.ec.release(four)
    assert net.run(net.nodes["a"], "ip", "route", "show", "10.2.0.0/16") == ""


def test_a_node_forwards_nothing_unless_it_is_to(network):
    net = network()
    node = net.node("a")
    app = net.ec.add(Application(command="cat /proc/sys/net/ipv4/ip_forward"), on=node)
    net.up()
    net.ec.wait_finished(app)
    assert net.ec.trace(app, "stdout") == "0\n"


def test_a_router_that_is_on_no_link_is_refused_by_the_kernel_and_named(network):
    net = network()
    _, _, one, _, _ = net.pair()
    route = net.ec.add(Route(destination="10.9.0.0/16", via="10.5.0.1"), on=one)
    net.ec.deploy()
    assert not net.ec.wait_started(route)
    said = str(net.ec.failure(route))
    assert "route replace 10.9.0.0/16 via 10.5.0.1 dev eth0" in said
    assert "Nexthop has invalid gateway" in said


@pytest.mark.parametrize(
    ("wrong", "why"),
    [({"destination": "10.2.0.1/16"}, "has host bits set"), ({"via": "router"}, "does not appear to be an IPv4")],
)
def test_what_is_no_route_is_refused_when_it_is_described(wrong, why):
    with pytest.raises(BadAttribute, match=why):
        Route(**wrong)


@pytest.mark.parametrize("vlan", [0, 4095])
def test_what_is_no_vlan_is_refused(vlan):
    with pytest.raises(BadAttribute, match=r"at (least|most)"):
        Interface(vlan=vlan)
    with pytest.raises(BadAttribute, match="from 1 to 4094"):
        Interface(tagged=[vlan])


@pytest.mark.parametrize(
    ("port", "node", "why"),
    [
        ({"addresses": ["10.0.0.9/24"]}, {}, "a port of a switch, which has no addresses"),
        ({}, {"vlan": 3}, "at a node, which knows no VLANs"),
    ],
)
def test_what_an_interface_cannot_be_where_it_is_is_named(network, port, node, why):
    net = network()
    link = net.link(net.interface(net.node("a"), **node), net.ec.add(Interface(**port), on=net.switch()))
    net.ec.deploy()
    assert not net.ec.wait_started([link])
    assert why in "".join(net.failures())


def test_an_interface_that_is_nowhere_is_named(network):
    net = network()
    net.link(net.interface(net.node("a")), net.ec.add(Interface()))
    net.ec.deploy()
    assert not net.ec.wait_started(list(net.ec.resources))
    assert [said for said in net.failures() if "neither a node nor a switch" in said]
