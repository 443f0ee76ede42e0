"""`netreel trace`: what it shows, downloads and refuses, and the same with real processes and a real host."""

import hashlib
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from engine import ExperimentController, ResourceFactory
from engine.rm import fetching, registry
from replay import patience
from tests.platform.fixtures import host_pool, hosts  # noqa: F401 - pytest finds them by name
from tests.platform.hosts import PATIENCE
from tests.replay.recorders import Host, path_of
from tests.replay.shell import answer, netreel, refusal

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("lab1")]

BINARY = bytes(range(256)) * 20_000
"""Five pieces."""


@pytest.fixture
def live(two_recorders):
    """Two recorders; #1 has written a text and what is none."""
    path_of(two_recorders.run_dir, 1, "stdout").write_text("größe\n")
    path_of(two_recorders.run_dir, 1, "result").write_bytes(BINARY)
    return two_recorders


def files(directory: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in directory.iterdir()}


# --- shown


def test_a_trace_is_shown_by_number_or_label(live):
    assert answer("trace", "hello", 1, "stdout") == answer("trace", "hello", "the one", "stdout") == "größe\n"


def test_binary_goes_to_a_pipe_as_it_is(live):
    assert netreel("trace", live.run_dir, 1, "result").stdout_bytes == BINARY


def test_a_trace_in_json(live):
    told = {"guid": 1, "rtype": "lab::Recorder", "label": "the one"}
    text = json.loads(answer("trace", "hello", 1, "stdout", "--json"))
    assert text == {**told, "name": "stdout", "size": 8, "content": "größe\n"}
    path_of(live.run_dir, 1, "stdout").write_bytes(b"\xff\x00")
    binary = json.loads(answer("trace", "hello", 1, "stdout", "--json"))
    assert binary == {**told, "name": "stdout", "size": 2, "content": {"base64": "/wA="}}


def test_the_list_of_traces(live):
    assert answer("trace", "hello", 1).splitlines() == [
        "#  TYPE           TRACE      SIZE  WHAT",
        "1  lab::Recorder  stdout        8  What it wrote.",
        "1  lab::Recorder  debug            More of it. Switched off.",
        "1  lab::Recorder  made          4  Made when it is asked for.",
        "1  lab::Recorder  result  5120000  What it found.",
    ]
    listed = json.loads(answer("trace", "hello", "--json"))
    assert [(it["guid"], it["name"], it["size"]) for it in listed][3:6] == [
        (1, "result", 5_120_000),
        (2, "stdout", None),
        (2, "debug", None),
    ]


def test_the_list_says_who_does_not_answer(live, lab1):
    lab1.lost = True
    result = netreel("trace", "hello", 1)
    assert result.exit_code == 1
    assert [line.split()[2:4] for line in result.stdout.splitlines()[1:]] == [
        ["stdout", "?"],
        ["debug", "?"],
        ["made", "4"],
        ["result", "?"],
    ]
    assert result.stderr.splitlines()[0] == (
        "netreel: trace 'stdout' of #1 lab::Recorder (the one) cannot be read: lab1: no route to host; "
        "the state there is unknown"
    )


def test_a_run_that_is_over_is_followed_to_its_end(live):
    live.shutdown()
    assert answer("trace", "-f", "hello", 1, "stdout") == "größe\n"
    assert json.loads(answer("trace", "-f", "hello", 1, "stdout", "--json")) == {"offset": 0, "content": "größe\n"}


def test_what_is_switched_off_is_not_waited_for(live):
    assert refusal("trace", "-f", "hello", 1, "debug").endswith("is switched off, so nothing is recorded")


