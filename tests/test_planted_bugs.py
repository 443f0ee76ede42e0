"""The bugs that `tools/planted_bugs.py` plants can still be planted: whether they are found, `make torture` shows."""

import importlib
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TOOLS = Path(__file__).parent.parent / "tools"


@pytest.mark.parametrize("part", ["core", "log", "runtime", "script"])
def test_their_texts_are_in_the_code(part, monkeypatch):
    monkeypatch.syspath_prepend(TOOLS)
    tool = importlib.import_module("planted_bugs")
    tool.check_texts(tool.PARTS[part], importlib.import_module(f"bugs_{part}").BUGS)


@pytest.fixture(autouse=True)
def _forget():
    """Its modules have names that others may use."""
    yield
    for name in ("planted_bugs", "bugs_core", "bugs_log", "bugs_runtime", "bugs_script"):
        sys.modules.pop(name, None)
