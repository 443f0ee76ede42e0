"""Simulated hosts, and how they and the lines to them fail.

A request travels to the host, is carried out there by fibers of the host's own, and its answer travels back. So what
was asked for is done whether or not the one who asked is still there, and each step of it is a point at which a
controller may die, or another one come in between.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final, TypeVar

import pykka

from engine.rm.outcomes import Ended, Gone
from engine.rm.transport import TransportLost
from engine.testing.simulation.hub import SimFuture, here
from engine.testing.simulation.launching import KILL, TERM, Attempt, Fenced, Process

if TYPE_CHECKING:
    from engine.rm.outcomes import Outcome
    from engine.testing.simulation.hub import Owner
    from engine.testing.simulation.launching import Command
    from engine.testing.simulation.simulation import Simulation

_T = TypeVar("_T")

OnEnd = Callable[[Ended | Gone], None]

_PACE: Final = 0.004

ANSWER_TIMEOUT: Final = 10.0
"""Seconds after which a host that has not answered is taken for one that does not."""


class Host:
    """A host that outlives all controllers: what a controller may ask of it, and what may befall it.

    Attributes:
        name: what it is called.
        boot: how many times it was booted.
        reachable: whether it answers.
        latency: the least and the most seconds that a request, an answer or a message takes on its way.
        pace: the most seconds that one step of what it is asked for takes.
        epochs: those of the controllers that have been here.
        attempts: what it was asked to start, by token.
    """

    def __init__(self, simulation: Simulation, name: str, latency: tuple[float, float]) -> None:
        self.name = name
        self.boot = 1
        self.reachable = True
        self.latency = latency
        self.pace = _PACE
        self.epochs: set[int] = set()
        self.attempts: dict[str, Attempt] = {}
        self.hub = simulation.hub
        self._simulation = simulation
        self._system = Process(name, 1)
        self._last_pid = 1
        self._unheard: list[tuple[Owner, Callable[[], None]]] = []

    # --- what a controller may ask ------------------------------------------------------------------------------
    #
    # Each raises `Fenced` if a later controller has been here, and `TransportLost` if nobody answers.

    def open(self, epoch: int) -> None:
        """See that the host answers."""
        self._call(epoch, lambda: None)

    def start(self, token: str, command: Command, epoch: int, on_end: OnEnd) -> int:
        """Start a command, unless this attempt was started before; its process number, once it has begun.

        Args:
            token: the attempt.
            command: what to run.
            epoch: that of the controller.
            on_end: as for `watch`.

        Raises:
            CommandFailed: it did not begin, and never will.
        """
        owner = here().owner

        def act() -> int:
            attempt = self._attempt(token)
            pid = attempt.start(command, epoch)
            attempt.watch(owner, on_end)
            return pid

        return self._call(epoch, act)

    def probe(self, token: str, epoch: int) -> Outcome:
        """What became of an attempt. One that nobody has claimed will never begin."""
        return self._call(epoch, lambda: self._attempt(token).probe(epoch))

    def watch(self, token: str, epoch: int, on_end: OnEnd) -> None:
        """Have `on_end` called, in the caller's program, once the attempt has ended, also if it had before."""
        owner = here().owner

        def act() -> None:
            attempt = self._attempt(token)
            attempt.probe(epoch)
            attempt.watch(owner, on_end)

        self._call(epoch, act)

    def stop(self, token: str, epoch: int, grace: float = 10.0) -> Ended | Gone:
        """End an attempt, by force after `grace` seconds; how it ended. One that has not begun never will."""
        end: SimFuture[Ended | Gone] = SimFuture(f"the end of {token}")
        owner = here().owner

        def act() -> None:
            attempt = self._attempt(token)
            attempt.stop(epoch, TERM)
            attempt.watch(owner, end.set)

        self._call(epoch, act)
        try:
            return end.get(timeout=grace)
        except pykka.Timeout:
            self._call(epoch, lambda: self._attempt(token).stop(epoch, KILL))
            return end.get()

    def _call(self, epoch: int, act: Callable[[], _T]) -> _T:
        """Have something done on the host.

        Raises:
            TransportLost: nobody answered; it may have been done.
        """
        chance = self._simulation.chance
        answer: SimFuture[_T] = SimFuture(f"an answer of {self.name}")
        self._simulation.point("request")
        for _ in range(2 if chance.strikes(chance.faults.twice) else 1):
            # On its way it is no longer the caller's, who may die meanwhile.
            self.hub.spawn(self._system, "request", partial(self._serve, answer, epoch, act))
        try:
            return answer.get(timeout=ANSWER_TIMEOUT)
        except pykka.Timeout:
            raise TransportLost(self.name, f"it has not answered for {ANSWER_TIMEOUT:g} s") from None

    def _serve(self, answer: SimFuture[_T], epoch: int, act: Callable[[], _T]) -> None:
        """A request comes, is carried out, and its answer goes back."""
        if not self._travel():
            return
        try:
            value = self._carry_out(epoch, act)
        except Exception as error:  # noqa: BLE001 - it is raised where it was asked for
            outcome = partial(answer.set_exception, (type(error), error, error.__traceback__))
        else:
            outcome = partial(answer.set, value)
        self._simulation.point("answer")
        if self._travel():
            outcome()

    def _travel(self) -> bool:
        """Take the time that something takes on its way. Whether it arrives."""
        chance = self._simulation.chance
        self._suffer()
        self.hub.sleep(chance.between(*self.latency) + chance.up_to(chance.faults.late))
        return self.reachable and not chance.strikes(chance.faults.lost)

    def _carry_out(self, epoch: int, act: Callable[[], _T]) -> _T:
        """Publish the controller's epoch; then, unless a later one has been here, do what is asked."""
        self.step("publish the epoch")
        self.epochs.add(epoch)
        self.step("read the epochs")
        if later := self.later_than(epoch):
            raise Fenced(self.name, epoch, later)
        return act()

    def _suffer(self) -> None:
        """What may befall a host by chance."""
        chance = self._simulation.chance
        if self.reachable and chance.strikes(chance.faults.reboots):
            self.reboot(chance.up_to(chance.faults.away))
        elif self.reachable and chance.strikes(chance.faults.vanishes):
            self.vanish()
            self.hub.after(chance.up_to(chance.faults.away), self.come_back)

    def _attempt(self, token: str) -> Attempt:
        return self.attempts.setdefault(token, Attempt(self, token))

    # --- what an attempt needs of it ----------------------------------------------------------------------------

    def step(self, label: str) -> None:
        """Let anything happen that may happen between two steps of the protocol."""
        self._simulation.point(f"launch: {label}")
        self.hub.sleep(self._simulation.chance.up_to(self.pace))

    def later_than(self, epoch: int) -> int:
        """The highest epoch that has been here, if it is higher than this one; else 0."""
        highest = max(self.epochs, default=0)
        return highest if highest > epoch else 0

    def process(self, name: str) -> Process:
        """A new process."""
        self._last_pid += 1
        return Process(f"{self.name}: {name}", self._last_pid)

    def note(self, kind: str, token: str, **facts: object) -> None:
        """Add something to the record of what really happened."""
        self._simulation.note(kind, self.name, token, **facts)

    def tell(self, owner: Owner, act: Callable[[], None]) -> None:
        """Tell a program something as soon as it can be told."""
        chance = self._simulation.chance
        for _ in range(2 if chance.strikes(chance.faults.twice) else 1):
            delay = chance.between(*self.latency) + chance.up_to(chance.faults.late)
            self.hub.after(delay, partial(self._deliver, owner, act))

    def _deliver(self, owner: Owner, act: Callable[[], None]) -> None:
        if self.reachable:
            self.hub.spawn(owner, f"news of {self.name}", act)
        else:
            self._unheard.append((owner, act))

    # --- what may befall it -------------------------------------------------------------------------------------

    def vanish(self) -> None:
        """Answer nobody any more. What runs goes on."""
        self.reachable = False
        self.note("host.vanished", "")

    def come_back(self) -> None:
        """Answer again, and tell what could not be told meanwhile."""
        self.reachable = True
        self.note("host.came back", "")
        unheard, self._unheard = self._unheard, []
        for owner, act in unheard:
            self.tell(owner, act)

    def reboot(self, seconds: float = 5.0) -> None:
        """Kill all that runs, and answer again after so many seconds. Marks and journal are on disk, and stay."""
        self.note("host.rebooted", "")
        self.boot += 1
        self.reachable = False
        before, self._system = self._system, Process(self.name, 1)
        before.alive = False
        self.hub.kill(before)
        for attempt in self.attempts.values():
            attempt.kill()
        self.hub.after(seconds, self.come_back)

    def kill(self, token: str, *, supervisor: bool = True, command: bool = True) -> None:
        """Kill the processes of an attempt, or one of them."""
        self.attempts[token].kill(supervisor=supervisor, command=command)
