"""Routing daemons of FRR in nodes."""

import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import replay
from engine import BadAttribute, ExperimentController, ResourceState
from engine.testing.contract import ResourceContract
from rms.linux.application import Application
from rms.netns import Emulation, Frr, Node
from rms.netns.frr_config import text

pytestmark = pytest.mark.slow

needs_frr = pytest.mark.skipif(
    not shutil.which("vtysh", path=f"{os.environ['PATH']}:/usr/sbin"), reason="no FRR here: apt-get install frr"
)
FAST = {"ospf_hello": 1, "ospf_dead": 10, "ospf_lsa_interval": 0}


def test_what_was_described_becomes_the_configuration_of_frr():
    router = Frr(
        router_id="10.255.0.1",
        ospf_areas={"eth0": "0", "eth1": "0.0.0.1"},
        ospf_costs={"eth0": 10},
        ospf_passive=["eth1"],
        ospf_redistribute=["bgp"],
        bgp_as=65001,
        bgp_neighbours={"10.0.0.2": 65002, "fd00::2": 65003},
        bgp_networks=["10.1.0.0/16"],
        bgp_redistribute=["connected"],
        bgp_keepalive=1,
        bgp_hold=3,
        config="ip nht resolve-via-default",
        **FAST,
    )
    assert text(router, "r1") == textwrap.dedent("""\
        hostname r1
        interface eth0
         ip ospf area 0
         ip ospf network point-to-point
         ip ospf cost 10
         ip ospf hello-interval 1
         ip ospf dead-interval 10
        exit
        interface eth1
         ip ospf area 0.0.0.1
         ip ospf network point-to-point
         ip ospf passive
         ip ospf hello-interval 1
         ip ospf dead-interval 10
        exit
        router ospf
         ospf router-id 10.255.0.1
         timers throttle lsa all 0
         timers lsa min-arrival 0
         redistribute bgp
        exit
        router bgp 65001
         bgp router-id 10.255.0.1
         no bgp ebgp-requires-policy
         no bgp default ipv4-unicast
         timers bgp 1 3
         neighbor 10.0.0.2 remote-as 65002
         neighbor fd00::2 remote-as 65003
         address-family ipv4 unicast
          neighbor 10.0.0.2 activate
          network 10.1.0.0/16
          redistribute connected
         exit-address-family
         address-family ipv6 unicast
          neighbor fd00::2 activate
          redistribute connected
         exit-address-family
        exit
        ip nht resolve-via-default
    """)


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"router_id": "r1"}, "Expected 4 octets"),
        ({"ospf_areas": {"eth0": "backbone"}}, "'backbone' is no area of OSPF: write it as '0' or '0.0.0.0'"),
        ({"ospf_areas": {"eth0": str(2**32)}}, "is no area of OSPF"),
        ({"ospf_areas": {"eth 0": "0"}}, "'eth 0' is no name of an interface"),
        ({"ospf_costs": {"eth0": 0}}, "eth0: a cost is a number from 1 to 65535, not 0"),
        ({"ospf_redistribute": ["nothing"]}, "no routes come from 'nothing'; there are babel, bgp"),
        ({"bgp_neighbours": {"r2": 65002}}, "'r2' does not appear to be an IPv4 or IPv6 address"),
        ({"bgp_neighbours": {"10.0.0.2": 0}}, "10.0.0.2: the number of an AS is from 1 to 4294967295, not 0"),
        ({"bgp_networks": ["10.1.0.1/16"]}, "has host bits set"),
        ({"daemons": ["zebra"]}, "'zebra' is no daemon that can be added; there are babeld"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_described(wrong, why):
    with pytest.raises(BadAttribute, match=why):
        Frr(**wrong)


def line(net, *routers):
    """Routers r1, r2, ... in a line, with these attributes; ri is 10.0.i.1, and 10.0.(i-1).2."""
    nodes = [net.node(f"r{number}", forwarding=True) for number in range(1, len(routers) + 1)]
    for number, (one, two) in enumerate(itertools.pairwise(nodes), 1):
        right = net.interface(one, "right", addresses=[f"10.0.{number}.1/24"])
        net.link(right, net.interface(two, "left", addresses=[f"10.0.{number}.2/24"]))
    return [net.ec.add(Frr(**attributes), on=node) for attributes, node in zip(routers, nodes, strict=True)]


def files_of_frr():
    """Those that daemons of FRR have on the host itself."""
    return {str(path) for directory in ("/var/run/frr", "/var/tmp/frr") for path in Path(directory).rglob("*")}


def reach(net, node, target):
    """Deploys what ends once a target answers."""
    command = f"until ping -c 1 -W 1 {target}; do sleep 0.1; done"
    app = net.ec.add(Application(command=command), on=net.nodes[node])
    net.ec.deploy([app])
    assert net.ec.wait_finished(app, timeout=60), net.failures()


@needs_frr
@pytest.mark.slow
def test_routers_find_the_way_by_ospf_and_tell_what_they_know(network):
    net, before = network(), files_of_frr()
    areas = [["right"], ["left", "right"], ["left"]]
    routers = line(net, *({"ospf_areas": dict.fromkeys(names, "0"), **FAST} for names in areas))
    net.up()
    reach(net, "r1", "10.0.2.2")
    (way,) = json.loads(net.ec.trace(routers[0], "routes"))["ipv4"]["10.0.2.0/24"]
    assert (way["protocol"], way["nexthops"][0]["ip"]) == ("ospf", "10.0.1.2")
    known = json.loads(net.ec.trace(routers[1], "neighbours"))["ospf"]["neighbors"]
    assert sorted(known) == ["10.0.1.1", "10.0.2.2"]
    net.ec.stop(routers[1])
    assert net.ec.exit_code(routers[1]) == 0
    assert sorted(json.loads(net.ec.trace(routers[1], "neighbours"))["ospf"]["neighbors"]) == sorted(known)
    assert "Terminating on signal" in net.ec.trace(routers[1], "log")
    assert files_of_frr() == before
    assert " proto ospf" not in net.run(net.nodes["r2"], "ip", "route")


@needs_frr
@pytest.mark.slow
def test_two_autonomous_systems_tell_each_other_of_their_networks(network):
    net = network()
    fast = {"bgp_keepalive": 1, "bgp_hold": 10, "bgp_redistribute": ["connected"]}
    ones = [{"bgp_as": 65000 + n, "bgp_neighbours": {f"10.0.1.{3 - n}": 65003 - n}, **fast} for n in (1, 2)]
    routers = line(net, *ones)
    behind = net.interface(net.nodes["r2"], "behind", addresses=["10.2.0.1/16"])
    net.link(behind, net.interface(net.node("host"), addresses=["10.2.0.2/16"]))
    net.up()
    reach(net, "r1", "10.2.0.1")
    peer = json.loads(net.ec.trace(routers[0], "neighbours"))["bgp"]["ipv4Unicast"]["peers"]["10.0.1.2"]
    assert (peer["remoteAs"], peer["state"]) == (65002, "Established")


@needs_frr
@pytest.mark.slow
def test_what_cannot_run_is_named(network):
    net = network()
    nodes = [net.node(name) for name in "ab"]
    wrong = net.ec.add(Frr(config="router ospf\n rooter-id 1.1.1.1\nexit", critical=False), on=nodes[0])
    lonely = net.ec.add(Frr(bgp_neighbours={"10.0.0.2": 1}, critical=False), on=nodes[1])
    strange = net.ec.add(Frr(ospf_costs={"eth0": 1}, critical=False), on=nodes[1])
    net.ec.deploy()
    net.ec.wait_finished([wrong, lonely, strange], timeout=30)
    assert re.search(r"line 3: % Unknown command.*rooter-id 1.1.1.1", str(net.ec.failure(wrong)))
    assert "it has neighbours of BGP, and no AS: set bgp_as" in str(net.ec.failure(lonely))
    assert "OSPF does not have eth0: give each an area in ospf_areas" in str(net.ec.failure(strange))


@needs_frr
@pytest.mark.slow
def test_a_daemon_that_dies_takes_the_others_with_it_and_is_named(network):
    net = network()
    router = net.ec.add(Frr(ospf_areas={"eth0": "0"}, daemons=["ospf6d"]), on=net.node("a"))
    net.up()
    # One that has nothing to do says so in words.
    assert json.loads(net.ec.trace(router, "neighbours")) == {"ospf": {"neighbors": {}}, "ospf6": None}
    pid = (net.output(router).parent / "ospfd.pid").read_text().strip()
    subprocess.run(["nsenter", "-t", str(net.pid(net.nodes["a"])), "-p", "kill", "-KILL", pid], check=True)
    assert not net.ec.wait_finished(router, timeout=30)
    assert "ospfd has ended with exit status 137" in str(net.ec.failure(router))


@pytest.mark.slow
def test_a_host_without_frr_is_told_what_to_install(network, monkeypatch):
    monkeypatch.setattr(Frr, "program", "vtysh-that-is-not-here")
    net = network()
    router = net.ec.add(Frr(), on=net.node("a"))
    net.ec.deploy()
    assert not net.ec.wait_started(router)
    assert 'there it is in the package frr: set depends="frr"' in str(net.ec.failure(router))


CONTROLLER = textwrap.dedent("""
    import sys
    from engine import ExperimentController
    from rms.netns import Emulation, Frr, Node

    ec = ExperimentController("exp", local_dir=sys.argv[1])
    router = ec.add(Frr(ospf_areas={"eth0": "0"}), on=ec.add(Node(hostname="a"), on=ec.add(Emulation())))
    print(ec.run_dir, flush=True)
    ec.deploy()
    print("up" if ec.wait_started(router) else "failed", flush=True)
    sys.stdin.read()
""")


@needs_frr
@pytest.mark.torture
def test_it_goes_on_without_its_controller_and_is_found_by_the_next_one(network, runs, home):
    command = [sys.executable, "-c", CONTROLLER, home]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        runs.append(run_dir := Path(process.stdout.readline().strip()))
        said = process.stdout.readline()
        process.kill()
    assert said == "up\n", replay.explain(run_dir, 3)
    with ExperimentController.reconnect(run_dir) as ec:
        (router,) = ec.get_resources_by_type("netns::Frr")
        assert ec.state(router) is ResourceState.STARTED
        assert json.loads(ec.trace(router, "neighbours")) == {"ospf": {"neighbors": {}}}
        ec.stop(router)
        assert ec.exit_code(router) == 0
    assert replay.check(run_dir) == []


@needs_frr
@pytest.mark.torture
class TestFrr(ResourceContract):
    @pytest.fixture
    def resource(self):
        return Frr(ospf_areas={"eth0": "0"})

    @pytest.fixture
    def others(self):
        return [Emulation(), Node(hostname="a")]
