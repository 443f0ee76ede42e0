"""How long networks of namespaces take, side by side with Mininet where it is installed, and with the least possible.

    python benchmarks/bench_netns.py [NODES [REPETITIONS]]        # as root; by default 500, and 5

``linear``: a row of 50 switches, each with a host. ``tree``: 100 hosts on ten switches, which are on one. Each is
built, a ping goes from the first host to the last one, and it is taken down again: in turns by netreel, by Mininet,
and by ``unshare`` and ``ip -batch`` alone, with which nothing is recorded, watched or found again. ``kernel`` is what
is left if one process says it all to the kernel, and no node has any: less time than that nobody can take. ``recorded``
is that process if each node has one as well, and each step is on disk before it is taken and after, as in a log. Then a
row of NODES nodes, and how long it takes a new controller to take it over.

Times are medians in seconds since the beginning, with the least and the most. "built" is when all is there, "up" when
the ping has returned; what came before is all in it, the description too, but not what each is started with: Python and
the modules that it imports. Ratios are those of runs that came one after the other.
"""

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from statistics import median
from subprocess import DEVNULL

from netns_alone import PING, Clock, Lines, address, linear, tree

from engine import ExperimentController
from rms.linux.ping import Ping
from rms.netns import Emulation, Interface, Link, Node, Switch

SETTLING = 3.0
"""Seconds before each: the kernel takes namespaces apart in the background, and makes new ones wait meanwhile."""

ALONE = Path(__file__).with_name("netns_alone.py")

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
print(built, pinged, time.perf_counter() - began)
"""


class Described:
    """A network that is being described to a controller."""

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
        end = self.ec.add(Interface(name="eth0", addresses=[f"{address(number)}/8"]), on=node)
        self.ec.add(Link(), on=[end, self.port(switch)])

    def trunk(self, one, two):
        self.ec.add(Link(), on=[self.port(one), self.port(two)])

    def port(self, switch):
        return self.ec.add(Interface(), on=switch)


# --- who builds them ------------------------------------------------------------------------------------------------


def netreel(shape):
    home = Path(tempfile.mkdtemp(prefix="bench-netns-"))
    clock = Clock()
    ec = ExperimentController("bench", local_dir=home)
    net = Described(ec)
    with ec.batch():
        shape(net)
    clock.note("described")
    ec.deploy()
    assert ec.wait_started(list(ec.resources))
    clock.note("built")
    ping = ec.add(Ping(target=address(len(net.hosts)), count=1), on=net.hosts[0])
    ec.deploy([ping])
    assert ec.wait_finished(ping)
    assert ec.exit_code(ping) == 0
    clock.note("up")
    ec.shutdown()
    clock.note("gone")
    shutil.rmtree(home)
    return clock.times


def mininet(shape):
    command = ["unshare", "--net", "--mount", "/usr/bin/python3", "-c", MININET, shape.__name__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(zip(("built", "up", "gone"), map(float, done.stdout.split()), strict=True))


def bare(shape):
    clock = Clock()
    net = Lines()
    shape(net)
    with ExitStack() as stack:
        outside, *hosts = [stack.enter_context(namespace()) for _ in [None, *net.hosts]]
        say(net.outside(hosts), outside)
        for number, pid in enumerate(hosts, 1):
            say(net.inside(number), pid)
        clock.note("built")
        subprocess.run([*entering(hosts[0]), *PING, address(len(hosts))], check=True, stdout=DEVNULL)
        clock.note("up")
    clock.note("gone")
    return clock.times


def kernel(shape):
    return alone("kernel", shape)


def recorded(shape):
    return alone("recorded", shape)


def alone(how, shape):
    command = ["unshare", "--net", sys.executable, ALONE, how, shape.__name__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@contextmanager
def namespace():
    """The number of a process in namespaces of its own."""
    command = ["unshare", "--net", "--uts", "--mount", "--pid", "--fork", "--kill-child", "sleep", "1000"]
    with subprocess.Popen(command) as process:
        here = Path("/proc/self/ns/net").readlink()
        while Path(f"/proc/{process.pid}/ns/net").readlink() == here:
            time.sleep(0.0005)
        yield process.pid
        process.kill()


def entering(pid):
    return ["nsenter", f"--net=/proc/{pid}/ns/net", "--"]


def say(lines, pid):
    text = "".join(f"{line}\n" for line in lines)
    subprocess.run([*entering(pid), "ip", "-batch", "-"], input=text, text=True, check=True)


# --- what is told ---------------------------------------------------------------------------------------------------


def side_by_side(shape, repetitions):
    """The medians of each builder's times, in turns."""
    builders = [netreel, *([mininet] if shutil.which("mn") else []), bare, kernel, recorded]
    found = defaultdict(lambda: defaultdict(list))
    for _ in range(repetitions):
        for build in builders:
            time.sleep(SETTLING)
            for what, seconds in build(shape).items():
                found[build.__name__][what].append(seconds)
    for name, times in found.items():
        tell(f"{shape.__name__}, {name}", times)
    if "mininet" in found:
        pairs = {
            what: zip(found["mininet"][what], found["netreel"][what], strict=True) for what in ("built", "up", "gone")
        }
        ratios = {what: [theirs / ours for theirs, ours in each] for what, each in pairs.items()}
        tell(f"{shape.__name__}, mininet / netreel", ratios)


def row(ec, number):
    """Routers, each with a link to the next one."""
    emulation = ec.add(Emulation())
    nodes = [ec.add(Node(hostname=f"h{each}", forwarding=True), on=emulation) for each in range(number)]
    for each, (one, two) in enumerate(pairwise(nodes)):
        subnet = f"10.{each // 250}.{each % 250}"
        right = ec.add(Interface(name="right", addresses=[f"{subnet}.1/24"]), on=one)
        left = ec.add(Interface(name="left", addresses=[f"{subnet}.2/24"]), on=two)
        ec.add(Link(), on=[right, left])


def large(number):
    """A row of routers: how long it takes until all are there, and until another controller has found them."""
    home = Path(tempfile.mkdtemp(prefix="bench-netns-"))
    clock = Clock()
    ec = ExperimentController("large", local_dir=home)
    with ec.batch():
        row(ec, number)
    clock.note("described")
    ec.deploy()
    assert ec.wait_started(list(ec.resources))
    clock.note("up")
    ec.detach()
    again = Clock()
    ec = ExperimentController.reconnect(ec.run_dir)
    again.note("taken over")
    ec.shutdown()
    clock.note("gone")
    shutil.rmtree(home)
    return clock.times | again.times


def tell(what, times):
    columns = [f"{name} {median(each):6.2f} ({min(each):.2f}-{max(each):.2f})" for name, each in times.items()]
    print(f"{what:26}", "  ".join(columns), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nodes", type=int, nargs="?", default=500, help="of the large row")
    parser.add_argument("repetitions", type=int, nargs="?", default=5, help="turns of each of the others")
    given = parser.parse_args()
    for shape in (linear, tree):
        side_by_side(shape, given.repetitions)
    tell(f"a row of {given.nodes}", {what: [seconds] for what, seconds in large(given.nodes).items()})


if __name__ == "__main__":
    main()
