"""`netreel run, reconnect, release`: real controllers in this process, with resources that only pretend."""

import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path

import pytest

import eventlog
import replay
from engine import Alive, ExperimentController, ResourceFactory, ResourceManager, attr
from tests.replay.shell import netreel

HEAD = """
import os, signal, sys
from engine import ExperimentController
"""

RUNS_ON = """
ec = ExperimentController("hello")
thing = ec.register_resource("lab::Thing", label="the one")
ec.deploy()
ec.wait_started(thing)
"""

IN_A_WITH = """
with ExperimentController("hello") as ec:
    thing = ec.register_resource("lab::Thing", label="the one")
    ec.deploy()
    ec.wait_started(thing)
"""


class Thing(ResourceManager, rtype="lab::Thing"):
    """Runs until it is stopped, ends at once, or fails at once."""

    label: str = attr(default="")
    does: str = attr(default="run", choices=("run", "end", "fail"))
    lasts: bool = attr(default=True, help="Whether it is found running by the next controller; else it has ended.")

    def start(self, intent):
        if self.does == "fail":
            raise RuntimeError("the device is gone")
        if self.does == "end":
            self.ended()

    def probe(self, intent, receipt):
        if not self.lasts:
            self.ended()
        return Alive()


class Network(ResourceManager, rtype="lab::Network"):
    """Is watched from its start on, and never ends."""

    endless = True

    def start(self, intent):
        pass

    def probe(self, intent, receipt):
        return Alive()


@pytest.fixture(autouse=True)
def _known_types(monkeypatch):
    monkeypatch.setattr(ResourceFactory, "_types", {"lab::Thing": Thing, "lab::Network": Network})


def released_by(monkeypatch, hook):
    """Have things released by this function."""

    class Leaving(Thing, rtype="lab::Thing"):
        """A thing with something to undo."""

        release = hook

    monkeypatch.setitem(ResourceFactory._types, "lab::Thing", Leaving)


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    """Where the runs of a test are kept."""
    monkeypatch.setenv("NETREEL_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    return tmp_path / "home"


@pytest.fixture
def script(tmp_path):
    """Writes a script, and gives its path."""

    def write(text: str, name: str = "script.py") -> Path:
        path = tmp_path / name
        path.write_text(HEAD + text)
        return path

    return write


def only_run(home: Path) -> Path:
    (run_dir,) = home.glob("hello/*")
    return run_dir


def short(run_dir: Path) -> str:
    return run_dir.name.rpartition("-")[2]


# --- run --------------------------------------------------------------------------------------------------------


def test_a_script_runs_as_with_python_and_silently_in_a_pipe(home, script):
    path = script("import beside\nprint(__name__, sys.argv[1:], beside.x)" + IN_A_WITH)
    script("x = 7", "beside.py")
    before = list(sys.path), sys.argv
    result = netreel("run", path, "--hosts", "3", "-q")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "__main__ ['--hosts', '3', '-q'] 7\n", "")
    assert (list(sys.path), sys.argv) == before
    assert replay.state(only_run(home)).closed


def test_a_home_that_is_given_is_that_of_the_script(tmp_path, home, script):
    assert netreel("run", "--home", tmp_path / "other", script(IN_A_WITH)).exit_code == 0
    assert not home.exists()
    assert replay.state(only_run(tmp_path / "other")).closed


def test_a_critical_failure_is_told_and_fails(home, script):
    result = netreel("run", script(IN_A_WITH.replace('label="the one"', 'does="fail"')))
    assert result.exit_code == 1
    assert result.stderr == (
        "netreel: hello failed because of #1 lab::Thing: the device is gone; "
        f"look at it: netreel show {short(only_run(home))}\n"
    )


AMISS = """
    import eventlog, warnings
    from engine import ResourceAction, ResourceState
    warnings.simplefilter("ignore")
    late, never = ec.register_resource("lab::Thing"), ec.register_resource("lab::Thing")
    ec.register_condition(late, ResourceAction.START, never, ResourceState.STARTED)
    ec.deploy(late)
    ec.schedule("0s", lambda: {}["x"])
    with eventlog.open(ec.run_dir) as log:
        next(event for event in log.follow() if event.kind == "task.done")
"""


def test_what_failed_nothing_is_told_at_the_end(home, script):
    result = netreel("run", script(IN_A_WITH + AMISS))
    assert result.exit_code == 0
    assert result.stderr.splitlines() == [
        "netreel: hello: scheduled function 1: KeyError: 'x'",
        "netreel: hello: #2 lab::Thing waits for #3 lab::Thing to be STARTED, and nobody has deployed it",
    ]


