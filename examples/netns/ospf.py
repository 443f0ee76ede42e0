"""How long no packet arrives after a link has failed: until OSPF has found the other way.

python examples/netns/ospf.py [DEAD...]

               r1 --- r2               the link between r1 and r2 fails two seconds after the ping has begun:
    left ---   |       |   --- right   it loses its carrier, which both routers see at once; or it is silent, and
               +-- r3 -+               they see it when no hello has come for DEAD seconds

All cases run at the same time, each in a network of its own. Needs FRR, and netreel[plots] for ospf.png.
"""

import json
import sys
from itertools import pairwise

from matplotlib.figure import Figure

from engine import ExperimentController, ResourceAction, ResourceState
from rms.linux import Application, Ping
from rms.netns import Emulation, Frr, Interface, Link, Node, Route

DEADS = list(map(int, sys.argv[1:])) or [3, 8]
CABLES = [("left", "r1"), ("r1", "r2"), ("r1", "r3"), ("r3", "r2"), ("r2", "right")]
FAILS = 2  # seconds after the first request
RIGHT = "10.0.5.2"


def describe(ec, emulation, dead, *, silent):
    """One network whose link r1 - r2 fails; gives the ping from left to right, and what fails."""
    names = ("left", "r1", "r2", "r3", "right")
    nodes = {name: ec.add(Node(hostname=name, forwarding=True), on=emulation) for name in names}
    ends, links = {}, {}
    for number, (one, two) in enumerate(CABLES, 1):
        for last, here, there in ((1, one, two), (2, two, one)):
            spec = Interface(name=f"to-{there}", addresses=[f"10.0.{number}.{last}/24"])
            ends[here, there] = ec.add(spec, on=nodes[here])
        links[one, two] = ec.add(Link(), on=[ends[one, two], ends[two, one]])
    ec.add(Route(via="10.0.1.2"), on=ends["left", "r1"])
    ec.add(Route(via="10.0.5.1"), on=ends["right", "r2"])
    for name in ("r1", "r2", "r3"):
        areas = {f"to-{there}": "0" for here, there in ends if here == name}
        ec.add(Frr(ospf_areas=areas, ospf_hello=1, ospf_dead=dead, ospf_lsa_interval=0), on=nodes[name])

    # Three hops: by r3 it would be four.
    found = ec.add(Application(command=f"until ping -c 1 -W 1 -t 3 {RIGHT}; do sleep 0.2; done"), on=nodes["left"])
    asking = Ping(target=RIGHT, interval=0.02, count=50 * (FAILS + dead + 3), print_timestamp=True)
    ping = ec.add(asking, on=nodes["left"])
    ec.register_condition(ping, ResourceAction.START, found, ResourceState.STOPPED)
    failing = links["r1", "r2"] if silent else ends["r1", "r2"]
    ec.set_with_conditions("up", False, failing, ping, ResourceState.STARTED, f"{FAILS}s")
    return ping, failing


def answers(ec, ping, failing):
    """When answers came, in seconds after the failure."""
    failed = json.loads(ec.trace(failing, "changes"))["begun"] / 1e9
    return [reply["timestamp"] - failed for reply in json.loads(ec.trace(ping, "result"))["replies"]]


def outage(times):
    """The longest time without an answer: from when to when."""
    return max(pairwise(times), key=lambda pair: pair[1] - pair[0])


def draw(results, path):
    """When answers came in each case."""
    figure = Figure(figsize=(9, 1.2 + 0.7 * len(results)), layout="constrained")
    axes = figure.add_subplot(xlabel="seconds after the failure", title="Answers from right, when a link fails")
    for row, times in enumerate(results.values()):
        axes.plot(times, [row] * len(times), "|", markersize=14)
        begun, ended = outage(times)
        axes.annotate(f"{ended - begun:.2f} s", ((begun + ended) / 2, row - 0.3), ha="center")
    axes.set_yticks(range(len(results)), list(results))
    axes.set_ylim(len(results) - 0.4, -0.6)
    axes.axvline(0, color="grey", linestyle=":")
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    with ExperimentController("ospf") as ec:
        emulation = ec.add(Emulation())
        cases = {"carrier lost": describe(ec, emulation, DEADS[0], silent=False)}
        for dead in DEADS:
            cases[f"silent, dead after {dead} s"] = describe(ec, emulation, dead, silent=True)
        ec.deploy()
        ec.wait_finished([ping for ping, _ in cases.values()])
        results = {case: answers(ec, *both) for case, both in cases.items()}
    print("failure                  without an answer (s)")
    for case, times in results.items():
        begun, ended = outage(times)
        print(f"{case:24} {ended - begun:21.2f}")
    draw(results, "ospf.png")
