"""Nodes and applications on real hosts, reached over SSH, with all that can go wrong there."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import eventlog
import replay
from engine import (
    CommandFailed,
    ExperimentController,
    ExperimentError,
    ResourceAction,
    ResourceState,
    TraceAttr,
    UsageError,
)
from rms import _patience
from rms.linux import application
from tests.platform.hosts import PATIENCE

pytestmark = pytest.mark.slow

STARTED, STOPPED, FAILED = ResourceState.STARTED, ResourceState.STOPPED, ResourceState.FAILED


@pytest.fixture(autouse=True)
def way(host_pool, monkeypatch):
    """By which the hosts are reached."""
    monkeypatch.setenv("NETREEL_SSH_CONFIG", str(host_pool.ssh_config))


@pytest.fixture
def far(ec, host):
    """A controller with a real host as #1."""
    made = ec("exp")
    made.register_resource("linux::Node", hostname=host.name)
    return made


@pytest.fixture
def gate(host_pool, tmp_path):
    """A pipe that commands on all hosts read from to wait for the test."""
    path = host_pool.shared / tmp_path.name
    os.mkfifo(path)
    yield path
    path.unlink()


def add(made, command, node=1, **attributes):
    return made.register_resource("linux::Application", command=command, connectedTo=node, **attributes)


def finish(made, *guids):
    made.deploy()
    made.wait_finished(list(guids), timeout=PATIENCE)


def error_of(made, guid):
    return replay.state(made.run_dir).resources[guid].error["message"]


# --- good days


def test_a_command_on_a_host(far, host):
    app = add(far, "hostname; echo err >&2; pwd", stdin="x")
    finish(far, app)
    name, directory = far.trace(app, "stdout").splitlines()
    assert (name, far.trace(app, "stderr"), far.exit_code(app)) == (host.name, "err\n", 0)
    assert directory.startswith(f"/root/.netreel/exp/exp/node-1/{far.run_id}/")


def test_what_is_typed_arrives_as_typed(far):
    nasty = 'it\'s "quoted" $(id) `id` \\ größe\n$HOME ☃'
    app = add(far, f"printf '%s|' \"$NASTY\" {'x' * 5000}; cat", env={"NASTY": nasty}, stdin=nasty)
    finish(far, app)
    assert far.trace(app, "stdout") == f"{nasty}|{'x' * 5000}|{nasty}"


def test_files_packages_and_a_build_are_brought_there(far, host, tmp_path):
    (tmp_path / "film.ts").write_bytes(bytes(range(256)) * 10_000)
    (tmp_path / "tool").write_text("#!/bin/sh\necho tool\n")
    app = add(
        far,
        'sha256sum <"$SHARE/film.ts"; "$BIN/tool"; cat made',
        files=str(tmp_path / "film.ts"),
        bins=[str(tmp_path / "tool")],
        build="echo built >made; echo building",
    )
    far.set(app, "command", 'cd "$APP_HOME"; ' + far.get(app, "command"))
    finish(far, app)
    assert far.trace(app, "stdout").splitlines()[1:] == ["tool", "built"]
    assert far.trace(app, "build") == "building\n"
    assert (host.home / ".netreel" / "share" / "film.ts").read_bytes() == (tmp_path / "film.ts").read_bytes()
    assert (host.home / ".netreel").stat().st_mode & 0o077 == 0


def test_a_host_tells_what_it_is(far, host):
    far.deploy()
    far.wait_deployed(1, timeout=PATIENCE)
    facts = json.loads(far.trace(1, "facts"))
    assert (facts["hostname"], facts["home"], facts["privilege"]) == (host.name, "/root", "root")
    assert facts["boot"] == host.run("cat /proc/sys/kernel/random/boot_id").strip()
    assert abs(facts["clock_offset"]) < 5


def test_a_trace_is_collected_before_the_host_is_let_go(far):
    app = add(far, "echo kept; head -c 3000000 /dev/zero >data")
    for name in ("stdout", "data"):
        far.register_resource("Collector", trace_name=name, connectedTo=app)
    finish(far, app)
    far.release()
    assert far.trace(app, "stdout") == "kept\n"
    assert far.trace(app, "data", TraceAttr.SIZE) == 3_000_000
    assert (far.run_dir / f"{app}.data").read_bytes() == bytes(3_000_000)
    with pytest.raises(UsageError, match="connect a Collector"):
        far.trace(app, "stderr")


