"""How long from a condition that is met to the hook that waited for it.

A chain: each resource starts once the one before has started. Taken is the time from the return of the one hook, which
is what meets the condition, to the entry of the next; between them lies a turn, with its write and its sync. The first
argument says how many links the chain has; the second how many other resources are active: they run, and come to their
ends one after the other, a thousand a second, as long as the chain does. Printed are these times, and those of a write
and its sync on the same disk, which each hook makes, so that they are from the same moments.
"""

import itertools
import json
import sys
import threading
import time

from measuring import Disk

from engine import ExperimentController, ResourceAction, ResourceFactory, ResourceManager, ResourceState

RATE = 1_000

disk = Disk(".")
entered, returned, syncs, running = [], [], [], []


class Link(ResourceManager, rtype="bench::Link"):
    def start(self, _):
        entered.append(time.perf_counter())
        syncs.append(disk.sync())
        returned.append(time.perf_counter())


class Active(ResourceManager, rtype="bench::Active"):
    def start(self, _):
        running.append(self)


def end_one_by_one(enough):
    began = time.monotonic()
    for number, each in enumerate(running):
        if enough.wait(began + number / RATE - time.monotonic()):
            return
        each.ended()


def main():
    links, active = map(int, sys.argv[1:])
    for each in (Link, Active):
        ResourceFactory.register_type(each)
    enough = threading.Event()
    with ExperimentController("bench", local_dir="runs") as ec:
        with ec.batch():
            others = [ec.register_resource("bench::Active") for _ in range(active)]
            chain = [ec.register_resource("bench::Link") for _ in range(links)]
            for before, after in itertools.pairwise(chain):
                ec.register_condition(after, ResourceAction.START, before, ResourceState.STARTED)
        if others:
            ec.deploy(others)
            assert ec.wait_started(others)
        load = threading.Thread(target=end_one_by_one, args=(enough,))
        load.start()
        ec.deploy(chain)
        assert ec.wait_started(chain)
        enough.set()
        load.join()
    taken = [after - before for before, after in zip(returned, entered[1:], strict=False)]
    print(json.dumps({"taken": taken, "syncs": syncs}))


main()
