"""Without root's rights, where the kernel allows it; and why not, where it does not."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from tests.rms.netns.conftest import AS_NOBODY

pytestmark = pytest.mark.slow

SCRIPT = textwrap.dedent("""
    import sys
    from engine import ExperimentController, TraceAttr
    from rms.linux import Ping
    from rms.netns import Emulation, Interface, Link, Node

    with ExperimentController("exp", local_dir=sys.argv[1]) as ec:
        emulation = ec.add(Emulation())
        nodes = [ec.add(Node(hostname=name), on=emulation) for name in ("a", "b")]
        ends = [ec.add(Interface(name="eth0", addresses=[f"10.0.0.{n}/24"]), on=node)
                for n, node in enumerate(nodes, 1)]
        ec.add(Link(), on=ends)
        ec.enable_trace(ends[1], "pcap")
        ping = ec.add(Ping(target="10.0.0.2", count=1), on=nodes[0])
        ec.deploy()
        ec.wait_finished(ping)
        if ec.exit_code(ping) == 0:
            ec.stop(ends[1])
            print(ec.trace(ends[1], "pcap", TraceAttr.PATH))
        print(ec.exit_code(ping), ec.failure(emulation), ec.failure(ping), ec.trace(ping, "stderr"))
""")


@pytest.fixture
def as_user(users_directory, monkeypatch):
    """Runs the script as an ordinary user."""
    monkeypatch.setenv("HOME", str(users_directory))

    def run():
        command = [*AS_NOBODY, sys.executable, "-c", SCRIPT, users_directory]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    return run


@pytest.mark.slow
def test_a_user_has_networks_where_the_kernel_lets_users_make_namespaces(as_user):
    if subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"], check=False).returncode:
        pytest.skip("this kernel does not let users make namespaces")
    done = as_user()
    assert done.stdout.count("\n") == 2, done.stdout + done.stderr
    path, said = done.stdout.split("\n", 1)
    assert said.startswith("0 None None"), done.stdout + done.stderr
    # The request and the reply of which the captured end knows; both addresses stand next to each other in each.
    assert Path(path).read_bytes().count(bytes((10, 0, 0, 1, 10, 0, 0, 2, 8, 0))) == 1
    assert Path(path).read_bytes().count(bytes((10, 0, 0, 2, 10, 0, 0, 1, 0, 0))) == 1


@pytest.mark.slow
def test_where_there_are_no_namespaces_for_users_the_reason_is_said(as_user, users_directory, monkeypatch):
    programs = users_directory / "programs"
    programs.mkdir()
    (programs / "unshare").write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2; exit 1\n")
    (programs / "unshare").chmod(0o755)
    programs.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    said = as_user().stdout
    assert "localhost gives no namespaces: unshare failed: Operation not permitted; nobody is not root there" in said
    assert "or let users make namespaces" in said
