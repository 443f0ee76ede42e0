"""What runs in a node has so much memory and so much of the processors, and no more."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from engine import BadAttribute, ResourceState
from rms.linux.application import Application
from rms.netns import Node
from rms.netns._limiting import _SCRIPT
from tests.rms.netns.conftest import AS_NOBODY

pytestmark = pytest.mark.slow


def limits(*args, user=()):
    """Runs the script that makes and removes control groups, by hand."""
    command = [*user, "sh", "-c", _SCRIPT, "sh", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture
def groups(tmp_path):
    """What `limits` says of control groups that it has made here; they are removed at the end."""
    made = limits("make", tmp_path / "note", f"netreel-test-{os.getpid()}", 2**24, 200)
    yield made
    limits("remove", tmp_path / "note")


@pytest.fixture
def limited(network, groups):
    """`limited(memory=2**24)` is a node that is so limited, and its network."""
    if groups.returncode:
        pytest.skip(groups.stderr)

    def make(**attributes):
        net = network()
        return net, net.node("a", **attributes)

    return make


def held(group):
    """What the kernel holds of the limits of a control group, in bytes or in processors."""
    read = {path.name: path.read_text().split() for path in Path(group).glob("*.*") if path.name in FILES}
    match read:
        case {"memory.limit_in_bytes": [memory]} | {"memory.max": [memory], "cpu.max": ["max", _]}:
            return int(memory)
        case {"cpu.cfs_quota_us": [quota], "cpu.cfs_period_us": [period]} | {"cpu.max": [quota, period]}:
            return int(quota) / int(period)


FILES = ("memory.limit_in_bytes", "memory.max", "cpu.cfs_quota_us", "cpu.cfs_period_us", "cpu.max")


def run(net, node, text):
    app = net.ec.add(Application(command=text, critical=False), on=node)
    net.ec.deploy([app])
    net.ec.wait_finished(app, timeout=60)
    assert net.ec.state(app) in (ResourceState.STOPPED, ResourceState.FAILED)
    return app


def test_a_command_that_takes_more_memory_is_killed_and_the_node_goes_on(limited):
    net, node = limited(memory=2**26)
    net.up()
    (group,) = net.receipt(node.guid)["groups"]
    assert held(group) == 2**26
    big = run(net, node, "head -c 200M /dev/zero | tail")  # which keeps the last line, and there is but one
    assert (net.ec.exit_code(big), net.ec.trace(big, "stdout")) == (137, "")
    small = run(net, node, "head -c 1M /dev/zero | tail | wc -c")
    assert (net.ec.exit_code(small), net.ec.trace(small, "stdout")) == (0, f"{2**20}\n")


def test_processors_are_limited_for_all_that_runs_in_a_node(limited):
    net, node = limited(cpu=0.2)
    net.up()
    (group,) = net.receipt(node.guid)["groups"]
    assert held(group) == 0.2
    app = run(net, node, "cat /proc/self/cgroup")
    assert f"/{Path(group).name}\n" in net.ec.trace(app, "stdout")


@pytest.mark.parametrize("killed", [False, True])
def test_with_the_network_its_control_groups_are_gone(limited, killed):
    net, node = limited(memory=2**24, cpu=1.5)
    net.ec.add(Application(command="exec sleep 1000", critical=False), on=node)
    net.up()
    groups = [Path(each) for each in net.receipt(node.guid)["groups"]]
    assert all(each.is_dir() for each in groups)
    if killed:
        os.kill(net.holder(), signal.SIGKILL)
        assert not net.ec.wait_finished(net.emulation, timeout=30)
    net.ec.shutdown()
    assert not any(each.exists() for each in groups)


def test_they_can_be_made_and_removed_twice(groups, tmp_path):
    if groups.returncode:
        pytest.skip(groups.stderr)
    again = limits("make", tmp_path / "note", f"netreel-test-{os.getpid()}", 2**24, 200)
    assert again.stdout == groups.stdout
    assert [limits("remove", tmp_path / "note").returncode for _ in range(2)] == [0, 0]


def test_who_may_not_make_a_control_group_is_told_where_and_what_is_needed(users_directory):
    refused = limits("make", users_directory / "note", "netreel-test", 2**24, "", user=AS_NOBODY)
    assert refused.returncode == 1
    assert "root is needed, or a group of one's own" in refused.stderr or "has the controller" in refused.stderr


@pytest.mark.parametrize("wrong", [{"memory": 1000}, {"cpu": 0}, {"cpu": -1}])
def test_limits_that_nothing_can_run_in_are_refused(wrong):
    with pytest.raises(BadAttribute, match="at least"):
        Node(hostname="a", **wrong)
