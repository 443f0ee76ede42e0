"""What the packages offer, and what importing them costs."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import engine
import eventlog
import replay

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent

CONTRACT = [
    "ExperimentController",
    "ECState",
    "FailureLevel",
    "FailureManager",
    "ResourceState",
    "ResourceAction",
    "ResourceManager",
    "ResourceFactory",
    "attr",
    "link",
    "Trace",
    "TraceAttr",
    "Intent",
    "Alive",
    "Ended",
    "Gone",
    "NeverBegan",
    "Task",
    "TaskStatus",
    "NetGraph",
    "TopologyType",
    "SFormats",
    "PFormats",
    "ExperimentRunner",
    "Handle",
    "ExperimentError",
    "UsageError",
    "UnknownResourceType",
    "UnknownGuid",
    "BadAttribute",
    "BadConnection",
    "BadCondition",
    "BadState",
    "ResourceFailed",
    "ExperimentAborted",
    "WaitTimeout",
    "ScriptDiverged",
    "Closed",
    "EngineBug",
    "CommandFailed",
    "TransportLost",
]


@pytest.mark.parametrize("name", CONTRACT)
def test_what_scripts_import_from_engine(name):
    assert getattr(engine, name).__name__ == name
    assert name in engine.__all__


@pytest.mark.parametrize("package", [engine, replay, eventlog])
def test_everything_that_is_announced_is_there(package):
    assert sorted(package.__all__) == sorted(set(package.__all__))
    for name in package.__all__:
        assert getattr(package, name) is not None


@pytest.mark.parametrize("package", [engine, replay])
def test_what_is_not_there_is_an_attribute_error(package):
    with pytest.raises(AttributeError, match="nothing_of_the_kind"):
        _ = package.nothing_of_the_kind


@pytest.mark.parametrize("package", [engine, replay])
def test_what_type_checkers_see_is_what_is_offered(package):
    """The lazy names and those behind TYPE_CHECKING are two lists of the same."""
    tree = ast.parse(Path(package.__file__).read_text())
    seen = {alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert set(package.__all__) <= seen
    for name, module in package._HOME.items():
        assert getattr(importlib.import_module(module), name) is getattr(package, name)


LOOK = """
import sys, threading
before = threading.active_count()
import {package}
print(threading.active_count() - before, *sorted(
    name for name in ("pykka", "paramiko", "rms", "networkx", "rich", "click") if name in sys.modules))
"""


@pytest.mark.parametrize("package", ["engine", "replay", "eventlog", "replay.views, replay.audit"])
def test_importing_starts_no_thread_and_loads_no_type(package):
    done = subprocess.run(
        [sys.executable, "-c", LOOK.format(package=package)], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["0"]
