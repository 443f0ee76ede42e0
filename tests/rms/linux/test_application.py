"""`linux::Node` and `linux::Application` on this machine: real commands, their output, their ends, and what is left."""

import getpass
import json
import os
import platform
import select
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

import eventlog
import replay
from engine import (
    BadAttribute,
    BadConnection,
    ExperimentController,
    ResourceAction,
    ResourceState,
    TraceAttr,
    UsageError,
)
from engine.core.states import Step
from rms.linux.application import Application
from rms.linux.node import Node
from rms.local import LocalTransport

pytestmark = pytest.mark.slow

PATIENCE = 20
STARTED, STOPPED, FAILED = ResourceState.STARTED, ResourceState.STOPPED, ResourceState.FAILED


@pytest.fixture
def fifo(tmp_path):
    """What a command reads from to wait for the test."""
    path = tmp_path / "go"
    os.mkfifo(path)
    return path


def start(one, command, **attributes):
    app = one.register_resource("linux::Application", command=command, connectedTo=1, **attributes)
    one.deploy(None if one.state(1) is ResourceState.NEW else app)
    one.wait_started(app, timeout=PATIENCE)
    return app


def run(one, command, **attributes):
    app = start(one, command, **attributes)
    one.wait_finished(app, timeout=PATIENCE)
    return app


def pid_of(one, app):
    return replay.state(one.run_dir).resources[app].receipts["start"]["pid"]


def is_there(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()


def error_of(one, app):
    return replay.state(one.run_dir).resources[app].error["message"]


# --- what a command gets and gives


def test_its_output_is_in_its_traces(one):
    app = run(one, "echo out; echo err >&2; echo more")
    assert (one.state(app), one.exit_code(app)) == (STOPPED, 0)
    assert one.trace(app, "stdout") == "out\nmore\n"
    assert one.trace(app, "stderr") == "err\n"


def test_it_gets_its_environment(one):
    nasty = 'it\'s "quoted" $HOME `id` \\ größe'
    app = run(one, 'printf "%s|%s" "$FIRST" "$SECOND"', env={"FIRST": nasty, "SECOND": ""})
    assert one.trace(app, "stdout") == f"{nasty}|"


def test_it_gets_a_secret_that_shows_nowhere(one, monkeypatch):
    monkeypatch.setenv("TOKEN_OF_MINE", "s3cr3t")
    app = run(one, '[ ${#SECRET} = 6 ]; echo "$SECRET" >&2; exit 1', secret="env:TOKEN_OF_MINE")
    assert one.trace(app, "stderr") == "s3cr3t\n"
    assert "[secret]" in error_of(one, app)
    log = [path.read_bytes() for path in (one.run_dir / "log").iterdir()]
    assert not any(b"s3cr3t" in data for data in log)


@pytest.mark.parametrize("given", ["two\nlines\n", b"\x00\xff\n", ""])
def test_it_reads_its_input(one, given):
    app = run(one, "cat", stdin=given)
    assert one.trace(app, "stdout", TraceAttr.BYTES) == (given.encode() if isinstance(given, str) else given)


def test_without_input_it_reads_nothing(one):
    assert one.exit_code(run(one, "! read line")) == 0


def test_it_runs_in_a_directory_of_its_own(one):
    app = run(one, "pwd; umask; ls -A")
    directory, *_ = one.trace(app, "stdout").splitlines()
    assert Path(directory).is_relative_to(one.run_dir)


def test_any_file_that_it_writes_is_a_trace(one):
    app = run(one, "mkdir sub; printf 'a\\377b' >sub/data; printf 0123456789 >digits")
    assert one.trace(app, "sub/data", TraceAttr.BYTES) == b"a\xffb"
    assert one.trace(app, "sub/data") == "a\N{REPLACEMENT CHARACTER}b"
    assert one.trace(app, "sub/data", TraceAttr.SIZE) == 3
    assert Path(one.trace(app, "sub/data", TraceAttr.PATH)).read_bytes() == b"a\xffb"
    assert one.trace(app, "digits", TraceAttr.STREAM, block=4, offset=1) == "4567"
    assert one.trace(app, "digits", TraceAttr.STREAM, block=4, offset=9) == ""
    one.release()
    assert one.trace(app, "digits") == "0123456789"


def test_what_is_no_trace(one):
    app = run(one, "true")
    for attr in (TraceAttr.ALL, TraceAttr.BYTES, TraceAttr.SIZE):
        assert one.trace(app, "nothing", attr) is None
    for name in ("../claim", "/etc/passwd", ""):
        with pytest.raises(UsageError):
            one.trace(app, name)
    assert one.trace(1, "stdout") is None


def test_before_it_starts_it_has_no_traces(one):
    app = one.register_resource("linux::Application", command="true", connectedTo=1)
    assert [one.trace(app, "stdout", attr) for attr in TraceAttr] == [None] * 5


def test_a_trace_can_be_read_while_it_grows(one, fifo):
    app = start(one, f"echo before; read line <{fifo}; echo after")
    fifo.write_text("\n")
    assert one.wait_finished(app, timeout=PATIENCE)
    assert one.trace(app, "stdout") == "before\nafter\n"


# --- ends


def test_an_end_is_told_as_it_comes(one, fifo):
    app = start(one, f"read line <{fifo}; exit 0")
    assert one.state(app) is STARTED
    fifo.write_text("\n")
    assert one.wait_finished(app, timeout=PATIENCE)
    assert one.get_stop_time(app) >= one.get_start_time(app)


def test_an_end_is_told_even_if_there_are_no_last_words_to_be_read(one):
    app = run(one, "rm stderr; mkdir stderr; exit 3")
    assert (one.state(app), one.exit_code(app)) == (FAILED, 3)
    assert error_of(one, app) == "the command ended with exit status 3"


def test_a_status_that_is_not_zero_is_a_failure_with_its_last_words(one):
    app = run(one, "echo first >&2; echo 'the last words' >&2; exit 3")
    assert (one.state(app), one.exit_code(app), one.abort) == (FAILED, 3, True)
    assert error_of(one, app) == "the command ended with exit status 3: first\nthe last words"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("seq -f %04.0f 1000; echo last", "\n".join([*(f"{number:04}" for number in range(603, 1001)), "last"])),
        ("head -c 3000000 /dev/zero | tr '\\0' x", "…" + "x" * 300),
        ("echo first; head -c 1000 /dev/zero | tr '\\0' x; echo; echo last", f"first\n{'x' * 300}…\nlast"),
        (r"printf '\033[31mred\a\b \377\000\376 größe\tx\r\n'", "\ufffd[31mred\ufffd \ufffd größe\tx"),
        ("head -c 3000 /dev/zero", "…\ufffd"),
        ("head -c 3000 /dev/zero | tr '\\0' ' '", None),
    ],
)
def test_its_last_words_are_whole_lines_of_text(one, command, words):
    app = run(one, f"{{ {command}; }} >&2; exit 3")
    assert error_of(one, app) == "the command ended with exit status 3" + (f": {words}" if words else "")


