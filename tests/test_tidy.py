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


@pytest.mark.slow
def test_every_module_is_tidy():
    found = {name(path): list(amiss(path.read_text(encoding="utf-8"))) for path in MODULES}
    assert {path: problems for path, problems in found.items() if problems} == {}


def amiss(text):
    """What is wrong with a module."""
    lines = text.splitlines()
    if len(lines) > 500:
        yield f"it has {len(lines)} lines, which do not fit in one sitting"
    for node in ast.walk(ast.parse(text)):
        yield from problems(node)
    for number, line in enumerate(lines, 1):
        if LEFT_OVER.search(line):
            yield f"line {number}: {line.strip()}"


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
