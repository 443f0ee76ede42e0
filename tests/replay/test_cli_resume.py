"""`netreel resume`: scripts in this process, with resources that only pretend; and once as a person would."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import eventlog
import replay
from engine import ExperimentController, SFormats
from tests.replay.again import STARTS, dying
from tests.replay.shell import lines, netreel, refusal

SCRIPT = """
import sys
from engine import ExperimentController
with ExperimentController("again") as ec:
    job = ec.register_resource("again::Job", command=sys.argv[1])
    print("before", flush=True)
    ec.deploy()
    print(ec.wait_finished(job), ec.get(job, "command"))
"""


@pytest.fixture(autouse=True)
def fresh(home):
    STARTS.clear()


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(SCRIPT)
    return path


def die(script, monkeypatch, seq):
    """The run of a script that died behind an event."""
    with dying(monkeypatch, seq):
        netreel("run", script, "first")
    (run_dir,) = Path(os.environ["NETREEL_HOME"], "again").iterdir()
    return run_dir


def test_it_runs_the_script_again_where_it_ran_as_it_ran(script, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    run_dir = die(Path("script.py"), monkeypatch, 4)
    short = run_dir.name.rpartition("-")[2]
    assert f"netreel resume {short}     go on with its script" in lines("show", "again")
    monkeypatch.chdir("/")
    result = netreel("resume", "again")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "before\nTrue first\n", "")
    assert list(STARTS.values()) == [1]
    assert (replay.state(run_dir).closed, Path.cwd()) == (True, Path("/"))


def test_runs_beside_it_of_which_nothing_can_be_told_keep_nobody_from_it(script, monkeypatch, home):
    die(script, monkeypatch, 4)
    eventlog.FileStore(home / "another" / "empty").open_writer("a test").close()
    (home / "another" / "damaged" / "log").mkdir(parents=True)
    (home / "another" / "damaged" / "log" / "00000001-0000000000000001.log").write_bytes(b"no log" * 9)
    result = netreel("resume", "again")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "before\nTrue first\n", "")


def test_in_json_it_tells_the_runs_of_the_script(script, monkeypatch):
    run_dir = die(script, monkeypatch, 4)
    result = netreel("resume", run_dir, "--json")
    assert f'"run_id": "{run_dir.name}"' in result.stdout
    assert '"state": "over"' in result.stdout
    assert result.stderr == "before\nTrue first\n"


def test_a_script_that_differs_gets_one_line_and_nothing_is_changed(script, monkeypatch):
    run_dir = die(script, monkeypatch, 4)
    before = replay.state(run_dir).seq
    script.write_text(SCRIPT.replace("sys.argv[1]", '"second"'))
    result = netreel("resume", "again")
    changed, diverged = result.stderr.splitlines()
    assert (result.exit_code, result.stdout) == (2, "")
    assert changed == f"netreel: {script} is not as it was; its calls are compared with those in the log, one by one"
    assert diverged.startswith(
        f"netreel: the script differs from its log. Now: register_resource() at {script}:5 comes to"
    )
    assert "'command': 'second'" in diverged
    assert "Then: event 3, resource.registered of #1" in diverged
    assert replay.state(run_dir).seq == before
    assert eventlog.holder(run_dir) is None


def test_what_was_added_at_the_end_is_run_if_it_is_accepted(script, monkeypatch):
    die(script, monkeypatch, 9)
    script.write_text(SCRIPT + '    print("more", ec.register_resource("again::Job"))\n')
    assert netreel("resume", "again").exit_code == 2
    result = netreel("resume", "again", "--accept")
    assert (result.exit_code, result.stdout) == (0, "before\nTrue first\nmore 2\n")


def test_a_script_that_raises_shows_its_traceback_and_fails(script, monkeypatch):
    die(script, monkeypatch, 4)
    script.write_text(SCRIPT.replace("print(ec", "1 / 0; print(ec"))
    result = netreel("resume", "again")
    assert (result.exit_code, result.stdout) == (1, "before\n")
    assert "ZeroDivisionError: division by zero" in result.stderr


def test_what_cannot_be_resumed_is_told(script, monkeypatch, tmp_path, home):
    assert refusal("resume", "again") == f"there is no run 'again' below {home}; none is known"
    run_dir = die(script, monkeypatch, 4)
    script.rename(tmp_path / "other.py")
    gone = f"the script, {script}, is gone; put it back, or go on without it: reconnect"
    assert refusal("resume", "again") == gone
    (tmp_path / "other.py").rename(script)
    assert netreel("resume", "again").exit_code == 0
    assert refusal("resume", "again").startswith(f"{run_dir} is over: its controller released everything")


def test_a_run_without_a_script_is_gone_on_with_otherwise(tmp_path, monkeypatch):
    described = tmp_path / "hello.json"
    with ExperimentController("other") as ec:
        ec.register_resource("again::Job")
        described.write_text(ec.serialize(SFormats.JSON).replace("other", "hello"))
    with dying(monkeypatch, 5):
        netreel("run", described)
    assert "was made by no script that could be run again" in refusal("resume", "hello")


PAGE = (Path(__file__).parents[2] / "docs" / "resume.md").read_text(encoding="utf-8")
BEFORE = """
import os, signal

def free_port():
    print("asked for a port", flush=True)
    return 7

def publish(line):
    print("published", line, flush=True)
"""


@pytest.mark.slow
def test_the_script_of_the_page_goes_on_as_if_nothing_had_been(tmp_path, home):
    """It is run by Python itself as a module of a package, killed before its last lines, and resumed by the command."""
    (script,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    killed = script.replace(
        "    line =", "    'DIE' in os.environ and os.kill(os.getpid(), signal.SIGKILL)\n    line ="
    )
    (tmp_path / "lab").mkdir()
    (tmp_path / "lab" / "hello.py").write_text(BEFORE + killed)
    environment = {**os.environ, "NETREEL_HOME": str(home)}

    def run(*command, **more):
        return subprocess.run(
            command, env={**environment, **more}, cwd=tmp_path, capture_output=True, text=True, check=False
        )

    first = run(sys.executable, "-m", "lab.hello", DIE="1")
    assert (first.returncode, first.stdout) == (-signal.SIGKILL, "asked for a port\n")
    second = run(Path(sys.executable).with_name("netreel"), "resume", "hello")
    (run_dir,) = (home / "hello").iterdir()
    said = replay.state(run_dir).resources[2].attributes["command"].removeprefix("echo ")
    assert (second.returncode, second.stderr) == (0, "")
    assert second.stdout.split("\n") == [f"published {replay.state(run_dir).start:%F} {said}", "", ""]
    assert replay.check(run_dir) == []


def test_the_message_of_the_page_is_that_of_a_script_that_differs(script, monkeypatch):
    die(script, monkeypatch, 4)
    script.write_text(SCRIPT.replace("sys.argv[1]", '"second"'))
    said = refusal_of_changed("resume", "again")
    (told,) = re.findall(r"^    (netreel: the script differs.*?)\n\n", PAGE, re.DOTALL | re.MULTILINE)
    parts = [" ".join(part.split()) for part in told.split("\u2026")]
    assert all(part.replace("script.py:5", f"{script}:5") in said for part in parts)


def refusal_of_changed(*args):
    """The one line by which it refuses, behind the one that tells that the script has changed."""
    _, said = netreel(*args).stderr.splitlines()
    return said
