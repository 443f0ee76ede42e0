"""How long networks of namespaces take, side by side with Mininet where it is installed.

    python benchmarks/bench_netns.py [NODES]        # as root; NODES of the large one, by default 500

``linear``: a row of 50 switches, each with a host. ``tree``: 100 hosts on ten switches, which are on one. Both until a
ping has gone from the first host to the last one. Then a row of NODES nodes, and how long it takes a new controller to
take it over.
"""

import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

from engine import ExperimentController
from rms.linux.ping import Ping
from rms.netns import Emulation, Interface, Link, Node, Switch

MININET = """
import sys, time
from mininet.net import Mininet
from mininet.nodelib import LinuxBridge
from mininet.topo import LinearTopo
from mininet.topolib import TreeTopo

began = time.perf_counter()
topology = LinearTopo(k=50) if sys.argv[1] == "linear" else TreeTopo(depth=2, fanout=10)
net = Mininet(topo=topology, switch=LinuxBridge, controller=None)
net.start()
built = time.perf_counter() - began
hosts = net.hosts
assert "1 received" in hosts[0].cmd("ping -c 1 " + hosts[-1].IP())
pinged = time.perf_counter() - began
net.stop()
print(built, pinged, time.perf_counter() - began - pinged)
"""


class Described:
    """A network that is being described, with switches in a row or a tree."""

    def __init__(self, ec):
        self.ec = ec
        self.emulation = ec.add(Emulation())
        self.hosts = []

    def switch(self):
        return self.ec.add(Switch(), on=self.emulation)

    def host(self, switch):
        number = len(self.hosts) + 1
        node = self.ec.add(Node(hostname=f"h{number}"), on=self.emulation)
        self.hosts.append(node)
        address = f"10.0.{number // 250}.{number % 250 + 1}/8"
        self.join(self.ec.add(Interface(name="eth0", addresses=[address]), on=node), self.port(switch))

    def port(self, switch):
        return self.ec.add(Interface(), on=switch)

    def join(self, one, two):
        self.ec.add(Link(), on=[one, two])


def linear(net):
    before = None
    for _ in range(50):
        switch = net.switch()
        net.host(switch)
        if before is not None:
            net.join(net.port(before), net.port(switch))
        before = switch


def tree(net):
    root = net.switch()
    for _ in range(10):
        switch = net.switch()
        net.join(net.port(root), net.port(switch))
        for _ in range(10):
            net.host(switch)


@contextmanager
def took(times, what):
    began = time.perf_counter()
    yield
    times[what] = time.perf_counter() - began


def ours(home, shape):
    times = {}
    ec = ExperimentController("bench", local_dir=home)
    with took(times, "described"):
        net = Described(ec)
        shape(net)
        number = len(net.hosts)
    with took(times, "built"):
        ec.deploy()
        assert ec.wait_started(list(ec.resources))
    with took(times, "pinged"):
        target = f"10.0.{number // 250}.{number % 250 + 1}"
        ping = ec.add(Ping(target=target, count=1), on=net.hosts[0])
        ec.deploy([ping])
        assert ec.wait_finished(ping)
        assert ec.exit_code(ping) == 0
    with took(times, "released"):
        ec.shutdown()
    return times


def theirs(shape):
    done = subprocess.run(
        ["unshare", "--net", "--mount", "/usr/bin/python3", "-c", MININET, shape.__name__],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    built, pinged, released = map(float, done.stdout.split())
    return {"built": built, "pinged": pinged - built, "released": released}


def large(home, number):
    times = {}
    ec = ExperimentController("large", local_dir=home, workers=100)
    with took(times, "described"):
        emulation = ec.add(Emulation())
        nodes = [ec.add(Node(hostname=f"h{each}", forwarding=True), on=emulation) for each in range(number)]
        for each in range(number - 1):
            subnet = f"10.{each // 250}.{each % 250}"
            right = ec.add(Interface(name="right", addresses=[f"{subnet}.1/24"]), on=nodes[each])
            left = ec.add(Interface(name="left", addresses=[f"{subnet}.2/24"]), on=nodes[each + 1])
            ec.add(Link(), on=[right, left])
    with took(times, "built"):
        ec.deploy()
        assert ec.wait_started(list(ec.resources))
    ec.detach()
    with took(times, "taken over"):
        ec = ExperimentController.reconnect(ec.run_dir)
    with took(times, "released"):
        ec.shutdown()
    return times


def tell(what, times):
    print(f"{what:24}", "  ".join(f"{name} {seconds:6.2f} s" for name, seconds in times.items()), flush=True)


def main():
    home = Path(tempfile.mkdtemp(prefix="bench-netns-"))
    try:
        for shape in (linear, tree):
            tell(f"{shape.__name__}, netreel", ours(home, shape))
            if shutil.which("mn"):
                tell(f"{shape.__name__}, Mininet", theirs(shape))
        number = int(sys.argv[1]) if sys.argv[1:] else 500
        tell(f"a row of {number}", large(home, number))
    finally:
        shutil.rmtree(home)


if __name__ == "__main__":
    main()
