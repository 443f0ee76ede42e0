"""Three routers and two ways between two hosts, on this machine: the better way fails in the middle of a transfer.

           40 Mbit/s
left --- r1 ======= r2 --- right
           \\       /
            -- r3 --  15 Mbit/s
"""

from __future__ import annotations

import shutil
import tempfile
from typing import TYPE_CHECKING

import throughput

from engine import ExperimentController, ResourceAction, ResourceState
from rms.linux.iperf3 import parse
from rms.netns import Emulation, Interface, Link, Node

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from evidence import Command
    from rich.console import Console

HAS_FRR = shutil.which("vtysh") is not None
HOST = 1
NODES = {"left": 2, "r1": 3, "r2": 4, "r3": 5, "right": 6}
FAST, SLOW = 40e6, 15e6  # bits per second
CABLES = {("left", "r1"): None, ("r1", "r2"): FAST, ("r1", "r3"): SLOW, ("r3", "r2"): SLOW, ("r2", "right"): None}
ENDS = {pair: 10 + number for number, pair in enumerate((*CABLES, *(pair[::-1] for pair in CABLES)))}
LINKS = {pair: 30 + number for number, pair in enumerate(CABLES)}
FAILING = [ENDS["r1", "r2"], ENDS["r2", "r1"]]
ROUTERS = {"r1": 40, "r2": 41, "r3": 42} if HAS_FRR else {}
SERVER, CLIENT, SAMPLER, PING = 50, 51, 52, 53

_LEFT, _RIGHT = "10.0.1.0/24", "10.0.5.0/24"
_HOSTS = (("left", "r1", "default", 1), ("right", "r2", "default", 1))
# Where there is no FRR: of two ways to one network the one with the lower number is taken, while there is a carrier.
_FIXED = (
    ("r1", "r2", _RIGHT, 10),
    ("r1", "r3", _RIGHT, 20),
    ("r2", "r1", _LEFT, 10),
    ("r2", "r3", _LEFT, 20),
    ("r3", "r2", _RIGHT, 10),
    ("r3", "r1", _LEFT, 10),
)
ROUTES = {each: 60 + number for number, each in enumerate(_HOSTS if HAS_FRR else _HOSTS + _FIXED)}

NAMES = {
    HOST: "network",
    **{guid: name for name, guid in NODES.items()},
    **{guid: f"port of {one} to {two}" for (one, two), guid in ENDS.items()},
    **{guid: f"link {one} - {two}" for (one, two), guid in LINKS.items()},
    **{guid: f"OSPF of {name}" for name, guid in ROUTERS.items()},
    **{guid: f"route of {one} by {two}" for (one, two, _, _), guid in ROUTES.items()},
    SERVER: "server",
    CLIENT: "client",
    SAMPLER: "sampler",
    PING: "first ping",
}
LAST = (SERVER, CLIENT, SAMPLER, PING)
TOLD_TO_END = {SAMPLER: 143, **dict.fromkeys(ROUTERS.values(), 0)}
STATUSES = {**dict.fromkeys(LAST, 0), **TOLD_TO_END}
SECONDS = 9.0
FAILS = 2 / 3  # of the transfer: a busy machine takes its time until the second controller is in charge
INTRODUCTION = f"""\
A network on this machine: three routers, two hosts, five links{", OSPF by FRR" if HAS_FRR else ""}
              {FAST / 1e6:.0f} Mbit/s
  left --- r1 ======= r2 --- right
             \\       /
              -- r3 --  {SLOW / 1e6:.0f} Mbit/s
  server, client   iperf3 from left to right; [italic]starts when a first ping has found the way[/]
  sampler          counts what arrives, five times a second; [italic]starts and stops with the client[/]
  r1 - r2          goes down [italic]{FAILS * SECONDS:g} s after the client has STARTED[/]
"""
_PINGING = "until ping -c 1 -W 1 -t 3 {0}; do sleep 0.2; done"  # three hops: not by r3
_SAMPLING = "while :; do echo $(date +%s.%N) $(cat /sys/class/net/to-r2/statistics/rx_bytes); sleep 0.2; done"


def why_not() -> str | None:
    """Why there can be no such network on this machine; None if there can. Tries with a small one."""
    if not shutil.which("iperf3"):
        return "iperf3 is missing"
    with tempfile.TemporaryDirectory() as home, ExperimentController("trial", local_dir=home) as ec:
        emulation = ec.add(Emulation())
        ends = [ec.add(Interface(), on=ec.add(Node(hostname=name), on=emulation)) for name in ("one", "two")]
        ec.add(Link(rate=FAST), on=ends)
        ec.deploy()
        if ec.wait_started(ec.resources):
            return None
        return next(str(failure) for guid in ec.resources if (failure := ec.failure(guid)))


