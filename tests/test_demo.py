"""The demo, and the tool that kills its controller, as a person runs them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import replay

ROOT = Path(__file__).parent.parent


def run(*args: str, home: Path, timeout: float = 100) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
        cwd=ROOT,
        env={**os.environ, "NETREEL_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def check_demo(done: subprocess.CompletedProcess[str], home: Path) -> Path:
    """It exits with 0 only if each command ran once, the audit is empty and nothing is left. Gives the run."""
    assert done.returncode == 0, done.stdout + done.stderr
    assert "takes over from the log" in done.stdout
    assert "was found again, running" in done.stdout
    (run_dir,) = (home / "demo").iterdir()
    assert {path.name for path in home.iterdir()} == {"demo", ".host"}
    assert replay.check(run_dir) == []
    assert replay.state(run_dir).epoch == 2
    return run_dir


@pytest.mark.slow
def test_the_demo_shows_what_it_says(tmp_path: Path) -> None:
    """Where there can be no network of its own it says why, and shows the same without."""
    done = run("examples/demo", home=tmp_path)
    run_dir = check_demo(done, tmp_path)
    if "Without a network of its own" not in done.stdout:
        assert "port of r1 to r2: up is now False, as the first one had planned" in done.stdout
        assert (run_dir / "throughput.png").exists()


@pytest.mark.torture
def test_the_demo_without_a_network_of_its_own(tmp_path: Path) -> None:
    """As on a machine that has neither root nor namespaces for users."""
    check_demo(run("examples/demo", "loopback", home=tmp_path), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("also", [(), ("--twice",)], ids=["once", "twice"])
def test_whenever_the_controller_is_killed_nothing_is_lost_or_done_twice(tmp_path: Path, also: tuple[str, ...]) -> None:
    """A small share of the proof; `make torture` has the whole of it."""
    done = run("tools/kill_demo.py", "--moments", "2", "--seconds", "0.4", "--jobs", "2", *also, home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed, 0 failed" in done.stdout


@pytest.mark.torture
@pytest.mark.timeout(600)
@pytest.mark.parametrize("also", [(), ("--twice",)], ids=["once", "twice"])
def test_whenever_the_controller_of_a_network_is_killed_nothing_is_left(tmp_path: Path, also: tuple[str, ...]) -> None:
    """With a network of its own, which goes on as well."""
    done = run(
        "tools/kill_demo.py", "--kind", "network", "--moments", "20", "--jobs", "2", *also, home=tmp_path, timeout=500
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
def test_the_reference_pages_are_up_to_date(tmp_path: Path) -> None:
    """They are made from the code: tools/reference.py."""
    done = run("tools/reference.py", "--check", home=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
