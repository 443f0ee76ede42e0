"""What is said to the kernel without ip comes to the same as if ip had said it."""

import json
import subprocess
import sys

import pytest

from rms.netns.netlink import Netlink, Unknown
from tests.rms.netns.conftest import why_not

pytestmark = [pytest.mark.slow, pytest.mark.skipif(why_not() is not None, reason=str(why_not()))]

SENTENCES = """\
link set lo up
link add e0 address 02:00:00:00:00:01 mtu 1400 type veth peer name e1 address 02:00:00:00:00:02
link add s1 type bridge forward_delay 0 stp_state 0 mcast_snooping 0
link set e1 master s1 addrgenmode none
link set s1 addrgenmode none up
link set e1 up
link set e0 gso_max_segs 1
link set e0 up
address replace 10.1.0.1/24 dev e0 brd +
address replace 10.2.0.1/24 dev e0 brd +
address replace 10.3.0.1/31 dev e0 brd +
address replace fd00::1/64 dev e0 nodad
address delete 10.2.0.1/24 dev e0
route replace default via 10.1.0.9 dev e0
route replace 10.7.0.0/16 via 10.1.0.9 dev e0 metric 7
route replace 10.8.0.0/16 dev e0
route replace fd77::/48 via fd00::9 dev e0
route replace fd88::/48 dev e0 metric 5
route replace 10.9.0.0/16 dev e0
route delete 10.9.0.0/16 dev e0
route delete fd88::/48 dev e0 metric 5
link set e0 mtu 1300
link set s1 type bridge forward_delay 200
link add e2 type veth peer name e3
link delete e2
"""
SAY = "import sys; from rms.netns.netlink import Netlink; n = Netlink(); [n.say(l) for l in sys.stdin]"
TRY = """\
import sys
from rms.netns.netlink import Netlink, Refused
try:
    Netlink().say(sys.argv[1])
except Refused as refused:
    print(refused.why)
"""
LOOK = "ip -j -d link; ip -j address; ip -j route; ip -j -6 route"


def state_after(*words):
    """What a new network looks like after a program was told the sentences."""
    script = f'"$@" || exit; {LOOK}'
    command = ["unshare", "--net", "sh", "-c", script, "sh", *words]
    done = subprocess.run(command, input=SENTENCES, capture_output=True, text=True, check=True)
    return [settled(json.loads(line)) for line in done.stdout.splitlines()]


def settled(told):
    """What is told, but for what comes and goes by itself a moment later."""
    if isinstance(told, dict):
        return {
            key: settled(value)
            for key, value in told.items()
            if key not in ("operstate", "flags", "preferred_life_time") and not key.endswith("_timer")
        } | {"up": "UP" in told.get("flags", [])}
    return [settled(each) for each in told] if isinstance(told, list) else told


def test_sentences_come_to_the_same_as_those_of_ip():
    mine, theirs = state_after(sys.executable, "-c", SAY), state_after("ip", "-batch", "-")
    assert len(mine) == 4
    for found, wanted in zip(mine, theirs, strict=True):
        assert found == wanted


@pytest.mark.parametrize(
    "sentence",
    [
        "link add a type vxlan id 1",
        "link set lo promisc on",
        "link set lo addrgenmode eui64",
        "link add a type bridge ageing_time 1",
        "link add a netns 12 type veth peer name b",
        "address replace 10.0.0.1/8 dev lo label x",
        "route replace default via fd00::1 dev lo table 7",
        "neighbour add 10.0.0.1 dev lo",
        "link set lo mtu many",
        "link set",
        "route replace 10.0.0.0/8",
        "link add e0 netns /nowhere/net type veth peer name e1",
    ],
)
def test_other_sentences_are_left_to_ip(sentence):
    network = Netlink()
    with pytest.raises(Unknown):
        network.say(sentence)
    network.close()


@pytest.mark.parametrize(
    ("sentence", "why"),
    [
        ("link delete gone", "No such device"),
        ("link set gone up", "No such device"),
        ("address delete 10.0.0.1/8 dev gone", 'Cannot find device "gone"'),
        ("link add lo type bridge", "File exists"),
        ("route delete 10.0.0.0/8 dev lo", "No such process"),
        ("address replace 10.0.0.1/33 dev lo", "Invalid argument: ipv4: Invalid prefix length"),
    ],
)
def test_the_kernel_is_quoted(sentence, why):
    command = ["unshare", "--net", sys.executable, "-c", TRY, sentence]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.startswith(why)
