"""Without root's rights, where the kernel allows it; and why not, where it does not."""

import os
import subprocess
import sys
import textwrap

import pytest

NOBODY = 65534

SCRIPT = textwrap.dedent("""
    import sys
    from engine import ExperimentController
    from rms.linux import Ping
    from rms.netns import Emulation, Interface, Link, Node

    with ExperimentController("exp", local_dir=sys.argv[1]) as ec:
        emulation = ec.add(Emulation())
        nodes = [ec.add(Node(hostname=name), on=emulation) for name in ("a", "b")]
        ends = [ec.add(Interface(name="eth0", addresses=[f"10.0.0.{n}/24"]), on=node)
                for n, node in enumerate(nodes, 1)]
        ec.add(Link(), on=ends)
        ping = ec.add(Ping(target="10.0.0.2", count=1), on=nodes[0])
        ec.deploy()
        ec.wait_finished(ping)
        print(ec.exit_code(ping), ec.failure(emulation), ec.failure(ping), ec.trace(ping, "stderr"))
""")


@pytest.fixture
def as_user(tmp_path_factory):
    """Runs the script as an ordinary user."""
    if os.geteuid() != 0:
        pytest.skip("as root it can be told what a user can do")
    with pytest.MonkeyPatch.context() as patch:
        directory = tmp_path_factory.mktemp("user")
        for parent in (directory, *directory.parents):
            if parent.stat().st_uid == 0 and not parent.stat().st_mode & 0o001:
                parent.chmod(parent.stat().st_mode | 0o011)
        os.chown(directory, NOBODY, NOBODY)
        patch.setenv("HOME", str(directory))

        def run():
            command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
            return subprocess.run(
                [*command, sys.executable, "-c", SCRIPT, directory], capture_output=True, text=True, check=False
            )

        yield run


@pytest.mark.slow
def test_a_user_has_networks_where_the_kernel_lets_users_make_namespaces(as_user):
    if subprocess.run(["unshare", "--user", "--map-root-user", "--net", "true"], check=False).returncode:
        pytest.skip("this kernel does not let users make namespaces")
    done = as_user()
    assert done.stdout.startswith("0 None None"), done.stdout + done.stderr


@pytest.mark.slow
def test_where_there_are_no_namespaces_for_users_the_reason_is_said(as_user, tmp_path_factory, monkeypatch):
    programs = tmp_path_factory.mktemp("programs")
    (programs / "unshare").write_text("#!/bin/sh\necho 'unshare failed: Operation not permitted' >&2; exit 1\n")
    (programs / "unshare").chmod(0o755)
    programs.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:{os.environ['PATH']}")
    said = as_user().stdout
    assert "localhost gives no namespaces: unshare failed: Operation not permitted; nobody is not root there" in said
    assert "or let users make namespaces" in said
