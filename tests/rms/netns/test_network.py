"""Nodes are linked, and what runs in them runs as on any host."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

import eventlog
from engine import BadAttribute, BadConnection, BadState, Ended, ResourceState, UsageError
from engine.core.states import Step
from engine.rm.fetching import fetch
from engine.testing.bench import Bench
from replay.traces import Traces
from replay.views import fold
from rms.linux.application import Application
from rms.linux.ping import Ping
from rms.netns import Emulation, Interface, Link, Node
from rms.netns._batch import Make, Place, Question
from tests.rms.netns.conftest import namespace

pytestmark = pytest.mark.slow


def finished(net, *resources):
    assert net.ec.wait_finished(list(resources), timeout=30), net.failures()


def test_two_nodes_reach_each_other_by_both_versions_of_ip(network):
    net = network()
    a, *_ = net.pair()
    four = net.ec.add(Ping(target="10.0.0.2", count=1), on=a)
    six = net.ec.add(Ping(target="fd00::2", count=1), on=a)
    net.up()
    finished(net, four, six)
    assert [net.ec.exit_code(four), net.ec.exit_code(six)] == [0, 0]


def test_a_node_has_a_name_and_processes_of_its_own_and_the_files_of_the_host(network):
    net = network()
    node = net.node("r1.lab")
    app = net.ec.add(Application(command="hostname; ls -d /proc/[0-9]* | wc -l; pwd; ls /sys/class/net"), on=node)
    net.up()
    finished(net, app)
    name, processes, place, *interfaces = net.ec.trace(app, "stdout").split()
    assert (name, interfaces) == ("r1.lab", ["lo"])
    assert int(processes) < 8
    assert place.startswith(str(net.ec.run_dir))
    files = Path(f"/proc/{net.pid(node)}/fd")
    assert {each.name: str(each.readlink()) for each in files.iterdir()} == dict.fromkeys("012", "/dev/null")


def test_a_node_that_is_asked_for_again_while_it_is_made_is_made_once(network):
    net = network()
    net.up()
    emulation = net.ec._session.manager(net.emulation.guid)
    requests, got = Path(emulation.directory, "requests"), []
    pause(net.holder())
    threads = [threading.Thread(target=lambda: got.append(emulation._ask(Make(99, "r1")))) for _ in range(2)]
    for thread in threads:
        thread.start()
    while len([each for each in requests.iterdir() if each.name[0] != "."]) < 2:
        threading.Event().wait(0.001)
    os.kill(net.holder(), signal.SIGCONT)
    for thread in threads:
        thread.join(10)
    one, two = got
    assert one == two
    children = subprocess.run(["pgrep", "-P", str(net.holder())], capture_output=True, text=True, check=True).stdout
    assert children.split() == [str(one.pid)]


def test_a_node_that_cannot_be_noted_leaves_no_process(network):
    net = network()
    net.up()
    node = net.node("a", critical=False)
    token = net.ec._session.read(lambda world: world.resources[net.emulation.guid].tokens)["deploy"]
    (net.ec.run_dir / f"node-{net.emulation.guid}" / token / "run" / f"node-{node.guid}").mkdir()
    net.ec.deploy([node])
    assert not net.ec.wait_started(node)
    assert f"making node #{node.guid}" in str(net.ec.failure(node))
    del net.nodes["a"]
    deadline = time.monotonic() + 20
    while (left := children(net.holder())) and time.monotonic() < deadline:  # it was killed, and is yet to be buried
        threading.Event().wait(0.01)
    assert left == ""


def pause(pid):
    """Stop a process; all its threads have stopped when this returns."""
    os.kill(pid, signal.SIGSTOP)
    while any("\nState:\tT" not in (each / "status").read_text() for each in Path(f"/proc/{pid}/task").iterdir()):
        threading.Event().wait(0.001)


def children(pid):
    """What `pgrep` says of the processes that one has begun."""
    return subprocess.run(["pgrep", "-P", str(pid)], capture_output=True, text=True, check=False).stdout


def test_what_runs_in_a_node_is_given_what_it_is_given_elsewhere(network):
    net = network()
    node = net.node("a")
    text = 'read -r line; echo "$line $A $#"; echo $(cd "$RUN_HOME" && pwd) >&2; nonsense; exit 7'
    app = net.ec.add(Application(command=text, stdin="in\n", env={"A": "x y"}, ok_codes=[7]), on=node)
    net.up()
    finished(net, app)
    assert net.ec.trace(app, "stdout") == "in x y 0\n"
    home, complaint = net.ec.trace(app, "stderr").splitlines()
    assert home.startswith(str(net.ec.run_dir))
    assert "command: 1: nonsense: not found" in complaint


def test_a_status_is_that_of_the_command_also_when_it_is_told_to_stop(network):
    net = network()
    node = net.node("a")
    text = "trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.01; done"
    app = net.ec.add(Application(command=text), on=node)
    net.up()
    net.await_lines(net.output(app), 1)
    net.ec.stop(app)
    assert net.ec.exit_code(app) == 3
    assert net.ec.trace(app, "stdout").endswith("asked\n")


def test_builds_run_on_the_machine_and_not_in_the_node(network):
    net = network()
    node = net.node("far")
    app = net.ec.add(Application(command='cat "$APP_HOME/name"', build="hostname >name"), on=node)
    net.up()
    finished(net, app)
    assert net.ec.trace(app, "stdout").strip() == os.uname().nodename


def test_what_was_written_in_a_node_is_fetched_also_after_the_node_is_gone(network, tmp_path):
    net = network()
    app = net.ec.add(Application(command="echo kept"), on=net.node("a"))
    net.up()
    finished(net, app)
    net.ec.shutdown()
    with eventlog.open(net.ec.run_dir) as log:
        traces = Traces(net.ec.run_dir, fold(net.ec.run_dir, log))
    fetch(traces.reader(traces.world.resources[app.guid], "stdout"), tmp_path / "out")
    assert (tmp_path / "out").read_text() == "kept\n"


def test_facts_are_those_of_the_machine_with_the_name_of_the_node(network):
    net = network()
    node = net.node("a")
    net.up()
    facts = net.ec.trace(node, "facts")
    assert '"hostname": "a"' in facts
    assert '"privilege": "root"' in facts


def test_an_interface_is_what_was_asked_for(network):
    net = network()
    a, b = net.node("a"), net.node("b")
    one = net.interface(a, "left", mac="02:00:00:00:00:77", mtu=1400, addresses=["10.1.0.1/30"])
    two = net.interface(b, "", up=False)
    net.ec.add(Link(), on=[one, two])
    net.up()
    said = net.run(a, "ip", "address", "show", "left")
    assert "mtu 1400" in said
    assert "link/ether 02:00:00:00:00:77" in said
    assert "inet 10.1.0.1/30 brd 10.1.0.3" in said
    assert "state DOWN" in net.run(b, "ip", "link", "show", f"eth{two.guid}")


def test_what_was_changed_is_what_the_kernel_holds(network):
    net = network()
    a, _, one, _, _ = net.pair()
    net.up()
    net.ec.set(one, "addresses", ["10.0.0.9/24", "fd00::1/64"])
    net.ec.set(one, "mtu", 1300)
    net.ec.set(one, "up", False)
    net.await_changes(one, 3)
    assert "state DOWN" in net.run(a, "ip", "link", "show", "eth0")
    net.ec.set(one, "up", True)
    changes = net.await_changes(one, 4)
    said = net.run(a, "ip", "address", "show", "eth0")
    assert "inet 10.0.0.9/24" in said
    assert "10.0.0.1/24" not in said
    assert "inet6 fd00::1/64" in said
    assert "mtu 1300" in said
    assert [(each["attribute"], each["value"]) for each in changes[2:]] == [("up", False), ("up", True)]
    assert all(each["begun"] < each["done"] for each in changes)


def test_a_link_that_is_released_is_gone_and_the_nodes_go_on(network):
    net = network()
    a, b, one, two, link = net.pair()
    net.up()
    net.ec.release([link, one, two])
    for node in (a, b):
        assert net.run(node, "ip", "-o", "link").count("\n") == 1


def test_a_node_that_is_released_takes_its_processes_with_it(network):
    net = network()
    a, b = net.node("a"), net.node("b")
    app = net.ec.add(Application(command="setsid sleep 1000 & exec sleep 1000"), on=a)
    net.up()
    pid = net.pid(a)
    net.ec.release([app, a])
    assert namespace(Path(f"/proc/{pid}")) is None
    assert net.ec.state(b) is ResourceState.STARTED


def test_who_enters_the_emulation_by_its_process_is_there_also_while_that_does_something_in_a_node(network):
    net = network()
    a = net.node("a")
    net.up()
    holder, node = (Path(f"/proc/{net.pid(each)}/ns/net").readlink() for each in (net.emulation, a))
    place = Place(*net.receipt(a.guid)["process"])
    look = Question(place, ("readlink", f"/proc/{net.holder()}/ns/net", "/proc/self/ns/net"))
    (said,) = net.ec._session.manager(net.emulation.guid).ask(look)
    assert said.split() == [str(holder), str(node)]


# --- what can go wrong ----------------------------------------------------------------------------------------------


def test_a_node_whose_first_process_is_killed_has_failed_and_what_ran_in_it_has_a_status(network):
    net = network()
    node = net.ec.add(Node(hostname="a", critical=False), on=net.emulation)
    net.nodes["a"] = node
    app = net.ec.add(Application(command="echo up; exec sleep 1000", critical=False), on=node)
    net.up()
    net.await_lines(net.output(app), 1)
    os.kill(net.pid(node), signal.SIGKILL)
    finished(net, node, app)
    assert "its first process has ended" in str(net.ec.failure(node))
    assert net.ec.exit_code(app) == 137


def test_an_emulation_whose_process_is_killed_has_failed(network):
    net = network()
    net.up()
    os.kill(net.holder(), signal.SIGKILL)
    assert not net.ec.wait_finished(net.emulation, timeout=30)
    assert "has ended, and all that was in them" in str(net.ec.failure(net.emulation))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"name": "a-name-of-sixteen"}, "1 to 15 letters"),
        ({"name": "a b"}, "1 to 15 letters"),
        ({"mac": "01:00:00:00:00:01"}, "no MAC address of one interface"),
        ({"mac": "00:00:00:00:00:00"}, "no MAC address of one interface"),
        ({"mtu": 67}, "at least 68"),
        ({"addresses": ["10.0.0.1"]}, "write it as '10.0.0.1/24'"),
        ({"addresses": ["10.0.0.1/33"]}, "does not appear to be an IPv4 or IPv6 interface"),
        ({"addresses": ["10.0.0.1/24", "10.0.0.1/16"]}, "an address twice"),
    ],
)
def test_what_an_interface_cannot_be_is_refused_when_it_is_described(wrong, why):
    with pytest.raises(BadAttribute, match=why):
        Interface(**wrong)


@pytest.mark.parametrize("name", ["-a", "a.", "a b", "", "x" * 65])
def test_what_no_host_can_be_called_is_refused(name):
    with pytest.raises(BadAttribute, match="no name of a host"):
        Node(hostname=name)


def test_a_link_with_one_end_is_refused_before_anything_is_made(network):
    net = network()
    net.ec.add(Link(), on=net.interface(net.node("a")))
    with pytest.raises(UsageError, match="its 'ends' needs 2"):
        net.ec.deploy()
    assert net.ec.state(net.emulation) is ResourceState.NEW


def test_a_link_with_three_ends_is_refused(network):
    net = network()
    ends = [net.interface(net.node(name)) for name in "abc"]
    with pytest.raises(BadConnection, match="2 netns::Interface at the most"):
        net.ec.add(Link(), on=ends)


def refusal(net):
    """Why nothing is made; and nothing is: what says so is the first that is deployed, and leaves nothing running."""
    net.ec.deploy()
    assert not net.ec.wait_started(list(net.ec.resources), timeout=30)
    assert {net.ec.state(node) for node in net.nodes.values()} <= {ResourceState.FAILED, ResourceState.PROVISIONED}
    emulation = net.ec._session.manager(net.emulation.guid)
    assert Step.DEPLOY not in emulation.receipts
    assert isinstance(emulation.launcher.probe(emulation.tokens[Step.DEPLOY]), Ended)
    return str(net.ec.failure(net.emulation))


def test_an_address_twice_on_a_link_is_named_before_anything_is_made(network):
    net = network()
    ends = [net.interface(net.node(name), addresses=["10.0.0.1/24"]) for name in "ab"]
    net.ec.add(Link(), on=ends)
    assert f"#{ends[0].guid} eth0 and #{ends[1].guid} eth0, which hear each other, both have 10.0.0.1" in refusal(net)


def test_an_address_twice_on_switches_that_are_linked_is_named_before_anything_is_made(network):
    net = network()
    one, two = net.switch(), net.switch()
    net.link(net.interface(one, ""), net.interface(two, ""))
    for switch, name, address in ((one, "a", "fd00::1/64"), (two, "b", "fd00:0::1/48")):
        net.link(net.interface(net.node(name), addresses=[address]), net.interface(switch, ""))
    assert "both have fd00::1" in refusal(net)


def test_an_address_in_two_places_that_do_not_hear_each_other_is_nothing_wrong(network):
    net = network()
    for names in ("ab", "cd"):
        net.link(*(net.interface(net.node(name), addresses=[f"10.0.0.{n}/24"]) for n, name in enumerate(names, 1)))
    net.up()


def test_an_address_twice_on_a_link_that_comes_later_is_named(network):
    net = network()
    a, b = net.node("a"), net.node("b")
    net.up()
    link = net.ec.add(Link(), on=[net.interface(node, addresses=["10.0.0.1/24"]) for node in (a, b)])
    net.ec.deploy()
    assert not net.ec.wait_started(link, timeout=30)
    assert "both have 10.0.0.1" in str(net.ec.failure(link))


def test_a_name_twice_on_a_node_is_named_before_anything_is_made(network):
    net = network()
    a, b = net.node("a"), net.node("b")
    for name in ("one", "two"):
        net.link(net.interface(a), net.interface(b, name))
    assert "of node a are both called eth0" in refusal(net)


def test_what_cannot_be_is_also_named_if_its_controller_died_before_it_was(tmp_path, monkeypatch):
    bench = Bench(tmp_path)
    emulation = bench.add(Emulation())
    node = bench.add(Node(hostname="a"), [emulation])
    for _ in range(2):
        bench.add(Interface(name="eth0"), [node])
    emulation.perform(Step.PROVISION)
    with monkeypatch.context() as patch:
        patch.setattr("rms.netns._checking.check", lambda *_: None)
        emulation.perform(Step.DEPLOY, lose_receipt=True)
    bench.crash()
    with pytest.raises(BadState, match="of node a are both called eth0"):
        emulation.probe(Step.DEPLOY)
    bench.clear()


def test_a_name_twice_on_a_node_is_named_when_it_comes_later(network):
    net = network()
    a, *_ = net.pair()
    net.up()
    link = net.link(net.interface(a), net.interface(net.node("c")))
    net.ec.deploy()
    assert not net.ec.wait_started(link, timeout=30)
    assert [failure for failure in net.failures() if "eth0 is taken there" in failure]