def test_hosts_measure_each_other(ec, hosts):
    one, two = hosts(2)
    made = ec("exp")
    nodes = [made.register_resource("linux::Node", hostname=each.name) for each in (one, two)]
    capture = made.register_resource("linux::Tcpdump", i="eth0", w="a.pcap", expression="icmp", connectedTo=nodes[1])
    ping = made.register_resource("linux::Ping", target=two.address, count=5, interval=0.01, connectedTo=nodes[0])
    made.register_condition(ping, ResourceAction.START, capture, STARTED)
    made.register_condition(capture, ResourceAction.STOP, ping, STOPPED)
    made.register_resource("Collector", trace_name="result", connectedTo=ping)
    finish(made, ping, capture)
    assert json.loads(made.trace(ping, "result"))["received"] == 5
    assert json.loads(made.trace(capture, "result"))["captured"] == 10
    made.shutdown()
    assert json.loads(made.trace(ping, "result"))["received"] == 5


def test_fifty_commands_on_one_host(far):
    apps = [add(far, f"echo {number}") for number in range(50)]
    finish(far, *apps)
    assert [far.trace(app, "stdout") for app in apps] == [f"{number}\n" for number in range(50)]


# --- what earlier runs have left


def another_run(ec, host, command, **node):
    made = ec("exp")
    made.register_resource("linux::Node", hostname=host.name, **node)
    app = add(made, command)
    made.deploy()
    made.wait_started(app, timeout=PATIENCE)
    return made, app


def test_cleaning_takes_what_earlier_runs_have_left_and_nothing_that_runs(ec, host, tmp_path):
    (tmp_path / "data").write_text("x")
    old, _ = another_run(ec, host, "true")
    old.shutdown()
    running, app = another_run(ec, host, "exec sleep 1000")
    place = host.home / ".netreel" / "exp" / "exp" / "node-1"
    (host.home / ".netreel" / "mine").write_text("not yours")
    assert {path.name for path in place.iterdir()} >= {old.run_id, running.run_id}
    new, _ = another_run(ec, host, "true", clean_experiment=True)
    left = {path.name for path in place.iterdir()}
    assert old.run_id not in left
    assert {running.run_id, new.run_id} <= left
    assert running.state(app) is STARTED
    for made in (running, new):
        made.shutdown()
    last, _ = another_run(ec, host, "true", clean_home=True)
    assert {path.name for path in place.iterdir()} == {last.run_id}
    assert (host.home / ".netreel" / "mine").read_text() == "not yours"


def test_cleaning_leaves_a_run_alone_that_waits_for_something(ec, host):
    made, app = another_run(ec, host, "echo data >data")
    late = made.register_resource("linux::Application", command="cat ../*/data", connectedTo=1)
    made.register_condition(late, ResourceAction.START, app, STOPPED)
    made.wait_finished(app, timeout=PATIENCE)
    another_run(ec, host, "true", clean_home=True)
    assert made.trace(app, "data") == "data\n"
    finish(made, late)
    made.shutdown()
    place = host.home / ".netreel" / "exp" / "exp" / "node-1"
    assert (place / made.run_id).exists()
    another_run(ec, host, "true", clean_experiment=True)
    assert not (place / made.run_id).exists()


def test_a_node_that_is_forgotten_leaves_no_run(ec, host):
    made, _ = another_run(ec, host, "true", hard_release=True)
    made.shutdown()
    assert not (host.home / ".netreel" / "exp" / "exp" / "node-1" / made.run_id).exists()


# --- ordinary users

needs_sudo = pytest.mark.skipif(not shutil.which("sudo"), reason="sudo is not installed here")


def as_user(ec, host, rule, command, **attributes):
    host.add_user("alice", rule)
    made = ec("exp")
    made.register_resource("linux::Node", hostname=host.name, username="alice")
    return made, add(made, command, **attributes)


