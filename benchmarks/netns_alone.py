"""What builds a network without netreel, alone: one process that says it all to the kernel.

    unshare --net python benchmarks/netns_alone.py kernel|recorded linear|tree

It prints the times. Nothing else is imported here: what is large takes long to fork.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from functools import partial
from subprocess import DEVNULL

from rms.netns.namespaces import NEW_NETWORK, Nodes, check, hear, introduce, libc
from rms.netns.netlink import Netlink

PING = ["ping", "-c", "1", "-w", "20"]
"""Until there is an answer: now and then the kernel takes a second to let a port of a bridge pass frames."""


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


# --- building -------------------------------------------------------------------------------------------------------


def build(how, shape):
    """Build it in this network namespace and in others, of this process or of one in each host; tell the times."""
    clock = Clock()
    net = Lines()
    shape(net)
    here = f"/proc/self/fd/{open_namespace()}"
    with tempfile.TemporaryFile() as log, ExitStack() as stack:
        take = partial(take_recorded, log) if how == "recorded" else take_all
        begin = processes if how == "recorded" else namespaces
        hosts = take(net.hosts, lambda each: stack.enter_context(begin(each)))
        take(list(net.outside(hosts)), partial(say, here))
        inside = [(host, net.inside(number)) for number, host in enumerate(hosts, 1)]
        take(inside, lambda hosts: [say(*each) for each in hosts])
        clock.note("built")
        enter(os.open(hosts[0], os.O_RDONLY))
        subprocess.run([*PING, address(len(hosts))], check=True, stdout=DEVNULL)
        clock.note("up")
    print(json.dumps(clock.times))


def take_all(steps, act):
    return act(steps)


def take_recorded(log, steps, act):
    """The same, with each step on disk before it is taken, and after."""
    record(log, "begun", steps)
    taken = act(steps)
    record(log, "done", steps)
    return taken


def record(log, what, steps):
    for step in steps:
        log.write(json.dumps({"time": time.time_ns(), what: step}).encode() + b"\n")
    log.flush()
    os.fdatasync(log.fileno())


def say(place, lines):
    """Say lines to the kernel, in a network namespace."""
    enter(os.open(place, os.O_RDONLY))
    network = Netlink()
    for line in lines:
        network.say(line)
    network.close()


@contextmanager
def namespaces(hosts):
    """The files of network namespaces without a process."""
    yield [f"/proc/self/fd/{open_namespace(new=True)}" for _ in hosts]


@contextmanager
def processes(hosts):
    """Those of processes, each in namespaces of its own."""
    with tempfile.TemporaryDirectory() as notes:
        os.chdir(notes)
        asked = [{"guid": number, "hostname": f"h{number}", "forwarding": False} for number in range(1, len(hosts) + 1)]
        said = hear(Nodes().begin(asked))
        pids = [introduce(each["guid"], said)[0] for each in asked]
        yield [f"/proc/{pid}/ns/net" for pid in pids]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def open_namespace(*, new=False):
    """The network namespace of this thread, or another one, which is its own from then on."""
    if new:
        check(libc.unshare(NEW_NETWORK))
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY)


def enter(place):
    check(libc.setns(place, NEW_NETWORK))


if __name__ == "__main__":
    build(sys.argv[1], {each.__name__: each for each in (linear, tree)}[sys.argv[2]])