def test_no_part_of_a_secret_is_among_its_last_words(one, monkeypatch):
    monkeypatch.setenv("TOKEN_OF_MINE", "s3cr3t" * 20)
    app = run(one, f'echo "{"x" * 250}$SECRET and more" >&2; exit 1', secret="env:TOKEN_OF_MINE")
    assert error_of(one, app).endswith("x[secret] and more")


def test_a_status_that_is_expected_is_none(one):
    app = run(one, "exit 3", okCodes=[0, 3])
    assert (one.state(app), one.exit_code(app), one.abort) == (STOPPED, 3, False)


def test_a_command_that_is_not_there(one):
    app = run(one, "no-such-command --at all")
    assert (one.state(app), one.exit_code(app)) == (FAILED, 127)
    assert "no-such-command: not found" in error_of(one, app)


def test_a_command_that_a_signal_ended(one):
    app = run(one, "kill -KILL $$")
    assert (one.state(app), one.exit_code(app)) == (FAILED, 137)


def test_stop_ends_it_and_is_no_failure(one):
    app = start(one, "exec sleep 1000")
    one.stop(app)
    assert (one.state(app), one.exit_code(app), one.abort) == (STOPPED, 143, False)


def test_stop_lets_it_put_things_in_order(one, fifo):
    app = start(one, f"trap 'echo saved; exit 5' TERM; while :; do read line <{fifo}; done")
    fifo.write_text("\n")  # it reads, so it has set its trap
    one.stop(app)
    assert (one.trace(app, "stdout"), one.exit_code(app), one.state(app)) == ("saved\n", 5, STOPPED)


