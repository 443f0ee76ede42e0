"""Networks of the kernel for tests: this machine must be able to have them, and is as it was after each test."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from queue import SimpleQueue

import pytest

from engine import ResourceFactory
from rms.linux.node import this_machine
from rms.linux.ping import Ping
from rms.netns import Emulation, Interface, Link, Node, Route, Switch
from tests.platform.hosts import start_time

TYPES = [Emulation, Node, Interface, Link, Switch, Route, Ping]
NOBODY = 65534
AS_NOBODY = ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups")
PROGRAMS = ("ip", "tc", "bridge", "unshare", "nsenter", "setsid", "mount", "ping")


def why_not():
    """What this machine lacks to have networks; None if nothing."""
    if os.geteuid() != 0:
        return "as a user, only what test_rights tries can be relied on"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"{', '.join(missing)} missing: apt-get install iproute2 util-linux iputils-ping" if missing else None


@pytest.fixture(autouse=True)
def types(monkeypatch):
    """The types of this package, whether or not they are announced by an entry point yet."""
    monkeypatch.setattr(ResourceFactory, "_types", ResourceFactory._types | {each.rtype: each for each in TYPES})


class Held:
    """Network namespaces, by a process that is in each. They are kept, so that their numbers are nobody else's."""

    def __init__(self):
        self.files = []

    def add(self, pid):
        self.files.append(os.open(f"/proc/{pid}/ns/net", os.O_RDONLY))

    def numbers(self):
        """Which they are, as /proc tells it."""
        return {f"net:[{os.fstat(file).st_ino}]" for file in self.files}

    def let_go(self):
        """Whether no process is left in any of them; they are kept no longer."""
        inside = {namespace(process) for process in Path("/proc").glob("[0-9]*")}
        left = self.numbers() & inside
        for file in self.files:
            os.close(file)
        self.files = []
        return not left


def namespace(process):
    """That of a process, by its directory in /proc; None if it has ended."""
    try:
        return str((process / "ns" / "net").readlink())
    except OSError:
        return None


def look():
    """What of this machine a network might have left something in: names of namespaces, interfaces, mounts.

    Other tests may add and remove hosts of their own meanwhile.
    """
    said = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    links = {line.split(": ")[1].partition("@")[0] for line in said.splitlines()}
    return {
        *(path.name for path in Path("/run/netns").glob("*")),
        *(link for link in links if not re.match(r"nr\d+", link)),
        *Path("/proc/self/mounts").read_text().splitlines(),
    }


class Network:
    """An emulation of a controller, and nodes in it that are linked."""

    def __init__(self, ec, machine=None):
        self.ec = ec
        self.emulation = ec.add(Emulation(), on=machine)
        self.nodes = {}
        self.held = Held()

    def node(self, name, **attributes):
        self.nodes[name] = self.ec.add(Node(hostname=name, **attributes), on=self.emulation)
        return self.nodes[name]

    def interface(self, node, name="eth0", **attributes):
        return self.ec.add(Interface(name=name, **attributes), on=node)

    def link(self, *ends):
        return self.ec.add(Link(), on=ends)

    def switch(self, **attributes):
        return self.ec.add(Switch(**attributes), on=self.emulation)

    def attach(self, switch, port, name, number):
        """A node at 10.0.0.NUMBER, behind a port of a switch."""
        end = self.interface(self.node(name), addresses=[f"10.0.0.{number}/24"])
        self.link(end, self.ec.add(port, on=switch))

    def star(self, switch, *ports):
        """Nodes a, b, ... at 10.0.0.1, 10.0.0.2, ..., each behind one of these ports of a switch; gives the switch."""
        for number, (name, port) in enumerate(zip("abcdef", ports, strict=False), 1):
            self.attach(switch, port, name, number)
        return switch

    def reaches(self, name, target):
        """Whether a request is answered."""
        app = self.ec.add(Ping(target=target, count=1, timeout=1), on=self.nodes[name])
        self.ec.deploy([app])
        assert self.ec.wait_finished(app, timeout=30), self.failures()
        return self.ec.exit_code(app) == 0

    def pair(self, **attributes):
        """Two nodes, a at 10.0.0.1 and b at 10.0.0.2, on one link; gives both, both interfaces, and the link."""
        a, b = self.node("a"), self.node("b")
        ends = [self.interface(node, addresses=[f"10.0.0.{n}/24", f"fd00::{n}/64"]) for n, node in enumerate((a, b), 1)]
        return a, b, *ends, self.ec.add(Link(**attributes), on=ends)

    def up(self):
        """Deploys it all, and notes the namespaces, which must be gone at the end."""
        self.ec.deploy()
        assert self.ec.wait_started(list(self.ec.resources)), self.failures()
        for node in (self.emulation, *self.nodes.values()):
            self.held.add(self.pid(node))

    def failures(self):
        return [str(self.ec.failure(guid)) for guid in self.ec.resources if self.ec.failure(guid)]

    def pid(self, node):
        """The first process of a node, or of the emulation."""
        return self.holder() if node is self.emulation else self.receipt(node.guid)["process"][0]

    def holder(self):
        return self.receipt(self.emulation.guid)["holder"][0]

    def receipt(self, guid):
        return self.ec._session.read(lambda world: dict(world.resources[guid].receipts))["deploy"]

    def run(self, node, *words):
        """What a command says that is run in a node by hand."""
        command = ["nsenter", "--target", str(self.pid(node)), "--net", "--", *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def await_changes(self, resource, number):
        """Returns the changes of a resource once there are so many."""
        path = self.ec.run_dir / f"changes-{resource.guid}.jsonl"
        path.touch()
        return [json.loads(line) for line in self.await_lines(path, number)]

    def output(self, app):
        """Where a command that was started writes to."""
        token = self.ec._session.read(lambda world: world.resources[app.guid].tokens)["start"]
        return self.ec.run_dir / f"node-{self.emulation.guid}" / token / "run" / "stdout"

    def await_lines(self, path, number):
        """Returns the lines of a file once there are so many."""
        pieces = SimpleQueue()
        following = this_machine().follow(str(path), 0, pieces.put)
        said = b""
        while said.count(b"\n") < number:
            said += pieces.get(timeout=30)
        following.close()
        return said.splitlines()


@pytest.fixture
def network(ec):
    """`network()` is one in a new controller. After the test the machine is as it was before."""
    if reason := why_not():
        (pytest.fail if os.geteuid() == 0 else pytest.skip)(reason)
    before, made = look(), []

    def make(**options):
        made.append(Network(ec("exp", **options)))
        return made[-1]

    yield make
    for each in made:
        each.ec.shutdown()
        assert each.held.let_go()
    assert look() - before == set()


@pytest.fixture
def runs():
    """Directories of runs whose controllers are processes of their own: what these leave is ended, come what may."""
    runs = []
    yield runs
    for run_dir in runs:
        for out in run_dir.glob("node-*/*/run/stdout"):
            kind, pid, began = [*out.read_text().split(), "", "", ""][:3]
            if kind == "holder" and start_time(int(pid)) == began:
                os.kill(int(pid), signal.SIGKILL)


@pytest.fixture
def users_directory():
    """A directory of nobody's. Not below that of the tests, which each run of them closes to all but its own user."""
    if os.geteuid() != 0:
        pytest.skip("as root it can be told what a user can do")
    with tempfile.TemporaryDirectory(prefix="netreel-user-") as directory:
        os.chown(directory, NOBODY, NOBODY)
        yield Path(directory)
