"""The program `netreel`: its commands and their variables, and what it does where something around it is wrong."""

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

import eventlog
from engine.core import events
from replay.cli.program import main
from tests.replay.shell import lines, netreel, refusal
from tests.replay.test_cli_looking import WAITING, write

PROGRAM = [sys.executable, "-c", "from replay.cli import main; main()"]
README = Path(__file__).parents[2] / "README.md"


def test_an_unknown_command_is_refused(home):
    assert refusal("sho", "hello") == "there is no command 'sho'; did you mean show?"


def test_without_a_command_the_help_is_shown():
    result = netreel()
    assert result.exit_code == 2
    assert "Usage: netreel" in result.stderr
    assert "..." not in result.stderr.partition("COMMAND [ARGS]...")[2]


def test_the_version_is_told():
    assert netreel("--version").stdout == "netreel, version 0.1.0\n"


@pytest.mark.parametrize("command", main.list_commands(click.Context(main)))
def test_every_command_has_an_example_a_section_and_json(home, command):
    text = netreel(command, "--help").stdout
    assert f"Example:\n    netreel {command}" in text
    assert "--json" in text
    page = (README.parent / "docs" / "commands.md").read_text(encoding="utf-8")
    assert f"](#{command}) |" in page
    assert f"\n## {command}\n" in page


@pytest.mark.parametrize("page", [README, *sorted(README.parent.glob("docs/**/*.md"))], ids=lambda page: page.name)
def test_every_command_that_a_page_names_is_there(page):
    named = re.findall(r"(?:`| {4}(?:\$ )?)netreel ([a-z]+)", page.read_text())
    assert set(named) <= set(main.list_commands(click.Context(main)))


def test_a_traceback_is_shown_only_when_asked_for(home):
    result = netreel("show", "--debug", "nothing")
    assert result.exit_code == 2
    assert result.stderr.startswith("Traceback")
    assert result.stderr.splitlines()[-1].startswith("netreel: there is no run 'nothing'")


def test_every_option_has_a_variable_of_its_own_name(monkeypatch):
    shared = {"--home", "--json", "--debug"}
    program = click.Context(main, info_name="netreel")
    for name in main.list_commands(program):
        command = main.get_command(program, name)
        for option in (each for each in command.params if isinstance(each, click.Option)):
            (flag,) = (text for text in option.opts if text.startswith("--"))
            place = "NETREEL" if flag in shared else f"NETREEL_{name.upper()}"
            monkeypatch.setenv(f"{place}_{flag[2:].upper().replace('-', '_')}", "a value")
            assert option.resolve_envvar_value(click.Context(command, parent=program, info_name=name)) == "a value"


def test_flags_can_be_set_in_the_environment(home, monkeypatch):
    write(home)
    monkeypatch.setenv("NETREEL_LOG_SINCE", "10")
    monkeypatch.setenv("NETREEL_JSON", "1")
    assert [json.loads(line)["data"] for line in lines("log", "hello")] == [
        {"step": "start", "receipt": {"pid": 99}},
    ]


def test_a_flag_that_may_be_given_several_times_is_words_in_the_environment(home, monkeypatch):
    write(home)
    monkeypatch.setenv("NETREEL_LOG_KIND", "group step.begun")
    assert [line.split()[0] for line in lines("log", "hello")] == ["controller", "6", "9"]
    monkeypatch.setenv("NETREEL_LOG_GUID", "2")
    assert [line.split()[0] for line in lines("log", "hello")] == ["controller", "6"]


def test_a_missing_permission_is_told_with_its_owner(home, monkeypatch):
    run_dir = write(home)

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(eventlog, "holder", refuse)
    assert refusal("show", "hello") == f"{run_dir}: permission denied; it belongs to {run_dir.owner()}"
    assert "permission denied" in lines("ls")[1]


def test_what_is_behind_a_closed_door_is_told_with_the_owner_of_the_door(home, tmp_path, monkeypatch):
    script = tmp_path / "closed" / "x.py"
    monkeypatch.setattr(Path, "exists", _refuse)
    monkeypatch.setattr(Path, "owner", lambda path: _refuse(path) if path == script else "her")
    assert refusal("run", script) == f"{script}: permission denied; {script.parent} belongs to her"


def _refuse(path):
    raise PermissionError(13, "Permission denied", str(path))


@pytest.mark.slow
def test_a_pipe_that_is_closed_is_no_error(home):
    many = [(0, events.AttributeSet(1, "command", f"say {n}", 0)) for n in range(3000)]
    write(home, [*WAITING, *many])
    command = [*PROGRAM, "log", "hello"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "controller 1\n"
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


@pytest.mark.slow
@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_is_closed_is_no_error(home, closed):
    write(home)
    command = ["sh", "-c", f'"$@" {closed}', "sh", *PROGRAM, "ls"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.count("\n"), done.stderr) == (0, 2 if closed == "2>&-" else 0, "")


@pytest.mark.slow
@pytest.mark.parametrize("args", [["ls"], ["export", "hello", "--to", "csv"]])
def test_an_answer_that_finds_a_full_disk_is_told_in_a_line(home, args):
    write(home)
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*PROGRAM, *args], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "netreel: no space left on device\n")


INTERRUPTED_WHILE = """
import os, signal, sys
class Loading:
    def find_spec(self, name, *_):
        if name == "{module}":
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.{handler})
sys.meta_path.insert(0, Loading())
from replay.cli import main
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "handler", "status"),
    [("click", "default_int_handler", -2), ("rich", "default_int_handler", 130), ("click", "SIG_IGN", 0)],
)
def test_ctrl_c_is_quiet_while_the_program_is_loaded(home, module, handler, status):
    write(home)
    code = INTERRUPTED_WHILE.format(module=module, handler=handler)
    done = subprocess.run([sys.executable, "-c", code, "ls"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (status, "")


@pytest.mark.slow
def test_a_command_that_only_reads_loads_no_engine(home):
    write(home)
    code = (
        "import sys\nfrom replay.cli.program import main\ntry: main(['ls'])\nexcept SystemExit: pass\n"
        "print(sorted({'pykka', 'paramiko', 'networkx', 'engine.controller', 'rms'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
