"""Experiments for the tests of the simulation, and what must hold after each, whatever went wrong."""

from collections import Counter
from contextlib import suppress

import replay.audit
from engine import ResourceState, journal
from engine.core.errors import BadState, ExperimentError, WaitTimeout
from engine.testing.simulation import Crashed
from eventlog import NoLog


def describe(sim, apps=2, seconds=3.0, **kwargs):
    """A controller, a host, applications on it, and a task."""
    ec = sim.controller(**kwargs)
    host = ec.register_resource("sim::Host")
    guids = [ec.register_resource("sim::App", seconds=seconds, connectedTo=host) for _ in range(apps)]
    ec.register_resource("sim::Task", seconds=seconds)
    return ec, host, guids


def script(sim):
    """An experiment from its beginning to its end."""
    ec, _, apps = describe(sim)
    ec.deploy()
    with suppress(WaitTimeout):
        ec.wait_finished(apps, "1h")
    end(ec)


def end(ec):
    """Shut it down. That a release failed is told at the end, and is no surprise where hooks fail by chance."""
    with suppress(ExperimentError):
        ec.shutdown()


def go_on(sim):
    """Another controller takes it over, and brings it to its end."""
    ec = sim.reconnect()
    sim.sleep(1)
    end(ec)


def see_through(sim, first=script, then=go_on):
    """Run a script, and, as often as its program dies, another one that takes over. How often it died."""
    crashes, act = 0, first
    while True:
        try:
            sim.run(act)
        except Crashed:
            crashes += 1
            act = then if sim.disk.logs and sim.events() else first
        except (BadState, NoLog):  # it died after all was done
            return crashes
        else:
            return crashes


def entries(sim):
    """What is in the latest log."""
    return [journal.to_entry(record) for record in sim.events()]


def world(sim):
    """What the latest log comes to."""
    return journal.rebuild(sim.events())


def never_began(sim):
    """The attempts of which the log says so."""
    under_way, found = {}, set()
    for entry in entries(sim):
        event = entry.event
        if event.kind == "step.begun":
            under_way[event.guid] = event.token
        elif event.kind == "step.voided" and event.why == "it never began":
            found.add(under_way[event.guid])
    return found


def check(sim):
    """What must hold when all was released: by the log, and by what really happened."""
    assert replay.audit.audit(entries(sim)) == []
    assert {resource.state for resource in world(sim).resources.values()} <= {ResourceState.RELEASED}
    began = Counter(each.token for each in sim.record.of("process.began"))
    over = Counter(each.token for each in sim.record.of("process.ended", "process.killed"))
    intended = {entry.event.token for entry in entries(sim) if entry.event.kind == "step.begun"}
    assert set(began.values()) <= {1}
    assert set(began) <= intended
    assert began == over
    assert not set(began) & never_began(sim)
