"""Files of containerlab become descriptions, and what cannot be had is named with its lines."""

import warnings
from pathlib import Path

import pytest

from engine import ExperimentWarning
from engine.core.states import ResourceAction, ResourceState
from engine.description import BadDescription, foreign, problems, read
from rms.netns import containerlab

pytestmark = pytest.mark.slow

EXAMPLE = Path(__file__).parents[3] / "examples" / "netns" / "routers.clab.yml"
START, STARTED, STOPPED = ResourceAction.START, ResourceState.STARTED, ResourceState.STOPPED


def lab(text, path=Path("/lab/x.clab.yml")):
    """What a topology comes to: resources by what they are called, and the description."""
    indented = "".join(f"  {line}\n" for line in text.strip("\n").splitlines())
    found = containerlab.read(f"name: x\ntopology:\n{indented}", path)
    assert problems(found) == ()
    return {it.label or f"{it.rtype} {it.guid}": it for it in found.resources}, found


def refused(text, path=Path("/lab/x.clab.yml")):
    with pytest.raises(BadDescription) as caught:
        containerlab.read(text, path)
    return list(caught.value.problems)


def test_nodes_links_and_commands_are_described():
    by_name, found = lab("""
nodes:
  a:
    kind: linux
    exec: [ip address add 10.0.0.1/24 dev eth1, hostname]
  b: {kind: linux, cpu: 0.5, memory: 1.5GiB}
links:
  - endpoints: [a:eth1, b:eth1]
    mtu: 1400
""")
    assert by_name["a"].attributes == {"hostname": "a", "forwarding": True}
    assert by_name["b"].attributes == {"hostname": "b", "forwarding": True, "cpu": 0.5, "memory": 1610612736}
    assert by_name["a:eth1"].attributes == {"name": "eth1", "addresses": [], "mtu": 1400}
    assert set(by_name["a:eth1"].connections) == {by_name["a"].guid, by_name["netns::Link 8"].guid}
    first, second = by_name["a: exec 1"], by_name["a: exec 2"]
    assert second.attributes == {"command": "hostname", "env": {}, "critical": False}
    assert [(it.guids, it.action, it.on, it.state) for it in found.conditions] == [
        ((second.guid,), START, (first.guid,), STOPPED)
    ]
    assert found.remarks == ()


def test_what_is_said_of_all_of_a_kind_or_group_holds_until_a_node_says_otherwise():
    by_name, _ = lab("""
defaults: {kind: linux, env: {A: 1, B: 1, C: 1}, exec: [one]}
kinds:
  linux: {env: {B: 2, C: 2}, exec: [two]}
groups:
  edge: {env: {C: 3}, cpu: 2}
nodes:
  a: {group: edge, exec: [three]}
  s: {kind: bridge}
""")
    assert by_name["a: exec 3"].attributes["env"] == {"A": "1", "B": "2", "C": "3"}
    assert [by_name[f"a: exec {n}"].attributes["command"] for n in (1, 2, 3)] == ["one", "two", "three"]
    assert by_name["a"].attributes["cpu"] == 2
    assert by_name["s"].rtype == "netns::Switch"


def test_links_can_be_written_in_full_and_lead_to_bridges():
    by_name, _ = lab("""
nodes:
  a: {kind: linux}
  s: {kind: bridge}
links:
  - type: veth
    endpoints:
      - {node: a, interface: eth1, mac: 02:00:00:00:00:01, ipv4: 10.0.0.1/24}
      - {node: s, interface: eth1}
  - endpoints: [a:eth2, s:eth2]
    ipv4: [10.0.1.1/24]
    ipv6: [fd00::1/64]
""")
    assert by_name["a:eth1"].attributes == {"name": "eth1", "addresses": ["10.0.0.1/24"], "mac": "02:00:00:00:00:01"}
    assert by_name["a:eth2"].attributes["addresses"] == ["10.0.1.1/24", "fd00::1/64"]
    assert by_name["s:eth1"].attributes == {}


def test_a_node_is_prepared_first_then_runs_its_command_then_the_others(tmp_path):
    (tmp_path / "mine").write_text("127.0.0.1 mine\n")
    by_name, found = lab(
        """
nodes:
  a:
    kind: linux
    binds: [mine:/etc/hosts:ro]
    sysctls: {net.ipv4.tcp_ecn: 1}
    entrypoint: sleep
    cmd: 100
    exec: [hostname]
""",
        tmp_path / "x.clab.yml",
    )
    prepare, command, last = (by_name[f"a: {what}"] for what in ("prepare", "cmd", "exec 1"))
    assert prepare.attributes["command"].splitlines() == [
        "set -e",
        "echo 1 >/proc/sys/net/ipv4/tcp_ecn",
        f"mount --bind {tmp_path}/mine /etc/hosts",
        "mount -o remount,bind,ro /etc/hosts",
    ]
    assert command.attributes["command"] == "sleep 100"
    assert [(it.guids, it.on, it.state) for it in found.conditions] == [
        ((command.guid,), (prepare.guid,), STOPPED),
        ((last.guid,), (command.guid,), STARTED),
    ]


