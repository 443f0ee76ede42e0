"""The tool that kills scripts at every event and resumes them, as a person runs it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parent.parent / "tools" / "kill_resume.py"


def prove(*options: str) -> None:
    done = subprocess.run(
        [sys.executable, TOOL, *options],
        env={name: value for name, value in os.environ.items() if name != "NETREEL_HOME"},
        capture_output=True,
        text=True,
        timeout=3000,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert ", 0 failed" in done.stdout


@pytest.mark.slow
def test_a_script_that_is_killed_comes_to_the_same() -> None:
    """A small share of the proof."""
    prove("--every", "30")


@pytest.mark.torture
@pytest.mark.parametrize("also", [(), ("--before",), ("--twice",)], ids=["once", "before", "twice"])
@pytest.mark.parametrize("kind", ["transfer", "loopback"])
def test_a_script_that_is_killed_at_any_event_comes_to_the_same(kind: str, also: tuple[str, ...]) -> None:
    """The whole of it; for the demo's network, which not every machine can have, run the tool."""
    prove("--kind", kind, *also)
