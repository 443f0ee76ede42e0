"""Conditions at scale: how long from deploy until all are ready, and how much memory the process has then.

The first argument is the shape. `all`: so many resources wait for as many others, each for all of them. `chain`: each
waits for the one before. `random`: so many conditions between pairs of a tenth as many resources, the later one of
which waits for the earlier. The second says how many. They are described in a batch, unless the third is `alone`. The
hook does nothing and returns at once, and runs through the pool.
"""

import itertools
import json
import random
import resource
import sys
import time
from contextlib import nullcontext

from engine import ExperimentController, ResourceAction, ResourceFactory, ResourceManager, ResourceState


class Idle(ResourceManager, rtype="bench::Idle"):
    def deploy(self, _):
        pass


def everyone(add, number):
    first, second = add(number), add(number)
    yield second, first


def chain(add, number):
    for before, after in itertools.pairwise(add(number)):
        yield after, before


def at_random(add, number):
    guids, chance = add(number // 10), random.Random(8)
    for _ in range(number):
        before, after = sorted(chance.sample(guids, 2))
        yield after, before


SHAPES = {"all": everyone, "chain": chain, "random": at_random}


def main():
    shape, number, together = SHAPES[sys.argv[1]], int(sys.argv[2]), sys.argv[3:] != ["alone"]
    ResourceFactory.register_type(Idle)
    with ExperimentController("bench", local_dir="runs") as ec:
        began = time.perf_counter()
        with ec.batch() if together else nullcontext():
            for after, before in shape(lambda many: [ec.register_resource("bench::Idle") for _ in range(many)], number):
                ec.register_condition(after, ResourceAction.DEPLOY, before, ResourceState.READY)
        described = time.perf_counter() - began
        began, cpu = time.perf_counter(), time.process_time()
        ec.deploy()
        assert ec.wait_deployed(ec.resources)
        found = {
            "resources": len(ec.resources),
            "described": described,
            "deployed": time.perf_counter() - began,
            "cpu": time.process_time() - cpu,
            "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }
    print(json.dumps(found))


main()