def test_what_the_engine_refuses_is_shown_at_the_line_of_the_script(home, script):
    path = script(
        'def describe(ec):\n    ec.set(7, "x", 1)\nwith ExperimentController("hello") as ec:\n    describe(ec)'
    )
    result = netreel("run", path)
    assert result.exit_code == 1
    assert re.findall(r'File ".*/(.*)", line (\d+)', result.stderr) == [("script.py", "7"), ("script.py", "5")]
    assert "UnknownGuid: there is no resource #7; " in result.stderr


def test_a_script_that_raises_shows_its_traceback_and_fails(home, script):
    result = netreel("run", script(IN_A_WITH + '    raise RuntimeError("oh")'))
    assert result.exit_code == 1
    assert result.stderr.splitlines()[0] == "Traceback (most recent call last):"
    assert 'script.py", line ' in result.stderr.splitlines()[1]
    assert result.stderr.splitlines()[-1] == "RuntimeError: oh"
    assert replay.state(only_run(home)).closed


@pytest.mark.parametrize(("code", "status", "said"), [("3", 3, ""), ("None", 0, ""), ('"bad luck"', 1, "bad luck\n")])
def test_a_script_that_exits_keeps_its_status(home, script, code, status, said):
    result = netreel("run", script(f"sys.exit({code})"))
    assert (result.exit_code, result.stderr) == (status, said)


def test_a_script_without_shutdown_lets_go_and_says_how_to_come_back(home, script):
    result = netreel("run", script(RUNS_ON))
    run_dir = only_run(home)
    assert result.exit_code == 0
    assert result.stderr == (
        f"netreel: hello goes on without its controller; to come back: netreel reconnect {short(run_dir)}\n"
    )
    assert eventlog.holder(run_dir) is None
    assert replay.state(run_dir).resources[1].state.name == "STARTED"