@needs_sudo
def test_what_root_runs_by_sudo_is_asked_to_end_with_all_that_it_started(ec, host, gate):
    saving = f'trap "echo saved >saved; exit" TERM; echo >{gate}; while :; do sleep 0.05; done'
    made, app = as_user(ec, host, "ALL=(ALL) NOPASSWD: ALL", f"id -un; sh -c '{saving}'; true", sudo=True)
    made.deploy()
    gate.read_text()
    assert made.wait_started(app, timeout=PATIENCE)
    made.stop(app)
    assert (made.trace(app, "stdout"), made.trace(app, "saved")) == ("root\n", "saved\n")


@needs_sudo
def test_what_root_runs_by_sudo_and_does_not_want_to_end_is_killed(ec, host, gate, monkeypatch):
    monkeypatch.setattr(application, "GRACE", 0.1)
    command = f"trap '' TERM; echo >{gate}; while :; do sleep 0.05; done"
    made, app = as_user(ec, host, "ALL=(ALL) NOPASSWD: ALL", command, sudo=True)
    made.deploy()
    gate.read_text()
    assert made.wait_started(app, timeout=PATIENCE)
    made.stop(app)
    assert (made.state(app), made.exit_code(app)) == (STOPPED, 137)
    assert host.run("pgrep -c sudo || true") == "0\n"


@needs_sudo
@pytest.mark.parametrize("attributes", [{"sudo": True}, {"depends": "no-such-package-there-is"}])
def test_a_sudo_that_asks_for_a_password_is_no_help(ec, host, attributes):
    made, app = as_user(ec, host, "ALL=(ALL) ALL", "true", **attributes)
    finish(made, app)
    assert "use sudo on h1 without a password (NOPASSWD), or " in error_of(made, app)


# --- bad days


def test_no_such_host(ec):
    made = ec("exp")
    node = made.register_resource("linux::Node", hostname="no-such-host.invalid")
    app = add(made, "true", node)
    finish(made, app)
    assert (made.state(node), made.state(app)) == (FAILED, FAILED)
    assert "no-such-host.invalid" in error_of(made, node)


def test_a_home_that_cannot_be_written(far, host):
    host.mount("/root", "ro")
    finish(far, add(far, "true"))
    assert error_of(far, 1).count("Read-only file system") == 1


def test_a_disk_that_is_full_says_so_and_keeps_nothing_half(ec, host, tmp_path):
    (tmp_path / "film").write_bytes(os.urandom(1_000_000))
    host.mount("/tmp", "size=300k")
    made = ec("exp")
    made.register_resource("linux::Node", hostname=host.name, home="/tmp")
    app = add(made, "true", files=str(tmp_path / "film"))
    finish(made, app)
    assert "No space left on device" in error_of(made, app)
    assert host.run("ls -A /tmp/.netreel/store /tmp/.netreel/share").split() == [
        "/tmp/.netreel/share:",
        "/tmp/.netreel/store:",
    ]


def test_a_disk_on_which_there_is_no_room_for_the_first_file_says_so(ec, host):
    host.mount("/tmp", "size=64k")
    host.run("mkdir -p /tmp/.netreel; head -c 52k /dev/zero >/tmp/fill")
    made = ec("exp")
    made.register_resource("linux::Node", hostname=host.name, home="/tmp")
    finish(made, add(made, "true"))
    assert "cannot be written: is there room on the disk?" in error_of(made, 1)


TOOLS = "cat chmod date env find head id ln ls mkdir mv readlink rm setsid sh sha256sum sleep stat tail tar tee wc"


@pytest.mark.parametrize("tool", ["date", "mv", "setsid", "sha256sum", "tail"])
def test_a_tool_that_every_host_is_expected_to_have_is_named(far, host, tmp_path, tool):
    (tmp_path / "data").write_text("x")
    tools = host.tmp / "bin"
    tools.mkdir()
    for name in set(TOOLS.split()) - {tool}:
        (tools / name).symlink_to(f"/usr/bin/{name}")
    host.configure("SetEnv PATH=/tmp/bin")
    app = add(far, "true", files=str(tmp_path / "data"))
    finish(far, app)
    if tool == "tail":  # without it only traces cannot be read
        with pytest.raises(CommandFailed, match="tail: not found"):
            far.trace(app, "stdout")
    else:
        assert f"{tool}: not found" in str(far.failure(1) or far.failure(app))
    far.shutdown()  # while it is so


