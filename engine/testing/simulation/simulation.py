"""A world of its own for whole controllers: time, order, hosts, disk and faults, all from one seed."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from engine.controller import ExperimentController
from engine.rm.awaited import Awaited
from engine.testing.simulation.disk import Disk, Kind
from engine.testing.simulation.faults import Chance, Faults, Injected
from engine.testing.simulation.hosts import Host
from engine.testing.simulation.hub import BEGINNING, NS, Died, Hub, Stuck, here
from engine.testing.simulation.launching import Process
from engine.testing.simulation.programs import Program, SimClock
from engine.testing.simulation.record import Happening, Record

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import eventlog
    from engine.rm.awaited import Waiting
    from engine.rm.base import Intent, ResourceManager

_T = TypeVar("_T")


class Crashed(Exception):
    """The program died before its script came to its end.

    Attributes:
        point: the number of the point at which it did; None if it was crashed by hand.
        label: what was about to happen there.
    """

    def __init__(self, name: str, point: int | None, label: str) -> None:
        super().__init__(f"{name} died: {label}" + ("" if point is None else f" (point {point})"))
        self.point = point
        self.label = label


class Simulation:
    """A simulated world, in which scripts run whole controllers. The same seed gives the same run.

    Args:
        seed: decides the order of everything, what goes wrong, and all names.
        faults: what goes wrong.
        disk: whether logs are kept in memory, which is fast, or on a simulated disk, whose unsynced tail can be torn.
        latency: the least and the most seconds that a message between a controller and a host takes.
        limit: seconds of simulated time after which the simulation gives up.

    Attributes:
        record: what really happened, whatever the logs say.
        random: for scripts that want chance.
        points: what was about to happen at each moment at which a program could have died, in order.
        hub, chance, disk: the parts.
    """

    def __init__(
        self,
        seed: int = 0,
        *,
        faults: Faults | None = None,
        disk: Kind = "memory",
        latency: tuple[float, float] = (0.001, 0.05),
        limit: float = 10 * 86400.0,
    ) -> None:
        self.record = Record()
        self.random = _random(seed, "script")
        self.points: list[str] = []
        self.chance = Chance(faults or Faults(), _random(seed, "faults"))
        self._crashes = bool(self.chance.faults.crash or self.chance.faults.crash_at)
        self.hub = Hub(_random(seed, "order"), partial(self.point, "step"))
        self.hub.simulation = self
        self.hub.limit = BEGINNING + round(limit * NS)
        self.disk = Disk(self, disk, _random(seed, "names"))
        self._outside = Process("the world outside", 0)
        self._latency = latency
        self._hosts: dict[str, Host] = {}
        self._programs: list[Program] = []
        self._foreground: Program | None = None
        self._real = 0.0

    # --- running ------------------------------------------------------------------------------------------------

    def run(self, script: Callable[[Simulation], _T]) -> _T:
        """Run a script as a program of its own until it ends; what it returned.

        The crashes of `Faults` strike this program. What else is in the world goes on meanwhile, and stands still
        afterwards.

        Raises:
            Crashed: the program died.
            Stuck: it can never end; the message says who waits for what.
            Exception: what the script raised.
        """
        program = self.start(script)
        self._foreground = program
        begun = time.process_time()
        try:
            self.hub.run(lambda: not program.alive)
        except Stuck as stuck:
            raise Stuck(self._report(str(stuck))) from None
        finally:
            self._real += time.process_time() - begun
            self._foreground = None
        if program.death is not None:
            raise program.death
        result: _T = program.result()
        return result

    def start(self, script: Callable[[Simulation], object]) -> Program:
        """Have a script run as a program of its own, beside others, whenever the simulation runs."""
        program = Program(self, len(self._programs) + 1, script)
        self._programs.append(program)
        return program

    def sleep(self, seconds: float | None) -> None:
        """Let simulated time go by, for whoever calls this; None for ever."""
        self.hub.sleep(seconds)

    def at(self, seconds: float, act: Callable[[], object]) -> None:
        """Call this once the simulation is so many seconds old: a host to reboot, say. It must not wait."""
        self.hub.at(BEGINNING + round(seconds * NS), act)

    # --- controllers --------------------------------------------------------------------------------------------

    def controller(self, **kwargs: Any) -> ExperimentController:
        """A new controller in the program that calls this; see `ExperimentController`."""
        program = _program()
        ec = ExperimentController(machine=program, **kwargs)
        program.controllers.append(ec)
        return ec

    def reconnect(self, run_dir: str | os.PathLike[str] | None = None, **kwargs: Any) -> ExperimentController:
        """Take over a run, by default the latest; see `ExperimentController.reconnect`."""
        program = _program()
        ec = ExperimentController.reconnect(self.run_dir if run_dir is None else run_dir, machine=program, **kwargs)
        program.controllers.append(ec)
        return ec

    # --- what goes wrong ----------------------------------------------------------------------------------------

    def crash(self, program: Program | None = None, *, power: bool = False) -> None:
        """Let a program die, by default the one that calls this; with `power`, what was not synced may be gone.

        All that was in its memory is gone; hosts, what runs on them, and the logs stay.
        """
        self._crash(program or _program(), None, "it was crashed", power=power)

    def _crash(self, program: Program, point: int | None, label: str, *, power: bool) -> None:
        program.death = Crashed(program.name, point, label)
        self.disk.crash(program, self.chance, power=power)
        program.end()

    def declare_dead(self, program: Program) -> None:
        """Take the locks of a program's logs away, as if it were gone. It may still live, and not know."""
        for ec in program.controllers:
            self.disk.log(ec.run_dir).take_away()

    def point(self, label: str) -> None:
        """Here the program may die. Every step, every write and every step of a launch comes by here.

        Raises:
            Died: it did, and this is code of its own.
        """
        self.points.append(label)
        program = self._foreground
        if program is None or not self._crashes or not program.alive:
            return
        if not self.chance.crashes(len(self.points) - 1, label):
            return
        power = self.chance.strikes(self.chance.faults.power)
        self._crash(program, len(self.points) - 1, label, power=power)
        if self.hub.is_within(program):
            raise Died

    # --- the world ----------------------------------------------------------------------------------------------

    @property
    def clock(self) -> SimClock:
        """The time of the simulation, as controllers read it."""
        return SimClock(self.hub, self._outside)

    @property
    def seconds(self) -> float:
        """How old the simulation is."""
        return (self.hub.now - BEGINNING) / NS

    @property
    def ratio(self) -> float:
        """How many simulated seconds went by in one of processor time, while scripts were running."""
        return self.seconds / self._real if self._real else 0.0

    def host(self, name: str = "host") -> Host:
        """The host of that name; it is there from the first time that it is asked for."""
        if name not in self._hosts:
            self._hosts[name] = Host(self, name, self._latency)
        return self._hosts[name]

    @property
    def hosts(self) -> list[Host]:
        """All hosts that were asked for."""
        return list(self._hosts.values())

    @property
    def run_dir(self) -> Path:
        """The name of the latest run."""
        return list(self.disk.logs)[-1]

    def events(self, run_dir: Path | None = None) -> list[eventlog.Event]:
        """What is in the log of a run, by default the latest."""
        return list(self.disk.log(self.run_dir if run_dir is None else run_dir).store.read())

    def export(self, path: str | os.PathLike[str], run_dir: Path | None = None) -> Path:
        """Write the log of a run, by default the latest, into a new directory, for tools that read files."""
        return self.disk.log(self.run_dir if run_dir is None else run_dir).export(path)

    def note(self, kind: str, where: str, token: str = "", **facts: Any) -> None:
        """Add something to the record."""
        self.record.note(Happening(self.hub.now, kind, where, token, facts))

    @contextmanager
    def acting(self, manager: ResourceManager, intent: Intent) -> Iterator[None]:
        """Around what a hook does: it is recorded, and what goes wrong with hooks by chance goes wrong.

        Raises:
            Injected: it is to fail.
        """
        facts = {"guid": manager.guid, "step": str(intent.step), "epoch": manager.epoch}
        where, faults = here().owner.name, self.chance.faults
        self.note("hook.called", where, intent.token, **facts)
        try:
            self.sleep(self._delay(faults))
            yield
            if self.chance.strikes(faults.hook_fails):
                raise Injected(f"{intent.step} of #{manager.guid} fails by chance")  # noqa: TRY301 - as if the hook did
        except GeneratorExit:
            raise  # it waits, and is forgotten
        except BaseException as error:
            self.note("hook.raised", where, intent.token, error=type(error).__name__, **facts)
            raise
        self.note("hook.returned", where, intent.token, **facts)

    def waiting(self, manager: ResourceManager, intent: Intent, seconds: float) -> Waiting[None]:
        """What a hook does that lets this time go by, and holds no worker meanwhile."""
        facts = {"guid": manager.guid, "step": str(intent.step), "epoch": manager.epoch}
        owner, awaited = here().owner, Awaited()
        self.note("hook.waits", owner.name, intent.token, **facts)
        self.hub.after(seconds, partial(self.hub.spawn, owner, f"what {intent.token} waits for", awaited.come))
        yield awaited
        self.note("hook.goes_on", owner.name, intent.token, **facts)

    def _delay(self, faults: Faults) -> float | None:
        return None if self.chance.strikes(faults.hook_hangs) else self.chance.up_to(faults.hook_late)

    def _report(self, why: str) -> str:
        waiting = [line for program in self._programs if program.alive for line in program.told_waiting()]
        return f"{why}, {self.seconds:.3f} s from the beginning, and a script still waits:\n  " + "\n  ".join(waiting)


def _random(seed: int, purpose: str) -> Random:
    """Chance for one purpose: what is drawn for one does not change what is drawn for another."""
    return Random(f"{seed} {purpose}")  # noqa: S311 - it keeps no secret


def current() -> Simulation:
    """The simulation that this code is running in.

    Raises:
        RuntimeError: in none.
    """
    return here().hub.simulation


def _program() -> Program:
    owner = here().owner
    if not isinstance(owner, Program):
        raise RuntimeError(f"this is for scripts, not for what runs on {owner.name}")  # noqa: TRY004 - as in `here`
    return owner