def test_it_can_be_started_again(one, fifo):
    app = start(one, f"read line <{fifo}; echo $line")
    for line in ("first", "second"):
        fifo.write_text(f"{line}\n")
        assert one.wait_finished(app, timeout=PATIENCE)
        assert one.trace(app, "stdout") == f"{line}\n"
        if line == "first":
            one.start(app)


def test_it_stops_when_another_one_has_ended(one, fifo):
    server = one.register_resource("linux::Application", command="exec sleep 1000", connectedTo=1)
    client = one.register_resource("linux::Application", command=f"read line <{fifo}", connectedTo=1)
    one.register_condition(client, ResourceAction.START, server, STARTED)
    one.register_condition(server, ResourceAction.STOP, client, STOPPED)
    one.deploy()
    assert one.wait_started([server, client], timeout=PATIENCE)
    fifo.write_text("\n")
    assert one.wait_finished([server, client], timeout=PATIENCE)
    assert (one.exit_code(server), one.exit_code(client)) == (143, 0)


def test_its_time_is_limited(one):
    app = run(one, "echo begun; exec sleep 1000", timeout=0.2)
    assert (one.state(app), one.exit_code(app)) == (FAILED, 143)
    assert error_of(one, app) == "the command was ended, since it had not after 0.2 s"
    assert not is_there(pid_of(one, app))


def test_a_command_that_ends_well_since_its_time_is_up_has_failed(one, fifo):
    app = start(one, f"trap 'exit 0' TERM; while :; do read line <{fifo}; done", timeout=1000)
    fifo.write_text("\n")  # it reads, so it has set its trap
    manager = one._session.manager(app)
    manager._end_in_time(manager.tokens[Step.START])
    assert one.wait_finished(app, timeout=PATIENCE) is False
    assert (one.state(app), one.exit_code(app)) == (FAILED, 0)
    assert "had not after 1000 s" in error_of(one, app)


def test_an_end_that_nobody_has_heard_of_when_the_time_is_up_is_in_time(one, fifo, monkeypatch):
    with monkeypatch.context() as deaf:
        deaf.setattr(Application, "_tell", lambda *_: None)
        app = start(one, f"read line <{fifo}; rm -r ../run", timeout=1000)
        manager = one._session.manager(app)
        token, ended = manager.tokens[Step.START], threading.Event()
        fifo.write_text("\n")
        manager.host.launcher.watch(token, lambda _: ended.set())
        assert ended.wait(PATIENCE)
    manager._end_in_time(token)
    assert one.wait_finished(app, timeout=PATIENCE)
    assert (one.state(app), one.exit_code(app)) == (STOPPED, 0)


def test_an_end_in_time_is_none_of_the_limits_business(one):
    app = run(one, "true", timeout=1000)
    assert one.state(app) is STOPPED
    assert one._session.manager(app)._timer is None


@pytest.mark.parametrize("seconds", ["inf", 1e10, "nan", 0])
def test_a_limit_that_no_timer_can_have_is_refused(one, seconds):
    with pytest.raises(BadAttribute, match=r"Application\.timeout is at (most 1000000000|least 0\.001), not"):
        one.register_resource("linux::Application", command="true", timeout=float(seconds))


# --- what is recorded


def test_error_output_can_go_with_the_other(one):
    app = run(one, "echo out; echo err >&2; exit 3", split_stderr=False)
    assert (one.trace(app, "stdout"), one.trace(app, "stderr")) == ("out\nerr\n", None)
    assert error_of(one, app) == "the command ended with exit status 3: out\nerr"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
def test_a_trace_that_is_switched_off_is_not_recorded(one, name):
    app = one.register_resource("linux::Application", command="echo out; echo err >&2", connectedTo=1)
    one.disable_trace(app, name)
    one.deploy()
    one.wait_finished(app, timeout=PATIENCE)
    assert one.trace(app, name) is None
    assert one.trace(app, {"stdout": "stderr", "stderr": "stdout"}[name]) is not None


def test_a_host_tells_what_it_is(one):
    assert one.trace(1, "facts") is None
    run(one, "true")
    facts = json.loads(one.trace(1, "facts"))
    assert facts["cores"] == os.cpu_count()
    assert abs(facts["clock_offset"]) < 1
    assert facts["user"] == getpass.getuser()
    assert facts["kernel"] == f"{platform.system()} {platform.release()}"
    assert one.trace(1, "facts", TraceAttr.SIZE) == len(one.trace(1, "facts").encode())