def test_json_has_the_runs_alone_on_standard_output(home, script):
    result = netreel("run", "--json", script('print("noise")' + IN_A_WITH))
    (run,) = json.loads(result.stdout)
    assert (run["exp_id"], run["state"], run["aborted"], run["resources"]) == ("hello", "over", False, {"RELEASED": 1})
    assert result.stderr == "noise\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("x.py", None, "there is no script {path}"),
        (
            "lab.txt",
            "",
            (
                "{path} is no script; run takes a file of Python, NAME.py, or a description, .xml, .json, "
                ".clab.yaml or .clab.yml"
            ),
        ),
        ("x.py", "def (", "{path}, line 1: invalid syntax: def ("),
        ("x.py", "x = '\0'", "{path}: source code string cannot contain null bytes"),
    ],
)
def test_what_is_no_script_is_refused(home, tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    result = netreel("run", path)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == f"netreel: {message.format(path=path)}\n"
    assert not home.exists()


def test_a_script_that_does_not_exist_is_refused_with_the_nearest_one(home, script):
    path = script("")
    result = netreel("run", path.with_name("scrpt.py"))
    assert result.stderr.endswith("scrpt.py; did you mean script.py?\n")


# --- reconnect and release --------------------------------------------------------------------------------------


def left_behind(home: Path, **attributes: object) -> Path:
    """A run that goes on without its controller, with one resource."""
    ec = ExperimentController("hello", home)
    thing = ec.register_resource("lab::Thing", **attributes)
    ec.deploy()
    ec.wait_started(thing)
    ec.detach()
    return ec.run_dir


def test_reconnecting_waits_for_the_end_and_leaves_the_run(home):
    run_dir = left_behind(home, lasts=False)
    result = netreel("reconnect", "hello")
    assert result.exit_code == 0
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["STATE", "STOPPED"]
    assert result.stderr == f"netreel: hello is not released; to do so: netreel release {short(run_dir)}\n"
    assert not replay.state(run_dir).closed


def test_reconnecting_does_not_wait_for_what_has_no_end(home):
    with ExperimentController("hello", home) as ec:
        all_of_it = [ec.register_resource("lab::Network"), ec.register_resource("lab::Thing", lasts=False)]
        ec.deploy()
        ec.wait_started(all_of_it)
        ec.detach()
    result = netreel("reconnect", "hello")
    assert result.exit_code == 0
    assert [line.split()[1] for line in result.stdout.splitlines()] == ["STATE", "STARTED", "STOPPED"]


def test_reconnecting_with_release_closes_the_run(home):
    run_dir = left_behind(home, lasts=False)
    result = netreel("reconnect", "hello", "--release", "--json")
    assert (result.exit_code, json.loads(result.stdout)["state"], result.stderr) == (0, "over", "")
    assert replay.check(run_dir) == []


def test_releasing_says_what_it_released(home):
    run_dir = left_behind(home)
    result = netreel("release", "hello")
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == "released #1 lab::Thing, which was STARTED\n"
    assert replay.state(run_dir).closed


def test_a_run_that_is_over_needs_no_release_and_cannot_be_taken_over(home):
    run_dir = left_behind(home)
    netreel("release", "hello")
    again = netreel("release", "hello")
    assert (again.exit_code, again.stderr) == (0, "")
    assert again.stdout == f"{run_dir.name} is over: everything in it is released\n"
    refused = netreel("reconnect", "hello")
    assert refused.exit_code == 2
    assert refused.stderr.startswith(f"netreel: {run_dir} is over: ")


def test_a_release_that_fails_is_told_and_fails(home, monkeypatch):
    def refuse(self, intent):
        raise RuntimeError("the switch does not answer")

    released_by(monkeypatch, refuse)
    left_behind(home)
    result = netreel("release", "hello")
    assert result.exit_code == 1
    assert "something may be left: #1 lab::Thing: the switch does not answer" in result.stderr


@pytest.mark.parametrize("command", ["reconnect", "release"])
def test_a_run_whose_controller_lives_is_refused_with_its_pid(home, command):
    with ExperimentController("hello", home) as ec:
        result = netreel(command, "hello")
        holder = eventlog.holder(ec.run_dir)
    assert result.exit_code == 2
    assert result.stderr == (
        f"netreel: {ec.run_id} has a controller, pid {os.getpid()} on {holder['host']} since {holder['since']}; "
        "end that one first, with one Ctrl-C where it runs\n"
    )


def test_a_type_that_is_not_installed_is_told(home, monkeypatch):
    run_dir = left_behind(home)
    monkeypatch.setattr(ResourceFactory, "_types", {})
    result = netreel("reconnect", "hello")
    assert result.exit_code == 2
    assert result.stderr.startswith("netreel: there is no resource type 'lab::Thing'; ")
    assert result.stderr.endswith(
        f" (if a package announces it, install that; if the run's script defines it, netreel resume {run_dir} runs "
        "that again; if something else does, let that call ResourceFactory.register_type with it, and "
        f"ExperimentController.reconnect('{run_dir}'))\n"
    )


# --- on a terminal ----------------------------------------------------------------------------------------------


_LOOKS = {"COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "COLORTERM"}
"""Variables of whoever runs the tests that would change how a terminal is written to."""


def on_a_terminal(*args: object, columns: int = 80, **environment: str) -> str:
    """What the program writes to a terminal of 24 lines."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    command = [sys.executable, "-c", "from replay.cli import main; main()", *map(str, args)]
    inherited = {name: value for name, value in os.environ.items() if name not in _LOOKS}
    variables = {**inherited, "TERM": "xterm-256color", **environment}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=variables) as process:
        os.close(theirs)
        shown = b""
        try:
            while block := os.read(ours, 65536):
                shown += block
        except OSError:  # how a terminal says that nobody writes to it any more
            os.close(ours)
    assert process.returncode == 0
    return shown.decode().replace("\r\n", "\n")


THREE = """
with ExperimentController("hello") as ec:
    host = ec.register_resource("linux::Node", hostname="localhost")
    print("described")
    ec.deploy()
    ec.wait_started(host)
"""


@pytest.mark.slow
def test_a_terminal_shows_what_happens_and_how_it_ended(home, script):
    shown = on_a_terminal("run", script(THREE))
    assert "described\n" in shown
    assert "\x1b[" in shown
    last = shown[shown.rindex("hello") :]
    assert "linux::Node" in shown
    assert "RELEASED" in shown
    assert f"look at it: netreel show {short(only_run(home))}\n" in last
    assert shown.endswith("\n")


@pytest.mark.slow
def test_a_dumb_terminal_gets_no_view_and_no_escapes(home, script):
    shown = on_a_terminal("run", script(THREE), TERM="dumb")
    assert shown.startswith("described\nnetreel: hello is released after ")
    assert "\x1b" not in shown


@pytest.mark.slow
def test_colours_can_be_switched_off_and_a_narrow_terminal_gets_short_lines(home):
    left_behind(home, label="a label that is far too long for a terminal as narrow as this one")
    netreel("release", "hello")
    shown = on_a_terminal("show", "hello", columns=40, NO_COLOR="1")
    assert "\x1b[3" not in shown
    assert max(len(re.sub(r"\x1b\[\d*m", "", line)) for line in shown.splitlines()) <= 40
    assert f"netreel log {short(only_run(home))} " in shown
