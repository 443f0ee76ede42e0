"""The demo, and the tool that kills its controller, as a person runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import replay

ROOT = Path(__file__).parent.parent


def run(*args: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        cwd=ROOT,
        env={**os.environ, "NETREEL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


@pytest.mark.slow
def test_the_demo_shows_what_it_says(tmp_path: Path) -> None:
    """It exits with 0 only if each command ran once, the audit is empty and nothing is left."""
    done = run("examples/demo", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "takes over from the log" in done.stdout
    assert "was found again, running" in done.stdout
    (run_dir,) = (tmp_path / "demo").iterdir()
    assert {path.name for path in tmp_path.iterdir()} == {"demo", ".host"}
    assert replay.check(run_dir) == []
    assert replay.state(run_dir).epoch == 2


@pytest.mark.slow
@pytest.mark.parametrize("also", [(), ("--twice",)], ids=["once", "twice"])
def test_whenever_the_controller_is_killed_nothing_is_lost_or_done_twice(tmp_path: Path, also: tuple[str, ...]) -> None:
    """A small share of the proof; `make torture` has the whole of it."""
    done = run("tools/kill_demo.py", "--moments", "4", "--seconds", "0.4", "--jobs", "4", *also, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed, 0 failed" in done.stdout


@pytest.mark.slow
def test_the_reference_pages_are_up_to_date(tmp_path: Path) -> None:
    """They are made from the code: tools/reference.py."""
    done = run("tools/reference.py", "--check", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
