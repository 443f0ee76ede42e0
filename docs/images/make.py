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
from replay.intervals import Recorder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from replay.intervals import Timeline

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


def life() -> Timeline:
    """Hosts and applications from their deployment to their release; a client waits for a server, and a probe fails."""
    made: list[tuple[float, events.Event]] = [(0, each) for each in [*TYPES, node(1, "alpha"), node(2, "beta")]]
    for guid, host, label in (3, 1, "server"), (4, 1, "logger"), (5, 2, "client"), (6, 2, "probe"):
        made += [(0, each) for each in app(guid, host, label, critical=label != "probe")]
    made += [(0, start_after([5], [3], 2)), (0, events.GroupDeployed(0, 1, [1, 2, 3, 4, 5, 6], wait_all_ready=True))]
    for guid, begin, end in (1, 0, 1.5), (2, 0, 2.5):
        made += [(begin, events.StepPassed(guid, list(DEPLOYMENT[:2]))), *_hook(guid, Step.PROVISION, begin, end)]
        made += [(end, events.StepPassed(guid, list(DEPLOYMENT[3:])))]
    for guid, begin, end in (3, 1.5, 5), (4, 1.5, 2), (5, 2.5, 4), (6, 2.5, 3):
        made += [(0, events.StepPassed(guid, list(DEPLOYMENT[:4]))), *_hook(guid, Step.DEPLOY, begin, end)]
    made += [(5, events.StepPassed(guid, [Step.START])) for guid in (1, 2)]
    for guid, begin, end in (3, 5, 6), (4, 5, 5.3), (6, 5, 5.2), (5, 8, 8.4):
        made += _hook(guid, Step.START, begin, end)
    made += [(11, events.ResourceFailed(6, {"type": "Failed", "message": "no answer"}, 1, 0))]
    made += [(18.4, events.ResourceEnded(5, 0, None)), (19, events.ReleaseRequested(0, [1, 2, 3, 4, 5, 6]))]
    for guid, step, begin, end in (3, Step.STOP, 19, 20), (4, Step.STOP, 19, 19.4):
        made += _hook(guid, step, begin, end)
    made += [(end, events.StepPassed(guid, [Step.RELEASE])) for guid, end in ((6, 19), (5, 19), (4, 19.4), (3, 20))]
    for guid, begin, end in (2, 19, 20), (1, 20, 21.5):
        made += _hook(guid, Step.RELEASE, begin, end)
    recorder = Recorder()
    recorder.world.exp_id, recorder.world.run_id = "gantt", "20300317T174640.000000Z-4f3a9c21"
    recorder.world.start = NS
    for seq, (time, event) in enumerate(sorted(made, key=lambda each: each[0]), 1):
        recorder.see(events.Entry(seq, NS + round(time * NS), 0, 1, event))
    return recorder.timeline()


def _hook(guid: int, step: Step, begin: float, end: float) -> list[tuple[float, events.Event]]:
    return [(begin, events.StepBegun(guid, step, "token")), (end, events.StepDone(guid, step, None))]


def main() -> None:
    """Make them all."""
    here = Path(__file__).parent
    life().plot(here / "gantt.svg")
    plot.plot(states(), here / "states", plot.PFormats.SVG)
    plot.plot(topology("linear", 12, chained=True), here / "line", plot.PFormats.SVG)
    plot.plot(topology("tree", 13, branches=3), here / "tree")
    plot.plot(topology("grid", 12), here / "grid")
    plot.plot(hosts(6, 4), here / "hosts", plot.PFormats.SVG)


if __name__ == "__main__":
    main()
