"""Runs whole controllers in a simulated world: with time, order, hosts, a disk and faults of its own, in one thread.

    from engine.testing.simulation import Simulation

    def script(sim):
        with sim.controller() as ec:
            host = ec.register_resource("sim::Host")
            app = ec.register_resource("sim::App", seconds=3600.0, connectedTo=host)
            ec.deploy()
            assert ec.wait_finished(app)

    Simulation(seed=7).run(script)              # an hour, in milliseconds; the same in every run

See docs/simulation.md.
"""

from engine.testing.simulation.faults import Faults, Injected
from engine.testing.simulation.hosts import Host
from engine.testing.simulation.hub import Stuck
from engine.testing.simulation.kinds import SimApp, SimHost, SimTask
from engine.testing.simulation.launching import Command, Fenced
from engine.testing.simulation.programs import Program
from engine.testing.simulation.record import Happening, Record
from engine.testing.simulation.simulation import Crashed, Simulation, current

__all__ = [
    "Command",
    "Crashed",
    "Faults",
    "Fenced",
    "Happening",
    "Host",
    "Injected",
    "Program",
    "Record",
    "SimApp",
    "SimHost",
    "SimTask",
    "Simulation",
    "Stuck",
    "current",
]