# --- refused


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["helo"], "there is no run 'helo' below {home}; did you mean hello?"),
        (["hello", 3], "there is no resource #3; registered are #1, #2"),
        (["hello", "the ome"], "no resource is labelled 'the ome'; did you mean the one?"),
        (["hello", 1, "stdot"], "there is no trace 'stdot' of #1 lab::Recorder (the one); did you mean stdout?"),
        (["hello", 2, "stdout"], "#2 lab::Recorder, which is STARTED, has recorded no trace 'stdout' so far"),
        (["hello", 1, "debug"], "trace 'debug' of #1 lab::Recorder (the one) is switched off, so nothing is recorded"),
        (["hello", 1, "stdout", "debug"], "several traces are downloaded: give --output DIR with them"),
        (["hello", 1, "--output", "x"], "give the NAME of what is to be downloaded, or --all for all of its traces"),
        (["hello", "--all"], "--all downloads all there are: give --output DIR with it, and no NAME"),
        (["-f", "hello", 1], "-f follows one trace, and shows it: give a GUID and a NAME, and > FILE to have it in"),
        (["hello", 1, "debug", "--output", "x"], "trace 'debug' of #1 lab::Recorder (the one) is switched off"),
        (["hello", 1, "stdout", "--output", "/dev/null"], "/dev/null is there, and no file: it is not replaced;"),
    ],
)  # fmt: skip
def test_what_makes_no_sense(live, home, args, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert refusal("trace", *args).startswith(message.format(home=home))
    assert set(tmp_path.iterdir()) == before


def test_a_host_that_does_not_answer_is_a_failure(live, lab1):
    lab1.lost = True
    message = "trace 'stdout' of #1 lab::Recorder (the one) cannot be read: lab1: no route to host; the state there is"
    for args in ([], ["-f"], ["--output", live.run_dir / "x"]):
        assert refusal("trace", "hello", 1, "stdout", *args, status=1).startswith(message)


def test_a_name_that_nobody_declared_is_doubted_where_no_host_can_tell(live, lab1):
    lab1.lost = True
    assert "trace 'stdotu' of #1 lab::Recorder (the one), whose type does not declare it (did you mean stdout?), " in (
        refusal("trace", "hello", 1, "stdotu", status=1)
    )


def test_a_type_that_is_not_installed(live, monkeypatch):
    monkeypatch.setattr(ResourceFactory, "_types", {})
    monkeypatch.setattr(registry, "_announced", tuple)
    assert refusal("trace", "hello", 1, "stdout").startswith("there is no resource type 'lab::Recorder'; ")


def test_a_log_that_is_damaged(live):
    live.shutdown()
    segment = next((live.run_dir / "log").glob("*.log"))
    data = segment.read_bytes()
    segment.write_bytes(data[:130] + bytes([data[130] ^ 1]) + data[131:])
    try:
        assert f"{segment.name}, " in refusal("trace", "hello", 1, "stdout")
    finally:
        segment.write_bytes(data)


# --- downloaded


def test_one_is_downloaded_into_a_file(live, tmp_path):
    target = tmp_path / "made" / "by the way"
    assert answer("trace", "hello", 1, "result", "--output", target) == f"{target}\n"
    assert files(target.parent) == {"by the way": BINARY}


def test_one_is_downloaded_into_a_directory(live, tmp_path):
    assert answer("trace", "hello", 1, "stdout", "--output", tmp_path) == f"{tmp_path}/1.stdout\n"
    assert answer("trace", "hello", 1, "stdout", "--output", f"{tmp_path}/new/") == f"{tmp_path}/new/1.stdout\n"


def test_all_are_downloaded(live, tmp_path):
    out = tmp_path / "out"
    told = json.loads(answer("trace", "hello", "--all", "--output", out, "--json"))
    assert files(out) == {"1.stdout": "größe\n".encode(), "1.result": BINARY, "1.made": b"made", "2.made": b"made"}
    assert told[2] == {
        "guid": 1,
        "trace": "result",
        "path": f"{out}/1.result",
        "size": len(BINARY),
        "sha256": hashlib.sha256(BINARY).hexdigest(),
    }


def test_of_several_those_that_are_there_are_downloaded_and_the_others_told(live, tmp_path):
    result = netreel("trace", "hello", 1, "stdout", "debug", "--output", tmp_path / "out")
    assert (result.exit_code, result.stdout) == (1, f"{tmp_path}/out/1.stdout\n")
    assert result.stderr.startswith("netreel: trace 'debug' of #1 lab::Recorder (the one) is switched off")


def test_a_download_goes_on_where_it_was_broken_off(live, tmp_path, monkeypatch):
    asked = []
    original = Host.read
    monkeypatch.setattr(Host, "read", lambda self, path, *part: asked.append(part) or original(self, path, *part))
    (tmp_path / ".x.part").write_bytes(BINARY[: 4 << 20])
    answer("trace", "hello", 1, "result", "--output", tmp_path / "x")
    assert asked == [(4 << 20, len(BINARY) - (4 << 20))]
    assert (tmp_path / "x").read_bytes() == BINARY


def test_a_host_that_is_lost_in_the_middle_is_waited_for(live, lab1, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "_PIECE", 1 << 20)
    original, asked = Host.read, []

    def read(self, path, offset=0, size=None):
        asked.append(offset)
        lab1.lost = len(asked) == 3
        return original(self, path, offset, size)

    monkeypatch.setattr(Host, "read", read)
    monkeypatch.setattr(patience.time, "sleep", lambda _: None)
    result = netreel("trace", "hello", 1, "result", "--output", tmp_path / "x")
    assert (result.exit_code, (tmp_path / "x").read_bytes()) == (0, BINARY)
    assert result.stderr == "netreel: lab1 does not answer any more, trying again: no route to host\n"
    assert asked == [0, 1 << 20, 2 << 20, 2 << 20, 3 << 20, 4 << 20]


def test_what_arrives_damaged_is_not_taken(live, tmp_path, monkeypatch):
    monkeypatch.setattr(Host, "read", lambda self, path, offset=0, size=None: bytes(size))
    message = "trace 'stdout' of #1 lab::Recorder (the one): what has arrived is not what is there"
    assert refusal("trace", "hello", 1, "stdout", "--output", tmp_path / "out" / "x", status=1) == message
    assert files(tmp_path / "out") == {}


# --- real processes


def program(*args: object, **options) -> subprocess.Popen:
    command = [sys.executable, "-c", "from replay.cli import main; main()", *map(str, args)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)


@pytest.fixture
def gate(tmp_path):
    """A pipe that commands read from to wait for the test."""
    path = tmp_path / "gate"
    os.mkfifo(path)
    return path


def real(ec, command, **node):
    made = ec("hello")
    made.register_resource("linux::Node", **({"hostname": "localhost"} | node))
    made.register_resource("linux::Application", command=command, connectedTo=1)
    return made


@pytest.mark.slow
def test_a_real_command_is_followed_to_its_end(ec, gate):
    made = real(ec, f"echo one; read -r x <'{gate}'; echo $x")
    with program("trace", "-f", "hello", 2, "stdout") as follower:  # before it has begun
        made.deploy()
        assert follower.stdout.readline() == b"one\n"
        gate.write_text("two\n")
        out, err = follower.communicate(timeout=PATIENCE)
    assert (follower.returncode, out, err) == (0, b"two\n", b"")


@pytest.mark.slow
def test_what_is_not_there_yet_is_waited_for_and_one_without_a_controller_said_to_tell_no_end(ec, gate):
    made = real(ec, f"exec 3<>'{gate}'; read -r x <&3; echo $x >late; read -r x <&3")  # one opening, so never an end
    made.deploy()
    made.wait_started(2, timeout=PATIENCE)
    made.detach()
    with program("trace", "-f", "hello", 2, "late") as follower:
        told = [follower.stderr.readline().decode() for _ in range(2)]
        gate.write_text("one\n")
        shown = follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        status = follower.wait(timeout=PATIENCE)
    gate.write_text("\n")
    assert told[0].endswith("is gone, so nobody tells of the end (Ctrl-C ends this)\n")
    assert told[1].startswith("netreel: there is no trace 'late' of #2 linux::Application; ")
    assert told[1].endswith("; waiting for it (Ctrl-C ends this)\n")
    assert (shown, status) == (b"one\n", 130)
    ExperimentController.reconnect(made.run_dir)


@pytest.mark.slow
def test_ctrl_c_ends_it(ec, gate):
    made = real(ec, f"echo one; read -r x <'{gate}'")
    made.deploy()
    made.wait_started(2, timeout=PATIENCE)
    with program("trace", "-f", "hello", 2, "stdout") as follower:
        assert follower.stdout.readline() == b"one\n"
        follower.send_signal(signal.SIGINT)
        assert (follower.wait(timeout=PATIENCE), follower.stdout.read()) == (130, b"")
        assert b"Traceback" not in follower.stderr.read()
    assert made.state(2).name == "STARTED"
    gate.write_text("\n")


@pytest.mark.slow
def test_what_was_written_at_a_release_is_shown_after_it(ec):
    made = real(ec, "true")
    made.set(2, "tearDown", "echo bye")
    made.deploy()
    assert made.wait_finished(2, timeout=PATIENCE)
    made.shutdown()
    assert answer("trace", "hello", 2, "tear_down") == "bye\n"


@pytest.mark.slow
def test_a_pipe_that_is_closed_is_no_failure(ec):
    made = real(ec, "head -c 5000000 /dev/zero")
    made.deploy()
    assert made.wait_finished(2, timeout=PATIENCE)
    with program("trace", "hello", 2, "stdout") as reader:
        assert reader.stdout.read(3) == bytes(3)
        reader.stdout.close()
        assert (reader.wait(timeout=PATIENCE), reader.stderr.read()) == (0, b"")


@pytest.mark.slow
@pytest.mark.parametrize(("option", "status"), [([], 2), (["--bytes"], 0)])
def test_binary_is_shown_on_a_terminal_only_if_that_is_wished(ec, option, status):
    made = real(ec, "printf 'a\\0b'")
    made.deploy()
    assert made.wait_finished(2, timeout=PATIENCE)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-c", "from replay.cli import main; main()", "trace", "hello", "2", "stdout", *option]
    done = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, check=False, timeout=PATIENCE)
    os.write(theirs, b"|")
    assert done.returncode == status
    shown = b""
    while not shown.endswith(b"|"):
        shown += os.read(ours, 100)
    assert shown == (b"|" if status else b"a\0b|")
    assert (b"--output FILE downloads it" in done.stderr) is bool(status)
    os.close(ours)
    os.close(theirs)