def test_the_places_on_the_host_are_known_to_it(one):
    names = [
        "USR",
        "LIB",
        "BIN",
        "SRC",
        "SHARE",
        "EXP",
        "EXP_HOME",
        "NODE_HOME",
        "APP_HOME",
        "RUN_HOME",
        "CODE",
        "HOME",
    ]
    app = run(one, "; ".join(f'echo "${{{name}}}"' for name in names) + '; [ -d "$APP_HOME" ]')
    told = dict(zip(names, one.trace(app, "stdout").splitlines(), strict=True))
    usr = str(one.local_dir / ".host")
    home = f"{one.run_dir}/node-1"
    assert told["RUN_HOME"] == str(Path(one.trace(app, "stdout", TraceAttr.PATH)).parent)
    assert told == {
        "USR": usr, "LIB": f"{usr}/lib", "BIN": f"{usr}/bin", "SRC": f"{usr}/src", "SHARE": f"{usr}/share",
        "EXP": str(one.local_dir), "EXP_HOME": str(one.exp_dir), "NODE_HOME": home,
        "APP_HOME": f"{home}/app-{app}", "CODE": f"{home}/app-{app}/code",
        "RUN_HOME": told["RUN_HOME"], "HOME": os.environ["HOME"],
    }  # fmt: skip


def test_its_environment_can_be_given_as_nepi_has_it(one):
    app = run(one, 'echo "$A|$B|$C"', env="A=x B=$A:${SHARE}:`id` C='")
    assert one.trace(app, "stdout") == f"x|x:{one.local_dir}/.host/share:`id`|'\n"


def test_a_home_of_its_own(ec, tmp_path):
    made = ec("exp")
    made.register_resource("linux::Node", hostname="localhost", home=str(tmp_path / "a b"))
    app = run(made, 'echo "$SHARE"')
    assert made.trace(app, "stdout") == f"{tmp_path}/a b/.netreel/share\n"
    assert (tmp_path / "a b" / ".netreel").stat().st_mode & 0o077 == 0


# --- nothing is left


def test_commands_at_the_end(one, tmp_path):
    app = run(one, "true", tear_down=f'echo app >>{tmp_path}/torn; echo "$APP_HOME"')
    node = one.register_resource("linux::Node", hostname="localhost", tear_down=f"echo node >>{tmp_path}/torn")
    one.deploy()
    one.wait_deployed(node, timeout=PATIENCE)
    one.release(app)
    assert one.trace(app, "tear_down") == f"{one.run_dir}/node-1/app-{app}\n"
    one.release()
    assert (tmp_path / "torn").read_text() == "app\nnode\n"


def test_what_is_forgotten_leaves_no_files(one):
    app = run(one, 'echo x >"$APP_HOME/file"', hard_release=True, build="true")
    kept = run(one, 'echo x >"$APP_HOME/file"')
    one.release([app, kept])
    left = {path.name.split("-")[0] for path in (one.run_dir / "node-1").iterdir() if path.is_dir()}
    assert one.resources == [1, kept]
    assert (one.run_dir / "node-1" / f"app-{kept}" / "file").exists()
    assert not (one.run_dir / "node-1" / f"app-{app}").exists()
    assert "build" not in left


def test_a_screen_is_not_offered(one):
    app = run(one, "xeyes", forwardX11=True)
    assert one.state(app) is FAILED
    assert "must outlive it" in error_of(one, app)


def test_root_without_sudo_is_refused_with_advice(one, monkeypatch):
    monkeypatch.setattr(Node, "facts", {"privilege": "password", "user": "alice"})
    app = run(one, "id", sudo=True)
    assert one.state(app) is FAILED
    assert "sudo asks for a password there: let alice use sudo on localhost without" in error_of(one, app)


@pytest.fixture
def fake_sudo(tmp_path, monkeypatch):
    """A user who may use sudo without a password, and a sudo that notes what it is asked."""
    place = tmp_path / "sudo-bin"
    place.mkdir()
    (place / "sudo").write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\nshift 2\nexec "$@"\n')
    (place / "sudo").chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    monkeypatch.setattr(Node, "facts", {"privilege": "sudo", "user": "alice"})
    return (tmp_path / "asked").read_text


