"""The examples work as they are, on real hosts."""

import hashlib
import os
import runpy
import shutil
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

EXAMPLES = Path(__file__).parents[3] / "examples" / "linux"


@pytest.fixture
def run(home, host_pool, monkeypatch, capsys):
    """Runs an example with these arguments; what it prints."""
    monkeypatch.setenv("NETREEL_SSH_CONFIG", str(host_pool.ssh_config))

    def run(name, *args):
        monkeypatch.setattr(sys, "argv", [name, *args])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.mark.skipif(not shutil.which("ping"), reason="ping is not installed here")
def test_ping(run, hosts):
    one, two = hosts(2)
    assert "3 of 3 came back" in run("ping.py", one.name, two.address)


@pytest.mark.skipif(not shutil.which("gcc"), reason="gcc is not installed here")
def test_hello_world(run, host):
    assert run("hello_world.py", host.name) == "Hello, world!\n"


@pytest.mark.skipif(not (shutil.which("nc") and shutil.which("tcpdump")), reason="nc or tcpdump is not installed here")
@pytest.mark.parametrize("through", [False, True])
def test_file_transfer(run, hosts, tmp_path, through):
    one, two, gate = hosts(3)
    content = os.urandom(1_000_000)
    (tmp_path / "film.ts").write_bytes(content)
    printed = run(
        "file_transfer.py", str(tmp_path / "film.ts"), one.name, two.name, two.address, *[gate.name] * through
    )
    assert f"received: {hashlib.sha256(content).hexdigest()}" in printed
    assert "are 3.transfer.pcap 4.received" in printed


def test_many_hosts(run, hosts):
    one, two, gate = hosts(3)
    printed = run("many_hosts.py", "--gateway", gate.name, "--each", "5", "hostname", one.name, two.name)
    assert printed.splitlines() == [f"{one.name}: {one.name}"] * 5 + [f"{two.name}: {two.name}"] * 5


def test_many_commands_on_many_hosts_one_of_which_is_not_there(run, hosts):
    names = [host.name for host in hosts(8)]
    printed = run("many_hosts.py", "--each", "10", "sleep 0.1; hostname", *names, "no-such-host.invalid").splitlines()
    assert printed[:80] == [f"{name}: {name}" for name in names for _ in range(10)]
    assert len(printed) == 90
    assert all("no-such-host.invalid" in line for line in printed[80:])
