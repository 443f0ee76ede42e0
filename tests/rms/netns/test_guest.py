"""What the kernel of this machine may lack is tried in a guest that has it: the same tests, under another kernel."""

import sys

import pytest

from tests.platform import uml

pytestmark = [
    pytest.mark.slow,
    pytest.mark.torture,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(uml.why_not() is not None, reason=str(uml.why_not())),
]

MODULES = ("veth", "sch_netem", "sch_tbf", "sch_ingress", "cls_bpf", "bridge", "tun", "vxlan", "ip_gre", "ip6_gre")


def in_guest(*args):
    """Has pytest run in a guest; what it says. That no test was chosen is an error, too."""
    pytest_there = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--color=no", "-m", "not torture"]
    ended = uml.run([*pytest_there, *args], MODULES, timeout=1500)
    assert ended.code == 0, ended.output
    return ended.output


def test_links_do_to_frames_by_netem_what_they_do_by_a_relay():
    assert " passed" in in_guest("tests/rms/netns/test_impairing.py", "-k", "netem")


def test_nodes_are_limited_by_control_groups_of_the_second_version():
    assert "skipped" not in in_guest("tests/rms/netns/test_limiting.py")


def test_switches_keep_vlans_apart():
    assert "skipped" not in in_guest("tests/rms/netns/test_switching.py", "-k", "vlan")


def test_tunnels_are_those_of_the_kernel():
    assert "skipped" not in in_guest("tests/rms/netns/test_tunnel.py", "-k", "gre or vxlan")
