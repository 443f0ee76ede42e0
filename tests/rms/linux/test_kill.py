"""Controllers are killed at any moment; nothing is started twice, no output and no exit status is lost."""

import random
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import replay
from engine import ExperimentController, ResourceState

PATIENCE = 60
EACH = 5

CONTROLLER = textwrap.dedent("""
    import sys
    from engine import ExperimentController

    ec = ExperimentController("exp", local_dir=sys.argv[1])
    for name in sys.argv[3:]:
        node = ec.register_resource("linux::Node", hostname=name)
        for number in range(int(sys.argv[2])):
            ec.register_resource(
                "linux::Application",
                command=f"echo $GUID >>/tmp/ran; sleep 0.$((GUID % 7)); echo done $GUID; exit $((GUID % 5))",
                env={"GUID": str(node + number + 1)},
                build="echo $APP_HOME >>/tmp/built" if number == 0 else None,
                ok_codes=[0, 1, 2, 3, 4],
                connectedTo=node,
            )
    print(ec.run_dir, flush=True)
    ec.deploy(wait_all_ready=False)
    sys.stdin.read()
""")


def kill_and_follow(home, hosts, seconds):
    """Has a controller die some seconds after it began, and another one bring it all to its end."""
    names = [host.name for host in hosts]
    command = [sys.executable, "-c", CONTROLLER, str(home), str(EACH), *names]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        run_dir = Path(process.stdout.readline().strip())
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
    with ExperimentController.reconnect(run_dir) as ec:
        new = [guid for guid in ec.resources if ec.state(guid) is ResourceState.NEW]
        apps = [guid for guid in ec.resources if guid % (EACH + 1) != 1]
        if not replay.state(run_dir).groups:
            ec.deploy(new, wait_all_ready=False)
        assert ec.wait_finished(apps, timeout=PATIENCE), [ec.failure(app) for app in apps if ec.failure(app)]
        assert [ec.exit_code(app) for app in apps] == [app % 5 for app in apps]
        assert [ec.trace(app, "stdout") for app in apps] == [f"done {app}\n" for app in apps]
    assert replay.check(run_dir) == []
    for number, host in enumerate(hosts):
        first = number * (EACH + 1) + 2
        assert sorted((host.tmp / "ran").read_text().split(), key=int) == [str(first + each) for each in range(EACH)]
        assert len((host.tmp / "built").read_text().split()) == 1
        for name in ("ran", "built"):
            (host.tmp / name).unlink()


def moments(number):
    """Random ones, the same in each run of the tests; most before the last command has ended."""
    chance = random.Random(number)
    return [chance.uniform(0, 3) for _ in range(number)]


@pytest.fixture
def way(host_pool, monkeypatch):
    monkeypatch.setenv("NETREEL_WORKERS", "50")

    def way(number, hosts):
        found = hosts(number)
        monkeypatch.setenv("NETREEL_SSH_CONFIG", str(host_pool.ssh_config))
        return found

    return way


@pytest.mark.slow
def test_a_few_moments(home, way, hosts):
    for seconds in (0.05, 0.6):
        kill_and_follow(home, way(2, hosts), seconds)


@pytest.mark.torture
@pytest.mark.timeout(3600)
def test_a_hundred_moments_with_fifty_commands_on_ten_hosts(home, way, hosts):
    for seconds in moments(100):
        kill_and_follow(home, way(10, hosts), seconds)
