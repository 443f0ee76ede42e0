"""Somebody else's package, installed: its types are found, keep the contract, and outlive their controller."""

import os
import shutil
import signal
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import eventlog
import replay

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
PIP = ["install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check"]

BEGIN = """
import signal
from engine import ExperimentController
from udpecho import Client

ec = ExperimentController("echo")
host = ec.register_resource("linux::Node", hostname="localhost")
server = ec.register_resource("udpecho::Server", key="env:ECHO_KEY", connectedTo=host)
client = ec.add(Client(count=60, interval=0.05, key="env:ECHO_KEY"), on=[host, server])
ec.deploy()
assert ec.wait_started(client)
print(ec.run_dir, flush=True)
signal.pause()
"""

GO_ON = """
import sys
from engine import ExperimentController

with ExperimentController.reconnect(sys.argv[1]) as ec:
    assert ec.wait_finished(3, timeout=60), ec.state(3, hr=True)
    print(ec.trace(3, "rtt"), end="")
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """That of a process for which the package is installed, with a home of its own."""
    if int(metadata.version("setuptools").partition(".")[0]) < 77:
        pytest.skip("to build a package takes setuptools 77 or later")
    place = tmp_path_factory.mktemp("foreign")
    shutil.copytree(ROOT / "examples" / "foreign", place / "source")  # a build leaves files in it
    subprocess.run([sys.executable, "-m", "pip", *PIP, "--target", place / "site", place / "source"], check=True)
    paths = [str(place / "site"), str(ROOT)]
    return os.environ | {
        "PYTHONPATH": os.pathsep.join(paths),
        "NETREEL_HOME": str(place / "home"),
        "ECHO_KEY": "pr1vate",
    }


def run(environment, *args):
    done = subprocess.run(
        [sys.executable, *args], env=environment, capture_output=True, text=True, check=False, timeout=100
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_its_types_are_announced(environment):
    listed = run(environment, "-c", "import engine; print(*engine.ResourceFactory.resource_types())").split()
    assert {"udpecho::Client", "udpecho::Server"} <= set(listed)


def test_its_own_tests_pass(environment):
    tests = ROOT / "examples" / "foreign" / "tests"
    run(environment, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "-c", os.devnull, str(tests))


def test_its_processes_outlive_the_controller_and_are_found_again(environment):
    with subprocess.Popen([sys.executable, "-c", BEGIN], env=environment, stdout=subprocess.PIPE, text=True) as first:
        run_dir = first.stdout.readline().strip()
        first.send_signal(signal.SIGKILL)
    rtt = [line.split() for line in run(environment, "-c", GO_ON, run_dir).splitlines()]
    assert [int(number) for number, _ in rtt] == list(range(60))
    assert sum(time != "lost" for _, time in rtt) > 30  # on a busy machine some are late
    with eventlog.open(run_dir) as log:
        events = list(log)
    assert {event.guid for event in events if event.kind == "resource.found"} == {2, 3}
    assert sum(event.kind == "step.begun" and event.data["step"] == "start" for event in events) == 2
    assert replay.check(run_dir) == []
    assert not any(b"pr1vate" in path.read_bytes() for path in Path(run_dir).rglob("*") if path.is_file())
