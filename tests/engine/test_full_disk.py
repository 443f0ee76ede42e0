"""A log that can no longer be written: the controller says so and stops acting, and another one goes on later."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import eventlog
import replay
from engine import ResourceState

CONTROLLER = textwrap.dedent("""
    import os, resource, sys
    from engine import ExperimentController
    from eventlog import LogError

    ec = ExperimentController("full", local_dir=sys.argv[1])
    host = ec.register_resource("linux::Node", hostname="localhost")
    ready, go = (os.path.join(sys.argv[1], name) for name in ("ready", "go"))
    os.mkfifo(go)
    wait = f"echo on; read line < {go}; echo off"
    app = ec.register_resource("linux::Application", command=wait, connectedTo=host)
    ec.deploy()
    ec.wait_started(app)

    # From here on no file of this process may grow: the same as a full disk.
    segment = max(os.scandir(ec.run_dir / "log"), key=lambda entry: entry.stat().st_size)
    resource.setrlimit(resource.RLIMIT_FSIZE, (segment.stat().st_size, resource.RLIM_INFINITY))
    try:
        ec.register_resource("linux::Node", hostname="localhost")
    except LogError as error:
        print(type(error).__name__, ec.ecstate.name, ec.failure_level.name, flush=True)
    for call in (ec.deploy, lambda: ec.wait_finished(app), ec.shutdown):
        try:
            call()
        except LogError as error:
            print(type(error).__name__, flush=True)
    print(ec.run_dir, flush=True)
""")


@pytest.mark.slow
def test_a_full_disk_stops_the_controller_and_nothing_else(tmp_path: Path) -> None:
    """What runs goes on, every call says why nothing is done any more, and a later controller takes over."""
    done = subprocess.run(
        [sys.executable, "-c", CONTROLLER, str(tmp_path)], capture_output=True, text=True, timeout=60, check=True
    )
    *said, run_dir = done.stdout.splitlines()
    assert said == ["WriteFailed FAILED EC_FAILURE", "WriteFailed", "WriteFailed", "WriteFailed"], done.stderr

    app = replay.state(run_dir).resources[2]
    assert app.state is ResourceState.STARTED
    os.kill(app.receipts["start"]["pid"], 0)
    assert len(replay.state(run_dir).resources) == 2
    assert eventlog.verify(run_dir).ok

    with replay.reconnect(run_dir) as ec:
        (tmp_path / "go").write_text("\n")
        assert ec.wait_finished(2, timeout=30)
        assert ec.trace(2, "stdout") == "on\noff\n"
        assert ec.exit_code(2) == 0
    assert replay.check(run_dir) == []


def test_exceeding_the_limit_is_an_error_and_no_signal() -> None:
    """What the test above rests on: Python ignores SIGXFSZ, so that a write fails instead."""
    assert signal.getsignal(signal.SIGXFSZ) is signal.SIG_IGN
