"""The examples of the page about forks do what the page says, on the run of the page about debugging."""

import re
import shlex
from pathlib import Path

import pytest

import replay
from engine import ResourceFactory, ResourceManager, ResourceState, attr, link
from tests.replay.shell import netreel
from tests.replay.test_debugging_page import FIRST, play

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "fork.md").read_text(encoding="utf-8")


class Node(ResourceManager, rtype="linux::Node"):
    hostname: str = attr()

    def provision(self, intent):
        """As the page's run has it."""


class Application(ResourceManager, rtype="linux::Application"):
    depends: list[str] = attr(default=[])
    node = link("linux::Node", min=1, max=1)

    def deploy(self, intent):
        """As the page's run has it."""


@pytest.fixture
def run_dir(home, tmp_path, monkeypatch):
    monkeypatch.setattr(ResourceFactory, "_types", {"linux::Node": Node, "linux::Application": Application})
    monkeypatch.chdir(tmp_path)
    play(home / "hello" / FIRST, 41, 1)
    return home / "hello" / FIRST


def test_the_command_answers_as_the_page_says(run_dir):
    command, path, told = re.search(r"    \$ (netreel fork.*)\n    (.*)\n    (.*)\n", PAGE).groups()
    result = netreel(*shlex.split(command)[1:])
    assert (result.exit_code, result.stdout, result.stderr) == (0, f"{path}\n", f"{told}\n")
    assert Path(path).exists()


def test_its_python_runs(run_dir, ec):
    codes = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(codes) == 2
    for code in codes:
        made = {"replay": replay, "ResourceState": ResourceState, "run_dir": run_dir}
        exec(code, made)
        assert made["ec"].wait_deployed(1, timeout=20)