@pytest.mark.slow
def test_a_host_over_ssh_and_what_is_left_of_it(ec, host_pool, hosts, gate, monkeypatch, tmp_path):  # noqa: F811
    monkeypatch.setenv("NETREEL_SSH_CONFIG", str(host_pool.ssh_config))
    (far,) = hosts(1)
    shared = host_pool.shared / tmp_path.name
    os.mkfifo(shared)
    made = real(ec, f"echo one; head -c 3000000 /dev/urandom >data; read -r x <'{shared}'; echo $x", hostname=far.name)
    made.register_resource("Collector", trace_name="stdout", connectedTo=2)
    with program("trace", "-f", "hello", 2, "stdout") as follower:
        made.deploy()
        assert follower.stdout.readline() == b"one\n"
        shared.write_text("two\n")
        assert follower.communicate(timeout=PATIENCE) == (b"two\n", b"")
    shared.unlink()
    target = tmp_path / "data"
    assert answer("trace", "hello", 2, "data", "--output", target) == f"{target}\n"
    assert target.read_bytes() == made.trace(2, "data", "bytes")
    made.shutdown()
    assert answer("trace", "hello", 2, "stdout") == "one\ntwo\n"
    assert refusal("trace", "hello", 2, "data").startswith(f"trace 'data' of #2 is on {far.name}, which was released")
    result = netreel("trace", "hello", 2, "--all", "--output", tmp_path / "all")
    assert (result.exit_code, files(tmp_path / "all")) == (0, {"2.stdout": b"one\ntwo\n"})
    assert len(result.stderr.splitlines()) == 6  # five of those that are not to be had, and how many more
