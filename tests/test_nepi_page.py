"""The page for those who come from NEPI names every method of its controller, and only tests that exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "nepi.md").read_text(encoding="utf-8")

METHODS = """
    load exp_id run_id nthreads local_dir exp_dir run_dir persist netgraph fm failure_level ecstate abort resources
    register_resource get_resource get_resources_by_type filter_resources remove_resource get_attributes get_attribute
    get set get_global set_global register_connection register_condition set_with_conditions enable_trace trace_enabled
    get_traces deploy release shutdown wait wait_finished wait_started wait_deployed wait_released start stop discover
    provision state get_start_time get_stop_time get_discover_time get_provision_time get_ready_time get_release_time
    get_failed_time trace inform_failure schedule get_task plot serialize save
"""


def test_every_method_is_on_it():
    named = set(re.findall(r"`([a-z_]+)(?:\(\))?`", PAGE))
    assert [name for name in METHODS.split() if name not in named] == []


def test_every_test_that_it_names_exists():
    named = re.findall(r"`(test_\w+)::(test_\w+)`", PAGE)
    assert len(named) > 80
    assert [f"{module}::{test}" for module, test in named if test not in names_in(module)] == []


@cache
def names_in(module):
    """The tests of all modules of that name."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in TESTS.rglob(f"{module}.py")]
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