def test_as_root_it_runs_under_sudo_with_its_environment(one, fake_sudo):
    app = run(one, 'echo "$SECRET"', sudo=True, env={"SECRET": "s3cret"})
    assert one.trace(app, "stdout") == "s3cret\n"
    assert fake_sudo().startswith("-n -E ")
    assert "s3cret" not in fake_sudo()


def test_it_is_stopped_under_sudo(one, fake_sudo):
    app = start(one, "exec sleep 1000", sudo=True)
    one.stop(app)
    assert (one.state(app), one.exit_code(app)) == (STOPPED, 143)


def test_release_ends_what_runs_and_all_that_it_started(one, fifo):
    app = start(one, f"sleep 1001 & echo $! >child; read line <{fifo}; wait")
    fifo.write_text("\n")  # taken only once the child is there
    pid, child = pid_of(one, app), int(one.trace(app, "child"))
    assert is_there(pid)
    assert is_there(child)
    one.release()
    assert not is_there(pid)
    assert not is_there(child)
    assert one.exit_code(app) == 143


def test_what_failed_and_still_runs_is_ended_by_the_release(one):
    app = start(one, "exec sleep 1000")
    pid = pid_of(one, app)
    one._session.manager(app).failed("the test says so")
    assert one.wait_finished([app], timeout=PATIENCE) is False
    assert is_there(pid)
    one.release()
    assert not is_there(pid)


def test_many_on_one_node(one):
    commands = [f"echo {number}; exit 0" for number in range(10)]
    apps = [one.register_resource("linux::Application", command=command, connectedTo=1) for command in commands]
    one.deploy()
    assert one.wait_finished(apps, timeout=PATIENCE)
    assert [one.trace(app, "stdout") for app in apps] == [f"{number}\n" for number in range(10)]


# --- what is refused


@pytest.mark.parametrize(
    ("rtype", "attributes", "message"),
    [
        ("linux::Node", {"hostname": "-oProxyCommand=x"}, "is no name of a host"),
        ("linux::Node", {"hostname": "root@h1"}, "the user and the port are attributes of their own"),
        ("linux::Node", {"hostname": "h1$(id)"}, "is no name of a host"),
        ("linux::Node", {"hostname": "h1", "username": "x y"}, "linux::Node.username: 'x y' is no name of a user"),
        ("linux::Node", {"hostname": "h1", "gateway": "h2, h 3"}, "linux::Node.gateway: ' h 3' is no gateway"),
        ("linux::Node", {"hostname": "h1", "gatewayUser": "`id`"}, "linux::Node.gateway_user: '`id`' is no name"),
        ("linux::Node", {"hostname": "h1", "home": "../x"}, "without '..'"),
        ("linux::Node", {"hostname": "h1", "home": "~/x"}, "write 'x' in place of '~/x'"),
        ("linux::Node", {"hostname": "h1", "home": "$HOME/x"}, "below the user's home"),
        ("linux::Node", {"hostname": "h1", "port": 0}, "at least 1"),
        ("linux::Node", {"hostname": "h1", "hostKeys": "off"}, "is one of 'yes', 'accept-new', 'no'"),
        ("linux::Application", {"command": " \n"}, "linux::Application.command: the command is empty"),
        ("linux::Application", {"comand": "x"}, "did you mean command"),
        ("linux::Application", {"env": {"A": 1}}, "linux::Application.env takes"),
    ],
)
def test_an_attribute_that_makes_no_sense(one, rtype, attributes, message):
    with pytest.raises(BadAttribute, match=message):
        one.register_resource(rtype, **attributes)


def test_an_application_needs_one_node(one):
    app = one.register_resource("linux::Application", command="true")
    with pytest.raises(BadConnection, match="its 'node' needs 1"):
        one.deploy(app)
    one.register_connection(1, app)
    other = one.register_resource("linux::Node", hostname="localhost")
    with pytest.raises(BadConnection, match="one too many"):
        one.register_connection(other, app)


