"""How long networks of namespaces take, side by side with Mininet where it is installed, and with the least possible.

    python benchmarks/bench_netns.py [NODES [REPETITIONS]]        # as root; by default 500, and 5

``linear``: a row of 50 switches, each with a host. ``tree``: 100 hosts on ten switches, which are on one. Each is
built, a ping goes from the first host to the last one, and it is taken down again: in turns by netreel, by Mininet,
and by ``unshare`` and ``ip -batch`` alone, with which nothing is recorded, watched or found again. ``kernel`` is what
is left if one process says it all to the kernel, and no node has any: less time than that nobody can take. Then a row
of NODES nodes, and how long it takes a new controller to take it over.

Times are medians in seconds since the beginning, with the least and the most. "built" is when all is there, "up" when
the ping has returned; what came before is all in it, the description too, but not what each is started with: Python and
the modules that it imports. Ratios are those of runs that came one after the other.
"""

import json
import os
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

from engine import ExperimentController
from rms.linux.ping import Ping
from rms.netns import Emulation, Interface, Link, Node, Switch
from rms.netns.namespaces import NEW_NETWORK, check, libc
from rms.netns.netlink import Netlink

SETTLING = 3.0
"""Seconds before each: the kernel takes namespaces apart in the background, and makes new ones wait meanwhile."""

PING = ["ping", "-c", "1", "-w", "20"]
"""Until there is an answer: now and then the kernel takes a second to let a port of a bridge pass frames."""

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


def address(number):
    return f"10.0.{number // 250}.{number % 250 + 1}"


class Clock:
    """Times since it was made."""

    def __init__(self):
        self.began = time.perf_counter()
        self.times = {}

    def note(self, what):
        self.times[what] = time.perf_counter() - self.began


# --- two shapes, for whoever builds them ----------------------------------------------------------------------------


def linear(net):
    before = None
    for _ in range(50):
        switch = net.switch()
        net.host(switch)
        if before is not None:
            net.trunk(before, switch)
        before = switch


def tree(net):
    root = net.switch()
    for _ in range(10):
        switch = net.switch()
        net.trunk(root, switch)
        for _ in range(10):
            net.host(switch)


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


class Lines:
    """The same network as lines of ``ip``."""

    def __init__(self):
        self.switches, self.hosts, self.trunks = 0, [], []

    def switch(self):
        self.switches += 1
        return self.switches

    def host(self, switch):
        self.hosts.append(switch)

    def trunk(self, one, two):
        self.trunks.append((one, two))

    def outside(self, pids):
        """What is done where the switches are, once there are processes in the namespaces of the hosts."""
        for each in range(1, self.switches + 1):
            yield f"link add s{each} type bridge mcast_snooping 0 forward_delay 0"
            yield f"link set s{each} up"
        for number, (switch, pid) in enumerate(zip(self.hosts, pids, strict=True), 1):
            yield f"link add h{number} type veth peer name eth0 netns {pid}"
            yield f"link set h{number} master s{switch} up"
        for number, pair in enumerate(self.trunks):
            yield f"link add t{number}-1 type veth peer name t{number}-2"
            for end, switch in enumerate(pair, 1):
                yield f"link set t{number}-{end} master s{switch} up"

    def inside(self, number):
        """What is done in a host."""
        return ["link set lo up", f"address add {address(number)}/8 dev eth0", "link set eth0 up"]


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
    command = ["unshare", "--net", sys.executable, __file__, "kernel", shape.__name__]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def kernel_alone(shape):
    """Build it in this network namespace and in others that only this process holds, and tell the times."""
    clock = Clock()
    net = Lines()
    shape(net)
    here = open_namespace()
    hosts = [open_namespace(new=True) for _ in net.hosts]
    enter(here)
    network = Netlink()
    for line in net.outside(f"/proc/self/fd/{host}" for host in hosts):
        network.say(line)
    for number, host in enumerate(hosts, 1):
        enter(host)
        network = Netlink()
        for line in net.inside(number):
            network.say(line)
        network.close()
    clock.note("built")
    enter(hosts[0])
    subprocess.run([*PING, address(len(hosts))], check=True, stdout=DEVNULL)
    clock.note("up")
    print(json.dumps(clock.times))


def open_namespace(*, new=False):
    """The network namespace of this thread, or another one, which is its own from then on."""
    if new:
        check(libc.unshare(NEW_NETWORK))
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def enter(place):
    check(libc.setns(place, NEW_NETWORK))


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
    builders = [netreel, *([mininet] if shutil.which("mn") else []), bare, kernel]
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
    if sys.argv[1:2] == ["kernel"]:
        kernel_alone({each.__name__: each for each in (linear, tree)}[sys.argv[2]])
        return
    number, repetitions = (int(given) for given in (*sys.argv[1:], *("500", "5")[len(sys.argv) - 1 :]))
    for shape in (linear, tree):
        side_by_side(shape, repetitions)
    tell(f"a row of {number}", {what: [seconds] for what, seconds in large(number).items()})


if __name__ == "__main__":
    main()
