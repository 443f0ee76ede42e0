"""Makes the pictures of docs/plots.md: `python docs/images/make.py`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine import plot
from engine.core import events
from engine.core.apply import apply
from engine.core.states import DEPLOYMENT, ResourceState, Step
from engine.core.world import World
from engine.netgraph import NetGraph

if TYPE_CHECKING:
    from collections.abc import Iterable

NS: Final = 1_000_000_000
ON_A_HOST: Final = {"name": "node", "rtype": "lab::Node", "min": 1, "max": 1, "after": "READY", "before": "deploy"}
TYPES: Final = (
    events.TypeDeclared(0, "lab::Node", ["lab::Node"], [], [], {"critical": True}, [], {}),
    events.TypeDeclared(0, "lab::App", ["lab::App"], [], [ON_A_HOST], {"critical": True, "rate": 1}, [], {}),
)
STARTED: Final = [*DEPLOYMENT, Step.START]


def world_of(exp_id: str, made: Iterable[events.Event]) -> World:
    """The world that these events come to, one every half second."""
    world = World(exp_id=exp_id, run_id="20300317T174640.000000Z-4f3a9c21", start=NS)
    for seq, event in enumerate([*TYPES, *made], 1):
        apply(world, events.Entry(seq, NS + seq * NS // 2, 0, 1, event))
    return world


def node(guid: int, label: str | None = None) -> events.Event:
    """A host."""
    return events.ResourceRegistered(guid, "lab::Node", {}, label)


def app(guid: int, host: int, label: str | None = None, **values: Any) -> list[events.Event]:
    """An application on a host."""
    return [events.ResourceRegistered(guid, "lab::App", values, label), events.ResourceConnected(guid, host)]


def start_after(guids: list[int], on: list[int], seconds: int = 0) -> events.Event:
    """A condition."""
    return events.ConditionRegistered(0, guids, Step.START, on, ResourceState.STARTED, seconds * NS)


def states() -> World:
    """Everything that a plot shows."""
    made = [node(1, "alpha"), node(2, "beta"), node(3, "gamma")]
    labels = ["server", "monitor", "logger", "client", "client", "client", "probe", "old", "dump"]
    for number, label in enumerate(labels):
        made += app(number + 4, number // 3 + 1, label, critical=label not in {"probe", "dump"})
    made += [
        start_after([7, 8, 9], [4, 5], 2),
        events.ConditionRegistered(0, [4], Step.STOP, [7], ResourceState.STOPPED, 0),
        events.AttributePlanned(0, [9], "rate", 5, [10], ResourceState.STARTED, NS),
    ]
    made += [events.StepPassed(guid, STARTED) for guid in (1, 2, 3, 4, 5, 11)]
    made += [events.StepPassed(guid, list(DEPLOYMENT[:count])) for guid, count in ((6, 1), (7, 5), (8, 2), (9, 3))]
    made += [
        events.StepPassed(11, [Step.STOP]),
        events.ResourceFailed(10, {"type": "Failed", "message": "no answer"}, 1, 0),
        events.StepPassed(12, [Step.RELEASE]),
    ]
    return world_of("states", made)


def topology(kind: str, count: int, *, chained: bool = False, **more: Any) -> World:
    """A topology of hosts; each may start after the one before."""
    graph = NetGraph(topo_type=kind, node_count=count, **more)
    made = [node(int(nid) + 1) for nid in graph.nodes()]
    made += [events.ResourceConnected(int(one) + 1, int(two) + 1) for one, two in graph.edges()]
    made += [start_after([guid], [guid - 1], guid % 2) for guid in range(2, count + 1) if chained]
    made += [events.StepPassed(guid, STARTED) for guid in range(1, count // 2)]
    made += [events.StepPassed(guid, list(DEPLOYMENT)) for guid in range(count // 2, count + 1)]
    return world_of(kind, made)


def hosts(count: int, apps: int) -> World:
    """Hosts with applications."""
    made = [node(guid, f"host{guid}") for guid in range(1, count + 1)]
    for number in range(count * apps):
        made += app(count + 1 + number, number // apps + 1)
    made += [events.StepPassed(guid, STARTED) for guid in range(1, count * (apps + 1) + 1)]
    return world_of("hosts", made)


def main() -> None:
    """Make them all."""
    here = Path(__file__).parent
    plot.plot(states(), here / "states", plot.PFormats.SVG)
    plot.plot(topology("linear", 12, chained=True), here / "line", plot.PFormats.SVG)
    plot.plot(topology("tree", 13, branches=3), here / "tree")
    plot.plot(topology("grid", 12), here / "grid")
    plot.plot(hosts(6, 4), here / "hosts", plot.PFormats.SVG)


if __name__ == "__main__":
    main()
