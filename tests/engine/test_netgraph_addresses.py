"""Addresses of edges: one subnet each, one after the other, in both versions of IP."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import UsageError
from engine.netgraph import NetGraph
from tests.engine.netgraphs import shapes

SIZES = st.sampled_from([(None, None), (4, 30), (4, 31), (6, 126), (6, 127)])


@given(shapes, SIZES)
@settings(max_examples=60)
def test_each_edge_is_the_next_subnet_and_no_address_is_there_twice(shape, size):
    version, p2p_prefix = size
    graph = NetGraph(**shape)
    graph.assign_p2p_ips(version=version, p2p_prefix=p2p_prefix)
    base = ip_network("fd00::/64" if version == 6 else "10.0.0.0/8")
    addresses = []
    for (nid1, nid2), subnet in zip(graph.edges(), base.subnets(new_prefix=p2p_prefix or 30), strict=False):
        info = graph.get_p2p_info(nid1, nid2)
        assert (info.mask, info.network, info.prefix) == (
            str(subnet.netmask),
            str(subnet.network_address),
            subnet.prefixlen,
        )
        assert {ip_address(info.ip1), ip_address(info.ip2)} <= set(subnet.hosts())
        assert info.ip1 in graph.node_ip_annotations(nid1)
        assert info.ip2 in graph.node_ip_annotations(nid2)
        addresses += [info.ip1, info.ip2]
    assert len(set(addresses)) == len(addresses) == 2 * len(graph.edges())
    assert sorted(addresses) == sorted(ip for nid in graph.nodes() for ip in graph.node_ip_annotations(nid))


@pytest.mark.parametrize(
    ("arguments", "p2p_prefix", "addresses"),
    [
        ({}, None, ["10.0.0.1", "10.0.0.2", "10.0.0.5", "10.0.0.6"]),
        ({}, 31, ["10.0.0.0", "10.0.0.1", "10.0.0.2", "10.0.0.3"]),
        ({"network": "192.168.4.0", "prefix": 24}, 30, ["192.168.4.1", "192.168.4.2", "192.168.4.5", "192.168.4.6"]),
        ({"network": "192.168.4.8", "prefix": 29}, 30, ["192.168.4.9", "192.168.4.10", "192.168.4.13", "192.168.4.14"]),
        ({"version": 6}, None, ["fd00::1", "fd00::2", "fd00::5", "fd00::6"]),
        ({"network": "2001:db8::"}, 127, ["2001:db8::", "2001:db8::1", "2001:db8::2", "2001:db8::3"]),
        ({"version": 6, "prefix": 125}, 126, ["fd00::1", "fd00::2", "fd00::5", "fd00::6"]),
    ],
)
def test_which_addresses(arguments, p2p_prefix, addresses):
    graph = NetGraph(topo_type="linear", node_count=3)
    graph.assign_p2p_ips(**arguments, p2p_prefix=p2p_prefix)
    assert [*graph.get_p2p_info(0, 1)[:2], *graph.get_p2p_info(1, 2)[:2]] == addresses


def test_addresses_that_were_there_go():
    graph = NetGraph(topo_type="linear", node_count=2, assign_ips=True)
    graph.annotate_node_ip(0, "192.168.0.1")
    graph.assign_p2p_ips(version=6)
    assert graph.node_ip_annotations(0) == ["fd00::1"]
    assert graph.get_p2p_info(0, 1).network == "fd00::"


def test_a_node_alone_needs_no_address():
    assert NetGraph(topo_type="mesh", node_count=1, assign_ips=True).node_ip_annotations(0) == []


WRONG = {
    "too small": (
        {"prefix": 29},
        "10.0.0.0/29 is too small: subnets of /30 in it: 2, needed, one for each edge: 3; .*/28",
    ),
    "far too small": ({"prefix": 32}, "subnets of /30 in it: 0, .*take a network of /28 or larger"),
    "too small for 6": ({"version": 6, "prefix": 126}, "fd00::/126 is too small: .*take a network of /124 or larger"),
    "inside": ({"network": "10.0.0.1", "prefix": 8}, "10.0.0.1/8 has host bits set; write network="),
    "no network": ({"network": "localhost"}, "network='localhost', prefix=8: .*write network="),
    "number": ({"network": 10}, "network=10, prefix=8: .*write network="),
    "prefix": ({"prefix": 33}, "prefix=33: .*write network="),
    "version": ({"version": 5}, "version=5: there is no such version of IP here; give 4 or 6"),
    "not 6": ({"network": "10.0.0.0", "version": 6}, "network='10.0.0.0' is no IPv6, but version=6; leave one"),
    "not 4": ({"network": "fd00::", "version": 4}, "network='fd00::' is no IPv4, but version=4; leave one"),
    "hosts": ({"p2p_prefix": 29}, "p2p_prefix=29: for IPv4 give 30 or 31"),
    "hosts of 6": ({"p2p_prefix": 30, "version": 6}, "p2p_prefix=30: for IPv6 give 126 or 127"),
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.values(), ids=WRONG)
def test_a_wrong_network_is_told_and_changes_nothing(arguments, message):
    graph = NetGraph(topo_type="linear", node_count=4, assign_ips=True, network="10.9.0.0", prefix=16)
    before = graph.to_dict()
    with pytest.raises(UsageError, match=message):
        graph.assign_p2p_ips(**arguments)
    assert graph.to_dict() == before


WRONG_NETS = {
    "subnet": (("10.0.0.1", "10.0.0.2", "255.255.255.252", "10.0.0.1", 30), "has host bits set; write the subnet as"),
    "outside": (("10.0.0.1", "10.0.0.9", "255.255.255.252", "10.0.0.0", 30), "10.0.0.9 is not in 10.0.0.0/30"),
    "other version": (("10.0.0.1", "fd00::1", "255.255.255.252", "10.0.0.0", 30), "fd00::1 is not in 10.0.0.0/30"),
    "same": (("10.0.0.1", "10.0.0.1", "255.255.255.252", "10.0.0.0", 30), "both ends have the address 10.0.0.1"),
    "mask": (("10.0.0.1", "10.0.0.2", "255.255.255.0", "10.0.0.0", 30), "the mask of 10.0.0.0/30 is 255.255.255.252"),
    "no address": ((None, "10.0.0.2", "255.255.255.252", "10.0.0.0", 30), "None is no IP address"),
}


@pytest.mark.parametrize(("net", "message"), WRONG_NETS.values(), ids=WRONG_NETS)
def test_addresses_of_an_edge_that_do_not_fit_together_are_told(net, message):
    graph = NetGraph(topo_type="linear", node_count=2)
    with pytest.raises(UsageError, match=f"edge 0-1: .*{message}"):
        graph.annotate_edge_net(0, 1, *net)
    assert graph.edge_net_annotation(0, 1) == {}
