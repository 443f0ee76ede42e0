"""Every command on the pages about exports and reports answers as they say, and their Python runs."""

import os
import re
import shlex
from pathlib import Path

import pytest

from tests.replay.shell import lines, netreel
from tests.replay.test_debugging_page import FIRST, play

_BLOCKS = re.compile(r"```python\n((?:.*\n)*?)```|((?:^    .*\n|^\n(?=    ))+)", re.MULTILINE)
DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def home(home, tmp_path, monkeypatch):
    """Where the run of the pages is. They are read in a directory in which its script is as it was."""
    play(home / "hello" / FIRST, 41, 1)
    monkeypatch.chdir(tmp_path)
    Path("hello.py").write_text("from engine import ExperimentController")
    os.utime("hello.py", (50, 50))
    return home


def steps(page):
    """What a page does, in its order: commands with what they answer, and Python."""
    text = (DOCS / page).read_text(encoding="utf-8")
    for code, block in _BLOCKS.findall(text):
        if code:
            yield code, None
        for example in re.split(r"^    \$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = (line.removeprefix("    ").rstrip() for line in example.rstrip().splitlines())
            yield command, shown


@pytest.mark.slow
@pytest.mark.parametrize(("page", "least"), [("export.md", 8), ("report.md", 1)])
def test_what_a_page_shows_happens(home, page, least):
    found = list(steps(page))
    assert len(found) >= least
    for text, shown in found:
        if shown is None:
            exec(text, {})
        else:
            program, *args = shlex.split(text)
            assert program == "netreel"
            assert lines(*args) == shown, text


@pytest.mark.slow
@pytest.mark.parametrize(("command", "number"), [("export", 4), ("report", 2), ("fork", 1)])
def test_what_the_page_of_commands_shows_works(home, command, number):
    """Results of tools are left out: the run has none."""
    section = (DOCS / "commands.md").read_text(encoding="utf-8").partition(f"\n## {command}\n")[2].partition("\n## ")[0]
    examples = re.findall(rf"^    (netreel {command} [^|\n]*)", section, re.MULTILINE)
    found = [shlex.split(example)[1:] for example in examples if "--trace" not in example]
    assert len(found) == number
    for args in found:
        result = netreel(*args)
        assert result.exit_code == 0, result.output
