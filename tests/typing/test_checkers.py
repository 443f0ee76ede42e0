"""What mypy and pyright say to the scripts and types beside this file: exactly what their comments expect."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
SOURCES = [
    *sorted(path for path in HERE.glob("*.py") if path != Path(__file__)),
    ROOT / "examples" / "foreign" / "udpecho" / "resources.py",
]


def expected(checker):
    """By file and line, what the comments expect of a checker."""
    return {
        (path.name, number): found.group(checker)
        for path in SOURCES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := re.search(r"# error: (?P<mypy>[\w-]+) (?P<pyright>\w+)$", line))
    }


def run(module, *args):
    command = [sys.executable, "-m", module, *args, *map(str, SOURCES)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_mypy():
    done = run("mypy")  # as `make lint` runs it on the packages: what it found out then is in its cache
    lines = re.findall(r"^(\S+):(\d+): error: .*\[([\w-]+)\]$", done.stdout, re.MULTILINE)
    assert {(Path(name).name, int(number)): code for name, number, code in lines} == expected("mypy"), done.stdout


def test_pyright():
    done = run("pyright", "--outputjson", "--pythonpath", sys.executable)
    found = {
        (Path(each["file"]).name, each["range"]["start"]["line"] + 1): each["rule"]
        for each in json.loads(done.stdout)["generalDiagnostics"]
        if not each["rule"].startswith("reportUnknown")  # they follow from another one
    }
    assert found == expected("pyright"), done.stdout
