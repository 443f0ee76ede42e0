"""Switches of Open vSwitch."""

import shutil
from pathlib import Path

import pytest

from engine import BadAttribute, ResourceAction, ResourceState
from engine.testing.contract import ResourceContract
from rms.linux.application import Application
from rms.linux.iperf3 import Iperf3
from rms.netns import Emulation, Interface, OvsPort, OvsSwitch

pytestmark = pytest.mark.slow

needs_ovs = pytest.mark.skipif(
    not shutil.which("ovs-vswitchd", path="/usr/local/sbin:/usr/sbin:/usr/bin"),
    reason="no Open vSwitch here: apt-get install openvswitch-switch",
)


def ovs(net, **attributes):
    return net.ec.add(OvsSwitch(**attributes), on=net.emulation)


@needs_ovs
@pytest.mark.slow
def test_a_switch_keeps_vlans_apart_and_does_what_its_flows_say(network):
    net = network()
    vlans = enumerate((10, 10, 20), 1)
    switch = net.star(ovs(net), *(OvsPort(number=number, vlan=vlan) for number, vlan in vlans))
    net.up()
    assert net.reaches("a", "10.0.0.2")
    assert not net.reaches("a", "10.0.0.3")
    net.ec.set(switch, "flows", ["in_port=1 actions=drop", "priority=0 actions=NORMAL"])
    net.await_changes(switch, 1)
    assert not net.reaches("a", "10.0.0.2")
    net.ec.set(switch, "flows", [])
    net.await_changes(switch, 2)
    assert net.reaches("a", "10.0.0.2")
    assert "priority=0 actions=NORMAL" in net.ec.trace(switch, "rules")
    net.ec.stop(switch)
    assert "priority=0 actions=NORMAL" in net.ec.trace(switch, "rules")


@needs_ovs
@pytest.mark.torture
def test_tagged_frames_go_from_switch_to_switch(network):
    net = network()
    one, two = ovs(net), ovs(net)
    net.link(*(net.ec.add(OvsPort(tagged=[10, 20]), on=each) for each in (one, two)))
    for name, switch, vlan, number in (("a", one, 10, 1), ("b", two, 10, 2), ("c", two, 20, 3)):
        net.attach(switch, OvsPort(vlan=vlan), name, number)
    net.up()
    assert net.reaches("a", "10.0.0.2")
    assert not net.reaches("a", "10.0.0.3")


@needs_ovs
@pytest.mark.torture
def test_tcp_passes_though_hosts_leave_checksums_to_their_devices(network):
    net = network()
    net.star(ovs(net), OvsPort(), OvsPort())
    server = net.ec.add(Iperf3(server=True, one_off=True), on=net.nodes["a"])
    client = net.ec.add(Iperf3(client="10.0.0.1", bytes="20M", connect_timeout=5000), on=net.nodes["b"])
    net.ec.register_condition(client, ResourceAction.START, server, ResourceState.STARTED)
    net.up()
    assert net.ec.wait_finished([client, server], timeout=60), net.failures()


@needs_ovs
@pytest.mark.torture
def test_a_controller_in_a_node_hears_from_the_switch(network):
    net = network()
    switch = ovs(net, addresses=["10.0.0.100/24"], controllers=["tcp:10.0.0.1:6653"], fail_mode="secure")
    net.star(switch, OvsPort())
    program = "import socket; s = socket.create_server(('', 6653)); print(s.accept()[0].recv(8).hex(), flush=True)"
    controller = net.ec.add(Application(command=f'exec python3 -c "{program}"'), on=net.nodes["a"])
    net.up()
    assert net.ec.wait_finished(controller, timeout=60), net.failures()
    assert net.ec.trace(controller, "stdout")[2:4] == "00"  # OFPT_HELLO


@needs_ovs
@pytest.mark.torture
def test_what_is_released_is_forgotten_and_the_rest_goes_on(network):
    net = network()
    switch = net.star(ovs(net), OvsPort(), OvsPort())
    other = net.star(ovs(net), OvsPort(), OvsPort())
    net.up()
    around = [each for each in net.ec.resources if each < other.guid and not net.ec.rtype(each).endswith("tion")]
    net.ec.release(around)
    assert f"s{switch.guid}" not in net.run(net.emulation, "ip", "-o", "link")
    assert net.ec.state(other) is ResourceState.STARTED


@needs_ovs
@pytest.mark.torture
@pytest.mark.skipif(Path("/sys/module/openvswitch").exists(), reason="this kernel has Open vSwitch")
def test_a_kernel_without_open_vswitch_is_named(network):
    net = network()
    switch = net.ec.add(OvsSwitch(datapath="system"), on=net.emulation)
    net.ec.deploy()
    assert not net.ec.wait_started(switch)
    assert "the kernel has no Open vSwitch (module openvswitch)" in str(net.ec.failure(switch))


@needs_ovs
@pytest.mark.slow
def test_what_is_no_port_of_it_is_named(network):
    net = network()
    switch = net.ec.add(OvsSwitch(), on=net.emulation)
    wrong = net.ec.add(Interface(), on=switch)
    net.link(net.interface(net.node("a")), wrong)
    net.ec.deploy()
    assert not net.ec.wait_started(switch)
    assert f"#{wrong.guid} is a netns::Interface; what is connected to an OvsSwitch is an OvsPort" in str(
        net.ec.failure(switch)
    )


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"flows": ["in_port=1"]}, "'in_port=1' is no flow: write it as 'in_port=1 actions=output:2'"),
        ({"controllers": ["10.0.0.1"]}, "'10.0.0.1' is no controller: write it as 'tcp:10.0.0.1:6653'"),
        ({"addresses": ["here"]}, "'here' does not appear to be an IPv4 or IPv6"),
    ],
)
def test_what_cannot_be_is_refused_when_it_is_described(wrong, why):
    with pytest.raises(BadAttribute, match=why):
        OvsSwitch(**wrong)


@needs_ovs
@pytest.mark.torture
class TestOvsSwitch(ResourceContract):
    """It runs from its deployment on. To start it is to give it its rules, which can be done again at any time."""

    test_what_never_began_never_will = None
    test_what_runs_is_found_without_its_receipt = None

    @pytest.fixture
    def resource(self):
        return OvsSwitch(flows=["priority=0 actions=NORMAL"])

    @pytest.fixture
    def others(self):
        return [Emulation()]