def test_what_concerns_containers_is_left_out_and_named():
    _, found = lab("""
nodes:
  a: {kind: linux, image: alpine, network-mode: none}
  b:
    kind: linux
    image: alpine
    ports: ["80:80"]
""")
    assert found.remarks == (
        "there are no containers, nodes have the files of the machine; left out: image (line 4, 7); ports (line 8)",
    )


def test_all_that_cannot_be_had_is_named_at_once():
    text = """\
name: x
topology:
  nodes:
    a: {kind: nokia_srlinux}
    b:
      kind: linux
      startup-config: x
      binds: [nowhere:/etc/hosts, half]
      memory: lots
      network-mode: host
      sysctls: {kernel.pid_max: 4}
      exec: ["echo ${X}"]
    c: {kind: linux}
    d:
  links:
    - endpoints: [b:eth1, c:eth1]
    - endpoints: [b:eth1, host:x]
    - endpoints: [c]
    - endpoints: [c, b]
    - type: vxlan
  wires: []
"""
    assert refused(text) == [
        "line 4: node a has the kind nokia_srlinux; here there are those of linux and bridge",
        f"line 7: startup-config of node b cannot be had here; known are {', '.join(sorted(containerlab._NODE))}",
        "line 8: bind 'half': write it as SOURCE:/TARGET, or SOURCE:/TARGET:ro",
        "line 8: bind 'nowhere:/etc/hosts': there is no /lab/nowhere",
        "line 9: memory 'lots' is no size; write it as 512MB or 1GiB",
        "line 10: network-mode host: each node has a network of its own; leave it out",
        "line 11: sysctl kernel.pid_max is that of the whole machine; a node has those of net.",
        "line 12: 'echo ${X}': containerlab puts in variables itself; write what they are",
        "line 14: node d has no kind; here there are those of linux and bridge",
        "line 17: endpoint b:eth1 is that of another link already, in line 16",
        "line 17: endpoint host:x: there is no node host, and no way out of the lab",
        "line 18: a link has two endpoints, not 1",
        "line 19: endpoint 'b': write it as NODE:INTERFACE",
        "line 19: endpoint 'c': write it as NODE:INTERFACE",
        "line 20: a link of type vxlan leads out of the lab; here there are those of veth",
        "line 21: wires of topology cannot be had here; known are defaults, groups, kinds, links, nodes",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "line 1: the file is missing"),
        ("name: x\n  y: [\n", "line 2: this is no YAML: mapping values are not allowed here"),
        ("name: x\nname: y\n", "line 2: 'name' is there already, in line 1; say it once"),
        ("- x", "line 1: here stands"),
        ("name: [a]\ntopology: 7\n", "line 2: here stands 7; it takes names, each with a colon and what it is"),
        ("name: x\ntopology: {nodes: {a: {kind: linux, exec: x}}}", "line 2: exec is a list, not 'x'"),
        ("name: x\ntopology: &a {nodes: *a}", "this is no YAML"),
        ("a: \x00", "this is no YAML"),
    ],
)
def test_what_is_no_such_file_is_refused(text, why):
    assert any(why in problem for problem in refused(text))


def test_such_files_are_known_by_their_names(tmp_path):
    assert {".clab.yml", ".clab.yaml"} <= set(foreign.endings())
    path = tmp_path / "x.clab.yaml"
    path.write_text("name: x\ntopology: {nodes: {a: {kind: linux, cpu: many}}}")
    assert [it[:40] for it in problems(read(path))] == [f"{path}: line 2: #2 netns::Node (a): "[:40]]


def test_a_script_that_loads_one_is_told_what_was_left_out(ec, tmp_path):
    path = tmp_path / "x.clab.yml"
    path.write_text("name: x\ntopology: {nodes: {a: {kind: linux, image: alpine}}}")
    with pytest.warns(ExperimentWarning, match=r"left out: image \(line 2\)"):
        ec.load(path, local_dir=tmp_path)


@pytest.mark.slow
def test_the_example_runs(network):
    net = network()
    net.ec.shutdown()
    with warnings.catch_warnings():
        net.ec = type(net.ec).load(EXAMPLE, local_dir=net.ec.local_dir)
    net.ec.deploy()
    commands = [guid for guid in net.ec.resources if net.ec.rtype(guid) == "linux::Application"]
    assert net.ec.wait_finished(commands, timeout=60), net.failures()
    assert {net.ec.exit_code(guid) for guid in commands} == {0}
    assert "1 received" in net.ec.trace("pc1: exec 3", "stdout")