def test_a_start_that_the_host_refuses(one):
    app = one.register_resource("linux::Application", command="true", connectedTo=1)
    one.register_condition(app, ResourceAction.START, 1, ResourceState.STARTED)
    (one.run_dir / "node-1").mkdir(mode=0o755)
    one.deploy()
    assert one.wait_finished(app, timeout=PATIENCE) is False
    assert "only its owner may enter" in error_of(one, 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"command": " "}, "the command is empty"),
        ({"command": "x\0"}, "NUL character"),
        ({"command": "x", "env": {"1X": "y"}}, "environment variable '1X'"),
        ({"command": "x", "env": {"X": "\0"}}, "NUL character"),
        ({"command": "x", "okCodes": [256]}, "from 0 to 255"),
        ({"command": "x", "okCodes": []}, "whatever comes would be one"),
    ],
)
def test_what_no_shell_can_be_given_is_refused_at_once(one, wrong, message):
    before = one.resources
    with pytest.raises(BadAttribute, match=message):
        one.register_resource("linux::Application", **wrong)
    assert one.resources == before


# --- the controller dies

CONTROLLER = textwrap.dedent("""
    import sys
    from engine import ExperimentController

    ec = ExperimentController("exp", local_dir=sys.argv[1])
    ec.register_resource("linux::Node", hostname="localhost")
    app = ec.register_resource("linux::Application", command=sys.argv[2], connectedTo=1)
    ec.deploy()
    ec.wait_started(app)
    print(ec.run_dir, flush=True)
    sys.stdin.read()
""")


@pytest.fixture
def killed(home, fifo, tmp_path):
    """The run of a controller that was killed while its command waits; the command leaves a line each time it runs."""
    command = f"echo ran >>{tmp_path}/ran; echo begun; read line <{fifo}; echo $line; exit 4"
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROLLER, str(home), command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        run_dir = Path(process.stdout.readline().strip())
        process.send_signal(signal.SIGKILL)
    return run_dir


def test_the_command_goes_on_and_is_found_again(killed, fifo, tmp_path):
    pid = replay.state(killed).resources[2].receipts["start"]["pid"]
    assert is_there(pid)
    with ExperimentController.reconnect(killed) as two:
        assert (two.state(2), pid_of(two, 2)) == (STARTED, pid)
        fifo.write_text("hello\n")
        two.wait_finished(2, timeout=PATIENCE)
        assert two.exit_code(2) == 4
        assert two.trace(2, "stdout") == "begun\nhello\n"
    assert (tmp_path / "ran").read_text() == "ran\n"
    assert replay.check(killed) == []
    assert not is_there(pid)


def test_an_end_that_nobody_saw_is_found_out(killed, fifo, tmp_path):
    pid = replay.state(killed).resources[2].receipts["start"]["pid"]
    pidfd = os.pidfd_open(pid)
    fifo.write_text("hello\n")
    assert select.select([pidfd], [], [], PATIENCE)[0]
    os.close(pidfd)
    with ExperimentController.reconnect(killed) as two:
        two.wait_finished(2, timeout=PATIENCE)
        assert (two.state(2), two.exit_code(2)) == (FAILED, 4)
        assert two.trace(2, "stdout") == "begun\nhello\n"
    assert (tmp_path / "ran").read_text() == "ran\n"


def test_what_runs_is_ended_by_the_successors_release(killed):
    pid = replay.state(killed).resources[2].receipts["start"]["pid"]
    with ExperimentController.reconnect(killed):
        pass
    assert not is_there(pid)
    assert replay.state(killed).closed
    assert replay.check(killed) == []


def test_many_on_one_host_are_found_again_with_one_question(one, monkeypatch):
    command = "[ $GUID = 5 ] || exec sleep 1000"
    for guid in range(2, 12):
        env = {"GUID": str(guid)}
        one.register_resource("linux::Application", command=command, env=env, timeout=1000, connectedTo=1)
    one.deploy()
    assert one.wait_started(range(2, 12), timeout=PATIENCE)
    assert one.wait_finished(5, timeout=PATIENCE)
    one.detach()
    asked, run = [], LocalTransport.run

    def noted(transport, script, *args, **how):
        asked.append(args[1])
        return run(transport, script, *args, **how)

    monkeypatch.setattr(LocalTransport, "run", noted)
    missed = {*range(2, 12)} - {5}
    with ExperimentController.reconnect(one.run_dir), eventlog.open(one.run_dir) as log:
        events = log.follow()
        while missed:
            event = next(events)
            missed -= {event.guid} if event.kind == "resource.found" else set()
        assert asked == ["00000002", "look"], "to publish its epoch, and to look at all of them"