def test_one_session_at_a_time_and_a_noisy_login_are_enough(far, host, tmp_path):
    (tmp_path / "data").write_text("x")
    (host.directory / "banner").write_text("Welcome!\n" * 100)
    (host.home / ".bashrc").write_text("echo noise; echo more noise >&2; yes | head -c 300000; printf 'no end'\n")
    host.configure("MaxSessions 1", f"Banner {host.directory}/banner")
    apps = [add(far, f'cat "$SHARE/data"; echo {n}', files=str(tmp_path / "data"), build="true") for n in range(5)]
    finish(far, *apps)
    assert [far.trace(app, "stdout") for app in apps] == [f"x{n}\n" for n in range(5)]


@pytest.fixture
def impatient(host, host_pool, tmp_path, monkeypatch):
    """Hosts are lost after one silent second."""
    config = tmp_path / "impatient"
    config.write_text(
        f"ServerAliveInterval 0.5\nServerAliveCountMax 2\nConnectTimeout 1\n{host_pool.ssh_config.read_text()}"
    )
    monkeypatch.setenv("NETREEL_SSH_CONFIG", str(config))


@pytest.fixture
def tries(monkeypatch):
    """Tells of each time that something is tried again since the host does not answer."""
    noted = threading.Event()

    def pauses():
        yield 0.05
        noted.set()
        while True:
            yield 0.05

    monkeypatch.setattr(_patience, "pauses", pauses)
    return noted


def test_a_link_that_is_cut_in_the_middle_of_an_upload(impatient, tries, far, host, tmp_path):
    content = os.urandom(3_000_000)
    (tmp_path / "film").write_bytes(content)
    far.deploy()
    far.wait_deployed(1, timeout=PATIENCE)
    app = add(far, 'sha256sum <"$SHARE/film"', files=str(tmp_path / "film"))
    host.cut()
    far.deploy()
    assert tries.wait(PATIENCE)
    host.mend()
    assert far.wait_finished(app, timeout=PATIENCE)
    assert far.trace(app, "stdout").split()[0] == hashlib.sha256(content).hexdigest()


def test_a_link_that_is_cut_before_a_start_comes_to_one_start(impatient, tries, far, host):
    far.deploy()
    far.wait_deployed(1, timeout=PATIENCE)
    app = add(far, "echo ran >>/tmp/ran")
    host.cut()
    far.deploy()
    assert tries.wait(PATIENCE)
    assert far.state(app) not in (FAILED, STARTED)
    host.mend()
    assert far.wait_finished(app, timeout=PATIENCE)
    assert host.run("cat /tmp/ran; rm /tmp/ran") == "ran\n"


def test_a_link_that_is_cut_during_a_build(impatient, far, host, gate):
    app = add(far, 'cat "$APP_HOME/made"', build=f"echo begun >{gate}; read line <{gate}; echo $line >>made")
    far.deploy()
    assert gate.read_text() == "begun\n"
    host.cut()
    gate.write_text("built\n")
    host.mend()
    assert far.wait_finished(app, timeout=PATIENCE)
    assert far.trace(app, "stdout") == "built\n"


def test_a_host_that_is_switched_off_during_a_build_builds_again(far, host, gate):
    app = add(far, "true", build=f"echo begun >{gate}; read line <{gate}")
    far.deploy()
    gate.read_text()
    host.crash()
    host.boot()
    gate.read_text()
    gate.write_text("go\n")
    assert far.wait_finished(app, timeout=PATIENCE)


def test_a_clock_that_is_an_hour_off_is_told(far, host):
    host.skew_clock(3600)
    app = add(far, "true", timeout=1000)
    finish(far, app)
    assert far.state(app) is STOPPED
    assert 3590 < json.loads(far.trace(1, "facts"))["clock_offset"] < 3610


def test_a_release_of_what_does_not_answer_comes_to_an_end(impatient, ec, host, gate):
    made = ec("exp", patience="5ms")
    node = made.register_resource("linux::Node", hostname=host.name)
    app = add(made, f"read line <{gate}", node)
    made.deploy()
    made.wait_started(app, timeout=PATIENCE)
    host.cut()
    with pytest.raises(ExperimentError, match="released"):
        made.shutdown()


def test_a_link_that_is_cut_while_a_command_runs(far, host, gate):
    app = add(far, f"read line <{gate}; echo $line")
    far.deploy()
    far.wait_started(app, timeout=PATIENCE)
    host.cut()
    gate.write_text("hello\n")
    assert far.state(app) is STARTED
    host.mend()
    assert far.wait_finished(app, timeout=PATIENCE)
    assert far.trace(app, "stdout") == "hello\n"


