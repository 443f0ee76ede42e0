"""What a short experiment need not wait for: modules that it does not use."""

import os
import subprocess
import sys

LOCAL = """
import sys
from engine import ExperimentController
with ExperimentController("short") as ec:
    host = ec.register_resource("linux::Node", hostname="localhost")
    hello = ec.register_resource("linux::Application", command="echo hello", connectedTo=host)
    ec.deploy()
    ec.wait_finished(hello)
    print(ec.trace(hello, "stdout").strip())
"""
LOOK = """
print(*sorted(name for name in %r if name in sys.modules))
"""


def loaded(program, *names):
    """Which of these modules a program has loaded, after its own output."""
    code = program + LOOK % (names,)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    return done.stdout.split()


def test_a_controller_on_this_machine_loads_what_it_needs(tmp_path, monkeypatch):
    monkeypatch.setenv("NETREEL_HOME", str(tmp_path))
    others = ("asyncio", "defusedxml", "jsonschema", "matplotlib", "networkx", "paramiko", "rich", "scipy", "structlog")
    assert loaded(LOCAL, *others, "tarfile", "rms.ssh") == ["hello"]


def test_ssh_loads_nothing_of_what_paramiko_uses_for_match_exec_alone():
    assert loaded("import sys, rms.ssh", "asyncio", "invoke.collection", "unittest.mock") == []
