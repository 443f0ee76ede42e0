"""Two ways lead from a to d. The better one fails at a set time, and packets take the other one.

python examples/netns/failure.py

         b
       /   \\
      a     d       the way by b is preferred, until b is cut off
       \\   /
         c
"""

import json

from engine import ExperimentController, ResourceState
from rms.linux import Ping
from rms.netns import Emulation, Interface, Link, Node, Route

HERE, THERE = "10.8.0.1", "10.9.0.1"  # addresses of a and d that do not depend on the way
PINGS, INTERVAL = 20, 0.1  # seconds

with ExperimentController("failure") as ec:
    emulation = ec.add(Emulation())
    nodes = {name: ec.add(Node(hostname=name, forwarding=True), on=emulation) for name in "abcd"}
    ends = {}
    for number, (one, two) in enumerate(("ab", "db", "ac", "dc"), 1):
        for last, (here, there) in enumerate(((one, two), (two, one)), 1):
            fixed = {"ac": [f"{HERE}/32"], "dc": [f"{THERE}/32"]}.get(here + there, [])
            spec = Interface(name=f"to-{there}", addresses=[f"10.0.{number}.{last}/24", *fixed])
            ends[here + there] = ec.add(spec, on=nodes[here])
        ec.add(Link(), on=[ends[one + two], ends[two + one]])

    def route(way, destination, via, metric):
        ec.add(Route(destination=destination, via=via, metric=metric), on=ends[way])

    for way, first, second, metric in (("b", 1, 2, 10), ("c", 3, 4, 20)):
        route(f"a{way}", THERE, f"10.0.{first}.2", metric)
        route(f"d{way}", HERE, f"10.0.{second}.2", metric)
        route(f"{way}a", HERE, f"10.0.{first}.1", metric)
        route(f"{way}d", THERE, f"10.0.{second}.1", metric)

    ping = ec.add(Ping(target=THERE, address=HERE, interval=INTERVAL, count=PINGS, ttl=2), on=nodes["a"])
    failing = [ends["ab"], ends["db"]]
    ec.set_with_conditions("up", False, failing, ping, ResourceState.STARTED, "1s")
    ec.deploy()
    ec.wait_finished(ping)

    numbers = [reply["seq"] for reply in json.loads(ec.trace(ping, "result"))["replies"]]
    print(f"{len(numbers)} of {PINGS} came back, from the first to number {max(numbers)}")
    for end in failing:
        change = json.loads(ec.trace(end, "changes"))
        print(
            f"#{end.guid} went down {change['begun'] / 1e9 - ec.get_start_time(ping).timestamp():.2f} s after the start"
        )
