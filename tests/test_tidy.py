"""The code keeps the shape that it was given: short modules, short functions, and nothing left lying about."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("engine", "eventlog", "replay", "rms")
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
LEFT_OVER = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")


def name(path):
    return str(path.relative_to(ROOT))


@pytest.fixture(params=MODULES, ids=name)
def path(request):
    return request.param


def test_it_fits_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 500


def test_it_is_tidy(path):
    text = path.read_text(encoding="utf-8")
    tree = ast.parse(text)
    found = [problem for node in ast.walk(tree) for problem in problems(node)]
    found += [
        f"line {number}: {line.strip()}" for number, line in enumerate(text.splitlines(), 1) if LEFT_OVER.search(line)
    ]
    assert found == []


def problems(node):
    """What is wrong with one node of a module."""
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            lines = node.end_lineno - node.lineno + 1
            if lines > 60:
                yield f"line {node.lineno}: {node.name} has {lines} lines"
        case ast.ExceptHandler(type=None):
            yield f"line {node.lineno}: a bare except"
        case ast.Call(func=ast.Name(id="print")):
            yield f"line {node.lineno}: print"
