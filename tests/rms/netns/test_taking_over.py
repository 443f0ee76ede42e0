"""The controller is killed; networks and what runs in them go on, and are found or cleared away without a trace."""

import os
import random
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pytest

import replay
from engine import ExperimentController, ResourceState
from engine.rm.outcomes import Alive
from rms.netns import Interface, Link
from tests.rms.netns.conftest import Held, look

pytestmark = pytest.mark.slow

CONTROLLER = textwrap.dedent("""
    import sys
    from engine import ExperimentController
    from rms.linux import Application
    from rms.netns import Emulation, Interface, Link, Node

    ec = ExperimentController("exp", local_dir=sys.argv[1])
    emulation = ec.add(Emulation())
    nodes = [ec.add(Node(hostname=name), on=emulation) for name in ("a", "b")]
    ends = [ec.add(Interface(name="eth0", addresses=[f"10.0.0.{n}/24"]), on=node) for n, node in enumerate(nodes, 1)]
    ec.add(Link(delay=0.001), on=ends)
    ec.add(Application(command="read -r word <$FIFO; ping -c 1 10.0.0.2 && echo $word", env={"FIFO": sys.argv[2]}),
           on=nodes[0])
    print(ec.run_dir, flush=True)
    ec.deploy()
    if sys.argv[3] == "up":
        ec.wait_started(list(ec.resources))
        print("up", flush=True)
    sys.stdin.read()
""")
A, APP = 2, 7


@pytest.fixture
def killed(network, runs, home, tmp_path):
    """`killed("up")` is the run of a controller that was killed when all was up; or so many seconds after it began."""
    os.mkfifo(tmp_path / "fifo")

    def killed(moment):
        command = [sys.executable, "-c", CONTROLLER, home, tmp_path / "fifo", str(moment)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            run_dir = Path(process.stdout.readline().strip())
            runs.append(run_dir)
            if moment == "up":
                assert process.stdout.readline() == "up\n"
            else:
                with pytest.raises(subprocess.TimeoutExpired):
                    process.wait(moment)
            process.kill()
        return run_dir

    return killed


def inside(run_dir):
    """The namespaces of the run, as those that hold them have noted: receipts can be lost."""
    pids = [note.read_text().split()[0] for note in run_dir.glob("node-1/*/run/node-*")]
    pids += [
        said.split()[1] for out in run_dir.glob("node-1/*/run/stdout") if (said := out.read_text())[:7] == "holder "
    ]
    held = Held()
    for pid in pids:
        held.add(pid)
    assert len(held.numbers()) == 3
    return held


def test_a_new_controller_finds_the_network_and_it_all_goes_on(killed, tmp_path):
    run_dir = killed("up")
    before = inside(run_dir)
    with ExperimentController.reconnect(run_dir) as ec:
        assert {ec.state(guid) for guid in ec.resources} == {ResourceState.STARTED}
        (tmp_path / "fifo").write_text("hello\n")
        assert ec.wait_finished(APP, timeout=30)
        assert ec.trace(APP, "stdout").endswith("hello\n")
        after = inside(run_dir)
        assert after.numbers() == before.numbers()
    assert before.let_go()
    assert after.let_go()
    assert replay.check(run_dir) == []


@pytest.mark.parametrize("moment", [0.01, 0.03, 0.05, 0.07, 0.1, 0.15])
def test_a_deployment_that_was_broken_off_is_brought_to_its_end_and_leaves_nothing(killed, tmp_path, moment):
    run_dir = killed(moment)
    with ExperimentController.reconnect(run_dir) as ec:
        new = [guid for guid in ec.resources if ec.state(guid) is ResourceState.NEW]
        if not replay.state(run_dir).groups:
            ec.deploy(new)
        assert ec.wait_started(list(ec.resources), timeout=30), [ec.failure(guid) for guid in ec.resources]
        (tmp_path / "fifo").write_text("hello\n")
        assert ec.wait_finished(APP, timeout=30)
        assert ec.exit_code(APP) == 0
        used = inside(run_dir)
    assert used.let_go()
    assert replay.check(run_dir) == []


def test_a_relay_whose_start_was_broken_off_is_started_under_another_name(killed):
    run_dir = killed("up")
    with ExperimentController.reconnect(run_dir) as ec:
        ends = [ec.add(Interface(name="eth1"), on=node) for node in (A, A + 1)]
        link = ec.add(Link(delay=0.001), on=ends)
        emulation = ec._session.manager(1)
        emulation.launcher.probe(f"relay-{link.guid}")  # nobody has begun it: so nobody can any more
        ec.deploy([*ends, link])
        assert ec.wait_started([*ends, link], timeout=30), ec.failure(link)
        if not emulation.has_netem:
            (held,) = Path(emulation.directory).glob("relay-*.name")
            assert isinstance(emulation.launcher.probe(held.read_text()), Alive)
    assert replay.check(run_dir) == []
    assert processes_of(run_dir) == []


def test_what_a_killed_controller_has_left_is_cleared_away_from_a_shell(killed):
    before = look()
    run_dir = killed("up")
    used = inside(run_dir)
    done = subprocess.run(
        [Path(sys.executable).with_name("netreel"), "release", run_dir], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert used.let_go()
    assert look() - before == set()
    assert replay.check(run_dir) == []


def test_a_node_that_died_with_its_controller_is_missed(killed):
    run_dir = killed("up")
    pid = replay.state(run_dir).resources[A].receipts["deploy"]["process"][0]
    subprocess.run(["kill", "-KILL", str(pid)], check=True)
    with ExperimentController.reconnect(run_dir) as ec:
        assert not ec.wait_finished(A, timeout=30)
        assert "its first process has ended" in str(ec.failure(A))


def test_a_controller_that_was_replaced_changes_nothing(network):
    net = network()
    a, _, one, _, _ = net.pair()
    net.up()
    later = net.ec.run_dir / f"node-{net.emulation.guid}" / "epochs" / "00000002"
    later.mkdir()
    net.ec.set(one, "mtu", 1300)
    assert not net.ec.wait_finished(one, timeout=30)
    assert "one of epoch 2 has taken over" in str(net.ec.failure(one))
    assert "mtu 1500" in net.run(a, "ip", "link", "show", "eth0")
    later.rmdir()


@pytest.mark.torture
@pytest.mark.timeout(1800)
def test_whenever_a_controller_is_killed_nothing_is_left_once_it_is_cleared_away(killed):
    chance = random.Random(6)
    for _ in range(40):
        before = look()
        run_dir = killed(chance.uniform(0, 0.3))
        with ExperimentController.reconnect(run_dir) as ec:
            if chance.random() < 0.5 and replay.state(run_dir).groups:
                assert ec.wait_started(list(ec.resources), timeout=30), [ec.failure(guid) for guid in ec.resources]
        assert replay.check(run_dir) == []
        assert look() - before == set()
        assert processes_of(run_dir) == []


def processes_of(run_dir):
    """The command lines that name the run: of holders, nodes, relays, and for a while of who was just asking one."""
    deadline = time.monotonic() + 20
    while (found := _named(run_dir)) and time.monotonic() < deadline:
        threading.Event().wait(0.05)
    return found


def _named(run_dir):
    said = subprocess.run(["pgrep", "-a", "-f", run_dir.name], capture_output=True, text=True, check=False).stdout
    return said.splitlines()
