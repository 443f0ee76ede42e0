"""Simulated processes: each runs a script, and is the machine that the script's controllers run on."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from greenlet import getcurrent

from engine.core import story
from engine.core.states import ENDS
from engine.failure import ECState
from engine.runtime.script import Script
from engine.testing.simulation.hub import Died, Fiber, SimFuture, SimLock

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from engine.controller import ExperimentController
    from engine.home import Readable
    from engine.testing.simulation.disk import LogWriter
    from engine.testing.simulation.hub import Hub, Owner
    from engine.testing.simulation.simulation import Simulation


def _is_heard(record: logging.LogRecord) -> bool:  # noqa: ARG001 - it is who speaks that counts
    """What a dead program still says while its fibers come to their end, such as that it cannot write, is not heard."""
    fiber = getcurrent()
    return not (isinstance(fiber, Fiber) and not fiber.owner.alive)


logging.getLogger("netreel").addFilter(_is_heard)


class SimClock:
    """The time of the simulation, with alarms that are heard as long as their owner is there."""

    def __init__(self, hub: Hub, owner: Owner) -> None:
        self._hub = hub
        self._owner = owner

    def now(self) -> int:
        """The time in ns since 1970, UTC."""
        return self._hub.now

    def alarm(self, ring: Callable[[], None]) -> SimAlarm:
        """An alarm that calls `ring` in a fiber of its own."""
        return SimAlarm(self._hub, self._owner, ring)


class SimAlarm:
    """Rings at the time that was set last."""

    def __init__(self, hub: Hub, owner: Owner, ring: Callable[[], None]) -> None:
        self._hub = hub
        self._owner = owner
        self._ring = ring
        self._due: int | None = None
        self._word = 0

    def set(self, due: int | None) -> None:
        """Ring at `due` (ns since 1970), or never. What was set before no longer counts."""
        if due == self._due:
            return
        self._due = due
        self._word += 1
        if due is not None:
            self._hub.at(due, partial(self._go_off, self._word))

    def close(self) -> None:
        """Never ring again."""
        self.set(None)

    def _go_off(self, word: int) -> None:
        if word == self._word:
            self._due = None
            self._hub.spawn(self._owner, "alarm", self._ring)


class SimWorkers:
    """An executor whose every job is a fiber of a program."""

    def __init__(self, hub: Hub, program: Program, name: str, initializer: Callable[[], object] | None) -> None:
        self._hub = hub
        self._program = program
        self._name = name
        self._initializer = initializer

    def submit(self, job: Callable[[], None]) -> None:
        """Run the job soon."""

        def run() -> None:
            if self._initializer is not None:
                self._initializer()
            job()

        self._hub.spawn(self._program, self._name, run)

    follow = submit

    def close(self) -> None:
        """Nothing: the fibers end once they have done what was submitted."""


class Program:
    """A simulated process.

    It is what `engine.runtime.machine.Machine` asks for: a controller that is made with ``machine=program`` lives
    and dies with it.

    Attributes:
        name: what it is called in messages and in the record.
        alive, fibers, held: see `hub.Owner`.
        controllers: those that were made in it.
        death: how it died, if it did before its script came to its end.
    """

    def __init__(self, simulation: Simulation, number: int, script: Callable[[Simulation], object]) -> None:
        self.name = f"program-{number}"
        self.alive = True
        self.held: list[Fiber] | None = None
        self.fibers: dict[Fiber, None] = {}
        self.controllers: list[ExperimentController] = []
        self.death: Exception | None = None
        self._simulation = simulation
        self._number = number
        self._calls = Script(self.name, describe=dict)
        self._result: Any = None
        self._error: BaseException | None = None
        simulation.hub.spawn(self, "script", partial(self._run, script))

    # --- its script ---------------------------------------------------------------------------------------------

    def result(self) -> Any:
        """What its script returned.

        Raises:
            Exception: what its script raised.
        """
        if self._error is not None:
            raise self._error
        return self._result

    def _run(self, script: Callable[[Simulation], object]) -> None:
        try:
            self._result = script(self._simulation)
            self._let_go()
        except Died:
            raise
        except BaseException as error:  # noqa: BLE001 - it is told to whoever asks for the result
            self._error = error
            self._let_go()
        self.end()

    def _let_go(self) -> None:
        """What a process does at its end with the controllers that it has not shut down."""
        for ec in self.controllers:
            if ec.ecstate is not ECState.TERMINATED:
                ec.detach()

    def end(self) -> None:
        """End, with all that runs in it."""
        if self.alive:
            self.alive = False
            self._simulation.note("program.died" if self.death else "program.ended", self.name)
            self._simulation.hub.kill(self)

    def pause(self) -> None:
        """Let nothing in it go on, as if its machine were suspended, until `resume`."""
        if self.held is None:
            self.held = []

    def resume(self) -> None:
        """Let it go on as if no time had gone by."""
        self._simulation.hub.resume(self)

    # --- the machine --------------------------------------------------------------------------------------------

    def clock(self, not_before: int) -> SimClock:  # noqa: ARG002 - the time of a simulation never runs backwards
        """The time of the simulation."""
        return SimClock(self._simulation.hub, self)

    def workers(self, size: int, name: str, initializer: Callable[[], object] | None = None) -> SimWorkers:  # noqa: ARG002 - the controller keeps to its limits itself
        """Fibers."""
        return SimWorkers(self._simulation.hub, self, name, initializer)

    def future(self) -> SimFuture[Any]:
        """A future for fibers."""
        return SimFuture()

    def lock(self) -> AbstractContextManager[object]:
        """A lock for fibers."""
        return SimLock()

    def pid(self) -> int:
        """Its number while it lives; nobody's otherwise, so that its controllers know that they are not to act."""
        return self._number if self.alive and self._simulation.hub.running else 0

    def holder(self) -> dict[str, Any]:
        """The program, as the log names it."""
        return {"host": "simulation", "pid": self._number, "netreel": "", "python": "", "system": ""}

    def script(self) -> Script:
        """That of the program."""
        return self._calls

    def make_run_dir(self, exp_id: str | None, local_dir: str | os.PathLike[str] | None) -> Path:
        """A new name for a run. There is no such directory: its log is kept by the simulation."""
        return self._simulation.disk.new_run(exp_id, local_dir)

    def open_log(self, run_dir: Path) -> AbstractContextManager[Readable]:
        """The log of a run; see `engine.runtime.machine.Machine.open_log`."""
        return nullcontext(self._simulation.disk.log(run_dir).store)

    def open_writer(self, run_dir: Path) -> LogWriter:
        """Become the writer of a run's log; see `eventlog.LogStore.open_writer`."""
        return self._simulation.disk.log(run_dir).open_writer(self, f"{self.name} in a simulation")

    # --- for messages -------------------------------------------------------------------------------------------

    def told_waiting(self) -> Iterator[str]:
        """Who in it waits for what, and what its experiments wait for."""
        for fiber in self.fibers:
            if fiber:
                yield f"{self.name}, {fiber.name}: waits for {fiber.waits_for}, {_place(fiber)}"
        for ec in self.controllers:
            world = ec._session._kernel.world
            for guid, resource in world.resources.items():
                if resource.state not in ENDS:
                    yield f"{self.name}, {ec.exp_id}: {story.tell(world, guid)}"


def _place(fiber: Fiber) -> str:
    """Where in the code that is not ours a fiber waits."""
    frame = fiber.gr_frame
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("engine.", "eventlog", "pykka", "contextlib")):
            return f"in {frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})"
        frame = frame.f_back
    return "in the engine"