def address(node: str, neighbour: str) -> str:
    """That of a node on the cable to a neighbour."""
    numbers = {pair: number for number, pair in enumerate(CABLES, 1)}
    pair = (node, neighbour)
    return f"10.0.{numbers[pair]}.1" if pair in CABLES else f"10.0.{numbers[pair[::-1]]}.2"


def describe(ec: ExperimentController, seconds: float) -> None:
    """Describe what is not described yet: a controller may have died in the middle of this.

    Args:
        ec: the controller.
        seconds: how long the transfer is to take.
    """
    there = ec.resources

    def put(guid: int, rtype: str, on: object = (), **attributes: object) -> None:
        if guid not in there:
            ec.register_resource(rtype, guid=guid, connectedTo=on, label=NAMES[guid], **attributes)

    put(HOST, "netns::Emulation")
    for name, guid in NODES.items():
        put(guid, "netns::Node", HOST, hostname=name, forwarding=name.startswith("r"))
    for (one, two), guid in ENDS.items():
        put(guid, "netns::Interface", NODES[one], name=f"to-{two}", addresses=[f"{address(one, two)}/24"])
    for pair, guid in LINKS.items():
        put(guid, "netns::Link", [ENDS[pair], ENDS[pair[::-1]]], rate=CABLES[pair])
    for (one, two, to, metric), guid in ROUTES.items():
        put(guid, "netns::Route", ENDS[one, two], destination=to, via=address(two, one), metric=metric)
    for name, guid in ROUTERS.items():
        areas = {f"to-{two}": "0" for one, two in ENDS if one == name}
        passive = [end for end in areas if end in ("to-left", "to-right")]
        timers = {"ospf_hello": 1, "ospf_dead": 10, "ospf_lsa_interval": 0}
        put(guid, "netns::Frr", NODES[name], ospf_areas=areas, ospf_passive=passive, **timers)
    right = address("right", "r2")
    put(SERVER, "linux::Iperf3", NODES["right"], server=True, one_off=True)
    put(CLIENT, "linux::Iperf3", NODES["left"], client=right, time=max(1, round(seconds)))
    put(SAMPLER, "linux::Application", NODES["right"], command=_SAMPLING)
    put(PING, "linux::Application", NODES["left"], command=_PINGING.format(right))

    ec.register_condition(CLIENT, ResourceAction.START, SERVER, ResourceState.STARTED)
    ec.register_condition(CLIENT, ResourceAction.START, PING, ResourceState.STOPPED)
    # It ends with its only client, unless that never came.
    ec.register_condition(SERVER, ResourceAction.STOP, CLIENT, ResourceState.STOPPED, "5s")
    ec.register_condition(SAMPLER, ResourceAction.START, CLIENT, ResourceState.STARTED)
    ec.register_condition(SAMPLER, ResourceAction.STOP, CLIENT, ResourceState.STOPPED)
    ec.set_with_conditions("up", False, FAILING, CLIENT, ResourceState.STARTED, f"{FAILS * seconds}s")


def progress(seen: Mapping[int, Command]) -> str:
    """How far it has come, in words."""
    taken = samples(seen)
    return f"{(taken[-1][1] - taken[0][1]) / 1e6:.1f} MB have arrived at right" if taken else ""


def is_under_way(seen: Mapping[int, Command]) -> bool:
    """Whether a part of the data has gone through."""
    taken = samples(seen)
    return bool(taken) and taken[-1][1] - taken[0][1] > FAST / 8


def samples(seen: Mapping[int, Command]) -> list[tuple[float, int]]:
    """What the sampler has seen: seconds since 1970, and bytes."""
    lines = seen[SAMPLER].stdout.split("\n")[:-1]
    return [(float(when), int(count)) for when, count in (line.split() for line in lines)]


def _received(command: Command) -> dict[str, float]:
    """What iperf3 says in the end of what has arrived; nothing if it has none."""
    (test,) = parse(command.stdout)["tests"] or [{}]
    received: dict[str, float] = test.get("end", {}).get("sum_received", {})
    return received


def faults(_run_dir: Path, seen: Mapping[int, Command]) -> list[str]:
    """What is not as it must be in what was collected."""
    sent, got = (_received(seen[guid]).get("bytes") for guid in (CLIENT, SERVER))
    found = [] if sent and sent == got else [f"of {sent} bytes that the client has sent the server has {got}"]
    return found + ([] if samples(seen) else ["the sampler has seen nothing"])


def show(console: Console, run_dir: Path, seen: Mapping[int, Command], killed: float) -> None:
    """Print and draw what was collected; `killed` is when the first controller was, in seconds since 1970."""
    received = _received(seen[CLIENT])
    console.print(f"  iperf3: {received.get('bytes')} bytes in {received.get('seconds', 0):.1f} s")
    moments = throughput.moments(run_dir, killed, FAILING[0])
    rates = throughput.rates(samples(seen))
    throughput.table(console, rates, moments)
    picture = throughput.draw(run_dir / "throughput.png", rates, moments)
    console.print(f"  {picture}")
