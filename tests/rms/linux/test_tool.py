"""Typed attributes become options, each value as it is."""

import re
import shlex

import pytest

import replay
from engine import BadAttribute, ResourceFactory, ResourceState
from rms.linux._tool import Option
from rms.linux.iperf3 import Iperf3, UdpTest
from rms.linux.nping import NPing
from rms.linux.ping import Ping
from rms.linux.tcpdump import Tcpdump
from rms.linux.traceroute import Mtr, Traceroute
from rms.linux.web import Http
from tests.rms.linux.conftest import TOOLS

PATIENCE = 20

NEPI = {
    "linux::Ping": """count interval target address packetSize ttl tos mark preload pattern deadline timeout hint
        timestamp numeric quiet recordRoute routeBypass fullLatency verbose flood sendBuff printTimestamp earlyStart""",
    "linux::Traceroute": "target continuous useIP printTimestamp earlyStart",
    "linux::Mtr": "target reportCycles noDns address interval continuous printTimestamp earlyStart",
    "linux::NPing": "target c e delay rate ttl p tcp udp icmp arp traceroute continuous printTimestamp",
    "linux::UdpTest": "s target b i l p q t",
    "linux::Tcpdump": """A b B c C d dd ddd D e F G i I j K l U n N S s T t tt ttt tttt ttttt v vv vvv w expression
        sudo""",
    "linux::Application": """command env sudo stdin sources files libs bins code build install depends tearDown
        forwardX11 splitStderr critical hardRelease""",
    "linux::Node": """hostname username port identity gateway gatewayUser home cleanHome cleanExperiment tearDown
        critical hardRelease""",
}


@pytest.mark.parametrize("rtype", NEPI)
def test_the_names_of_nepi_are_known(rtype, ec):
    cls = ResourceFactory.get_resource_type(rtype)
    plain = {name.replace("_", "").lower() for name in cls.declared()} | set(cls.declared())
    assert [name for name in NEPI[rtype].split() if name not in plain and name.lower() not in plain] == []


@pytest.mark.parametrize(
    ("described", "command"),
    [
        (Ping(target="h", count=3, interval=0.2, quiet=True), "ping -c 3 -i 0.2 -q h"),
        (Ping(target="h", interval=2.0, timeout="1"), "ping -W 1 -i 2 h"),
        (Traceroute(target="h", use_ip=True, sport=99, packet_size=100), "traceroute -n --sport=99 h 100"),
        (Mtr(target="h", report_cycles=2, no_dns=True), "mtr --json -c 2 -n h"),
        (NPing(target="h", tcp=True, p="80,443", c=1), "nping --tcp -c 1 -p 80,443 h"),
        (
            Tcpdump(i="eth0", w="a b.pcap", Z="nobody", expression="host h"),
            "tcpdump -B 65536 -i eth0 --immediate-mode -U -w 'a b.pcap' -Z nobody -- 'host h'",
        ),
        (Tcpdump(B=100, c=1), "tcpdump -B 100 -c 1 --immediate-mode -U"),
        (Tcpdump(immediate_mode=False, U=False), "tcpdump"),
        (Iperf3(server=True, one_off=True), "iperf3 -s -J -1"),
        (Iperf3(client="h", xbind=["a", "b"], time=1), "iperf3 -c h -J -X a -X b -t 1"),
        (UdpTest(target="h", p=5, l=100), "iperf3 -J -u -c h -p 5 -l 100"),
        (
            Http(server=True, port=80, bind_address="::"),
            'python3 -u -m http.server 80 --directory "${SHARE}" --bind ::',
        ),
    ],
)
def test_a_command_has_the_options_that_were_set(described, command):
    assert command in [line.removeprefix("exec ") for line in described.command_line().splitlines()]


def test_values_arrive_as_typed_but_for_the_places_on_the_host():
    nasty = 'it\'s "$(id)" `id` $HOME \\ größe\n${OTHER}'
    words = shlex.split(Tcpdump(Z="x", w=nasty).command_line())
    assert words[words.index("-w") + 1] == nasty
    assert "-w ${SHARE}\"'/a b'" not in Tcpdump(Z="x", w="${SHARE}/a b").command_line()
    assert "-w \"${SHARE}\"'/a b'" in Tcpdump(Z="x", w="${SHARE}/a b").command_line()


def test_each_flag_stands_once_in_a_type():
    for tool in TOOLS:
        flags = [each.flag for each in tool.declared().values() if isinstance(each, Option)]
        assert len(flags) == len(set(flags))


@pytest.mark.parametrize("target", ["-oops", "", "--help"])
def test_no_target_is_taken_for_an_option(target):
    with pytest.raises(BadAttribute, match="is no name or address"):
        Ping(target=target)


def test_what_cannot_be_set():
    with pytest.raises(BadAttribute, match="early_start is one of False"):
        Ping(target="h", early_start=True)
    with pytest.raises(BadAttribute, match="at most 255"):
        Ping(target="h", ttl=256)
    with pytest.raises(BadAttribute, match="from 0 to 255"):
        Ping(target="h", ok_codes=[256])


def test_rounds_are_repeated_with_a_time_before_each():
    command = Traceroute(target="h", continuous=True, print_timestamp=True).command_line()
    assert command == "while :; do date +%s.%N; traceroute h; sleep 2; done"


@pytest.mark.slow
def test_a_tool_that_is_missing_is_named_with_its_package(one, monkeypatch):
    monkeypatch.setattr(Ping, "program", "no-such-ping")
    ping = one.register_resource("linux::Ping", target="h", connectedTo=1)
    one.deploy()
    one.wait_finished(ping, timeout=PATIENCE)
    message = replay.state(one.run_dir).resources[ping].error["message"]
    assert re.search(r"no-such-ping is not on localhost; there it is in the package iputils.*: set depends=", message)


@pytest.mark.slow
@pytest.mark.parametrize("rtype", ["linux::Iperf3", "linux::UdpTest", "linux::Http"])
def test_one_end_must_be_chosen(one, rtype):
    tool = one.register_resource(rtype, connectedTo=1)
    one.deploy()
    one.wait_finished(tool, timeout=PATIENCE)
    assert one.state(tool) is ResourceState.FAILED
    assert "either the server or" in replay.state(one.run_dir).resources[tool].error["message"]
