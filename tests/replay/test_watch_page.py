"""What the page about watching shows runs, and its keys are those that there are."""

import re
import shlex
from pathlib import Path

import pytest

import replay
from replay.watch.help import KEYS
from tests.replay.shell import lines
from tests.replay.test_debugging_page import FIRST, play

PAGE = (Path(__file__).parents[2] / "docs" / "watch.md").read_text(encoding="utf-8")


@pytest.fixture
def run_dir(home):
    """A run that is called as that of the page."""
    play(home / "hello" / FIRST, 41, 1)
    return home / "hello" / FIRST


def test_its_commands_run(run_dir):
    commands = re.findall(r"^    netreel (.*)$", PAGE, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        assert f"{FIRST} after event " in lines(*shlex.split(command))[0]


@pytest.mark.slow
def test_its_python_runs(run_dir, monkeypatch, capsys):
    monkeypatch.chdir(run_dir)
    exec("".join(re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)), {"replay": replay, "run_dir": run_dir})
    assert re.search(r"client +42\.75\n", capsys.readouterr().out)
    assert (run_dir / "states.png").read_bytes().startswith(b"\x89PNG")


def test_its_keys_are_those_of_the_screen():
    told = {what for _, what in re.findall(r"^\| (`.*) \| (.*) \|$", PAGE, re.MULTILINE)}
    assert {what for _, what in KEYS} <= told