def test_a_host_that_is_lost_while_commands_run_says_so(impatient, far, host, gate):
    config = Path(os.environ["NETREEL_SSH_CONFIG"])  # a machine with much to do must not lose it before it is cut off
    config.write_text(
        re.sub("Interval .*\nServerAliveCountMax .*\nConnectTimeout .*", "Interval 1.5", config.read_text())
    )
    apps = [add(far, f"read line <{gate}; echo $line"), add(far, "exec sleep 1000")]
    far.deploy()
    assert far.wait_started(apps, timeout=PATIENCE)
    with eventlog.open(far.run_dir) as log:
        remarks = (each for each in log.follow(PATIENCE) if each.kind == "resource.remarked")
        host.cut()
        said = next(remarks)
        assert said.guid == 1
        assert re.fullmatch(r"has not answered since [0-9:]{8} UTC: nothing was heard .* [0-9]+ s", said.data["remark"])
        assert replay.state(far.run_dir, said.seq).resources[1].remark == said.data["remark"]
        waits = [wait.text for app in apps for wait in replay.explain(far.run_dir, app, said.seq).waits]
        assert [f"#1 linux::Node (h1) {said.data['remark']} (said " in text for text in waits] == [False, True] * 2
        host.mend()
        assert (found := next(remarks)).data["remark"] == ""
        assert found.guid == 1
    gate.write_text("hello\n")
    assert far.wait_finished(apps[0], timeout=PATIENCE)
    far.shutdown()
    assert replay.check(far.run_dir) == []


def test_a_host_that_is_switched_off_and_on_again(far, host):
    app = add(far, "exec sleep 1000")
    far.deploy()
    far.wait_started(app, timeout=PATIENCE)
    host.crash()
    host.boot()
    assert far.wait_finished(app, timeout=PATIENCE) is False
    assert "rebooted" in error_of(far, app)


CONTROLLER = textwrap.dedent("""
    import sys
    from engine import ExperimentController

    ec = ExperimentController("exp", local_dir=sys.argv[1])
    apps = []
    for name in sys.argv[3:]:
        node = ec.register_resource("linux::Node", hostname=name)
        apps.append(ec.register_resource("linux::Application", command=sys.argv[2], timeout=1000, connectedTo=node))
    ec.deploy()
    ec.wait_started(apps)
    print(ec.run_dir, flush=True)
    sys.stdin.read()
""")


def test_its_time_is_limited_across_a_takeover(home, host, gate):
    command = [sys.executable, "-c", CONTROLLER.replace("timeout=1000", "timeout=1.5"), str(home)]
    command += [f"echo x >{gate}; exec sleep 1000", host.name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        gate.read_text()
        run_dir = Path(process.stdout.readline().strip())
        process.kill()
    with ExperimentController.reconnect(run_dir) as two:
        assert two.wait_finished(2, timeout=PATIENCE) is False
        assert "it had not after 1.5 s" in error_of(two, 2)


def test_a_controller_that_is_killed_is_followed_by_another_one(home, host_pool, hosts, tmp_path):
    names = [each.name for each in hosts(3)]
    gates = [host_pool.shared / f"{tmp_path.name}.{name}" for name in names]  # one each: a line is for one reader
    for gate in gates:
        os.mkfifo(gate)
    command = [
        sys.executable,
        "-c",
        CONTROLLER,
        str(home),
        f"echo ran >>/tmp/ran; read line <{host_pool.shared}/{tmp_path.name}.$(hostname); echo $line",
        *names,
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        run_dir = Path(process.stdout.readline().strip())
        process.kill()
    apps = [2, 4, 6]
    with ExperimentController.reconnect(run_dir) as two:
        assert [two.state(app) for app in apps] == [STARTED] * 3
        for gate in gates:
            gate.write_text("hello\n")
        assert two.wait_finished(apps, timeout=PATIENCE)
        assert [two.trace(app, "stdout") for app in apps] == ["hello\n"] * 3
    assert [(each.tmp / "ran").read_text() for each in hosts(3)] == ["ran\n"] * 3
    assert replay.check(run_dir) == []
