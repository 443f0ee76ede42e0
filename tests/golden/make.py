"""Writes a small log with every kind of event in it, and the world that it comes to.

    python -m tests.golden.make v1

A log that was released once is never made again: later versions must load it to the same world, for ever. When a kind
of event changes its version, make a new one beside it.
"""

import json
import sys
from pathlib import Path

from engine import journal
from engine.core import messages, revise
from engine.core.events import (
    KINDS,
    AttributeSet,
    EffectBegun,
    EffectDone,
    RunClosed,
    ScriptLooked,
    TopologyDescribed,
)
from engine.core.states import ResourceState, Step
from engine.core.world import EXPERIMENT
from eventlog import FileStore
from tests.engine.core.lab import START, STOP, Lab, S, link

HERE = Path(__file__).parent


def live(store):
    """A host, a server, and clients: one fails, a controller dies, another one finds what runs, and all is released."""
    lab = Lab(store)
    lab.type("host", ("provision", "release"), attributes={"hostname": "localhost"}, waiting=["provision"])
    lab.type(
        "app",
        ("deploy", "start", "stop", "release"),
        [link("host", min=1, max=1)],
        required=["command"],
        attributes={"level": 0},
    )
    host = lab.add(rtype="host")
    server, client, extra = (lab.add(rtype="app", to=[host], command=f"run {name}") for name in ("a", "b", "c"))
    probe = lab.add("start", critical=False, label="the probe")
    lab.turn([AttributeSet(extra, "critical", False, 0)])
    lab.turn(revise.set_global(lab.world, "app", "level", 3, "live"))
    lab.turn(revise.plan_value(lab.world, "level", 4, "live", [server], [client], ResourceState.STARTED, S // 2))
    lab.turn(revise.switch_trace(lab.world, server, "log", enabled=False))
    _take_back(lab, host, probe)
    lab.turn([TopologyDescribed(EXPERIMENT, {"topo_type": "linear", "seed": None, "nodes": [], "edges": []})])
    lab.when(client, START, server, ResourceState.STARTED, 1.5)
    lab.when([server, extra], STOP, client, ResourceState.STOPPED)
    lab.kernel.schedule(lab.now + 1)
    lab.kernel.schedule(lab.now + 10**12)
    lab.request(host, Step.DISCOVER)
    lab.when(probe, STOP, server, ResourceState.STOPPED)
    lab.deploy(probe, barrier=False)
    lab.deploy(server, client, extra)
    lab.deploy(host)
    lab.doing(host, "clearing it")
    lab.wait(0.25)
    lab.turn(messages.TaskReturned(1, "ValueError: no"))
    lab.done(host, receipt={"dir": "/run/1", "sizes": [1, 2.5, None, True, b"\xff"]})
    lab.done(server, client, extra)
    lab.done(server, receipt={"pid": 7})
    lab.fail(probe, "größe ☃")
    lab.remark(host, "has not answered since 12:00:00 UTC: no route")
    lab = lab.crash()
    probes = {effect.guid: effect.attempt.token for effect in lab.take_over()}
    lab.turn(messages.Unanswered(server, probes[server], "no route to host"))
    lab.wait(0.5)
    lab.turn(messages.Found(server, probes[server]), messages.NotBegun(extra, probes[extra]))
    lab.wait(2)
    lab.done(extra, receipt={"pid": 8})
    lab.done(client)
    lab.ended(server, 0)
    lab.failed(client, "the line was cut", 1)
    lab.release()
    while working := [guid for guid, it in lab.world.resources.items() if it.attempt is not None]:
        lab.done(*working)
    lab.turn([ScriptLooked(EXPERIMENT), EffectBegun(EXPERIMENT, "publish")])
    lab.turn([EffectDone(EXPERIMENT, lab.world.seq, {"rows": 3}, None)])
    lab.turn([RunClosed(EXPERIMENT)])
    lab.writer.close()


def _take_back(lab, host, probe):
    """Describe what nobody needs, and take it back."""
    mistake = lab.add(rtype="host", label="a mistake")
    lab.connect(mistake, host)
    lab.when([probe, mistake], START, [host, mistake], ResourceState.NEW)
    lab.turn(revise.drop_conditions(lab.world, [probe, mistake], [mistake], None))
    lab.turn(revise.drop_conditions(lab.world, [mistake], [host], START))
    lab.turn(revise.disconnect(lab.world, host, mistake))
    lab.turn(revise.remove(lab.world, mistake))


def world(run_dir):
    """What the log comes to, as plain values."""
    return journal.rebuild(FileStore(run_dir).read()).to_dict()


def make(version):
    run_dir = HERE / version
    live(FileStore(run_dir))
    (run_dir / "log" / "lock").unlink()  # it names this machine
    missing = KINDS.keys() - {record.kind for record in FileStore(run_dir).read()}
    assert not missing, f"these kinds are not in it: {missing}"
    text = json.dumps(world(run_dir), indent=1, sort_keys=True, ensure_ascii=False, default=bytes.hex)
    (run_dir / "world.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    make(sys.argv[1])
