"""Every command on the page about debugging answers as the page says, on the run that its script makes."""

import re
import shlex
from pathlib import Path

import pytest

import replay
from engine.core.states import ResourceState
from tests.engine.core.lab import START, link
from tests.replay.labs import lab_in
from tests.replay.shell import lines

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "debugging.md").read_text(encoding="utf-8")
FIRST = "20301231T234515.000000Z-07fc79ee"
SECOND = "20301231T235959.000000Z-4f3a9c21"


def play(run_dir, installing, code):
    """The run of the page's script: an installation takes so many seconds, and the client ends with this status."""
    lab = lab_in(run_dir, script="hello.py")
    lab.type("linux::Node", ("provision", "release"))
    lab.type("linux::Application", ("deploy", "start", "stop", "release"), [link("linux::Node", min=1, max=1)])
    lab.line = 3
    host = lab.add(rtype="linux::Node", hostname="h3")
    server, client, tools = (
        lab.add(rtype="linux::Application", to=[host], label=label) for label in ("server", "client", "tools")
    )
    lab.when(client, START, server, ResourceState.STARTED, 2)
    lab.deploy()
    lab.wait(0.5)
    lab.done(host)
    lab.doing(tools, "installing procps with apt-get")
    lab.wait(1)
    lab.done(server, client)
    lab.wait(installing - 1)
    lab.done(tools)
    lab.wait(0.25)
    lab.done(server, tools)
    lab.wait(2.1)
    lab.done(client)
    lab.wait(10)
    lab.ended(client, code)


@pytest.fixture
def runs(home):
    """The two runs of the page."""
    play(home / "hello" / FIRST, 41, 1)
    play(home / "hello" / SECOND, 3, 0)
    return home / "hello"


def answers():
    """The commands of the page, each with the lines that it shows for it."""
    for block in re.findall(r"(?:^    .*\n|^\n(?=    ))+", PAGE, re.MULTILINE):
        for example in re.split(r"^    \$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = (line.removeprefix("    ").rstrip() for line in example.rstrip().splitlines())
            yield shlex.split(command), shown


def test_every_command_answers_as_the_page_says(runs):
    found = list(answers())
    assert len(found) >= 6
    for command, shown in found:
        assert command[0] == "netreel"
        assert lines(*command[1:]) == shown, command


def test_its_python_runs(runs, monkeypatch):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    monkeypatch.chdir(runs)
    exec(code, {"replay": replay, "first": FIRST, "second": SECOND})


def test_the_lines_of_its_script_are_those_that_are_told():
    script = re.search(r"hello\.py.*?:\n\n((?:    .*\n|\n)+)", PAGE)[1]
    at = dict(enumerate((line.strip() for line in script.splitlines()), 1))
    assert at[8].startswith("client.start_when(server.started")
    assert at[9] == "ec.deploy()"
    for number in map(int, re.findall(r"\(hello\.py:(\d+)\)", PAGE)):
        assert number in at
