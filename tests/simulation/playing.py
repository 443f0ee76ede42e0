"""Plays an experiment that was drawn: in a simulation, with all that befalls it, until everything is released."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from engine import ExperimentController, FailureManager, ResourceAction, ResourceState
from engine.core.errors import BadState
from engine.testing.simulation import Crashed, Faults, Simulation
from engine.testing.simulation.hub import Died, here
from eventlog import Locked, NoLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.testing.simulation import Program
    from engine.testing.simulation.hub import Owner
    from tests.simulation.experiments import Experiment, Move


class Lenient(FailureManager):
    """No failure aborts anything."""

    def eval_failure(self, guid: int) -> None:
        pass


class Strict(FailureManager):
    """Every failure aborts the experiment."""

    def eval_failure(self, guid: int) -> None:
        self.set_abort()


POLICIES = {"default": FailureManager, "lenient": Lenient, "strict": Strict}


@dataclass
class Played:
    """What came of an experiment.

    Attributes:
        sim: the simulation, with its record and its log.
        died: how many times its controller did.
        live: the world of its last controller, after the shutdown.
    """

    sim: Simulation
    died: int = 0
    live: Any = None


class Player:
    """Makes the moves of an experiment, in one controller after the other."""

    def __init__(self, experiment: Experiment) -> None:
        self._experiment = experiment
        self._crashes = list(experiment.crashes)
        self._passed = 0
        faults = Faults(**experiment.faults, crash_at=self._dies, power=experiment.power)
        self._sim = Simulation(experiment.seed, faults=faults, disk=experiment.disk, limit=30 * 86400.0)
        self._program: Program | None = None
        self._next_move = 0
        self._calls = 0
        self._returned: dict[
            Owner, list[tuple[int, Any]]
        ] = {}  # what calls of a program's batch have come to, by number
        self.played = Played(self._sim)

    # --- what befalls it ----------------------------------------------------------------------------------------

    def _dies(self, number: int, label: str) -> bool:
        """Whether this is the point at which it is to die next."""
        if not self._crashes or not label.startswith(self._crashes[0][0]):
            return False
        self._passed += 1
        if self._passed <= self._crashes[0][1]:
            return False
        self._passed = 0
        del self._crashes[0]
        return True

    def _let_befall(self) -> None:
        for seconds, name, what, away in self._experiment.mishaps:
            host = self._sim.host(name)
            if what == "reboot":
                self._sim.at(seconds, partial(host.reboot, away))
            else:
                self._sim.at(seconds, host.vanish)
                self._sim.at(seconds + away, host.come_back)
            if what == "vanish and crash":
                self._sim.at(seconds + 0.1, self._crash)
        for seconds in self._experiment.rivals:
            self._sim.at(seconds, lambda: self._sim.start(self._rival))

    def _crash(self) -> None:
        """Let the controller die at once, unless it is to be usurped, or none is in charge."""
        if self._program is not None and self._program.alive and self._experiment.usurper is None:
            self._sim.crash(self._program)

    def _rival(self, sim: Simulation) -> None:
        """Tries to take over what is in good hands, and lets go of it at once if it is not."""
        if sim.disk.logs and sim.events():
            self._call("reconnect", {}, lambda: self._reconnect(sim).detach())

    # --- controllers --------------------------------------------------------------------------------------------

    def play(self) -> Played:
        """Play it to its end."""
        self._let_befall()
        act = self._usurp if self._experiment.usurper is not None else self._begin
        while True:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # what may be amiss is meant
                    self._sim.run(act)
            except Crashed:
                self.played.died += 1
                act = self._take_over if self._sim.disk.logs and self._sim.events() else self._begin
            except (NoLog, BadState):  # it died after all was done
                return self.played
            else:
                return self.played

    def _begin(self, sim: Simulation) -> None:
        self._next_move = 0
        fm = POLICIES[self._experiment.policy]()
        self._go_on(sim, sim.controller(workers=self._experiment.workers, fm=fm))

    def _take_over(self, sim: Simulation) -> None:
        while True:
            try:
                ec = self._reconnect(sim)
            except Locked:  # by a rival
                sim.sleep(0.1)
            else:
                return self._go_on(sim, ec)

    def _reconnect(self, sim: Simulation) -> ExperimentController:
        fm = POLICIES[self._experiment.policy]()
        return sim.reconnect(workers=self._experiment.workers, fm=fm)

    def _usurp(self, sim: Simulation) -> None:
        """Take over from one that only stands still, and goes on as if nothing had been."""
        first = sim.start(self._begin)
        sim.sleep(self._experiment.usurper)
        first.pause()
        sim.note("program.paused", first.name)
        sim.sleep(1)
        if not sim.disk.logs or not sim.events():
            first.resume()
            return
        sim.declare_dead(first)
        try:
            ec = self._reconnect(sim)
        finally:
            first.resume()
        self._go_on(sim, ec)

    def _go_on(self, sim: Simulation, ec: ExperimentController) -> None:
        """Make the moves that are left, and bring it to its end. One at which its controller died is not made again."""
        self._program = here().owner
        while (move := self._take()) is not None:
            sim.sleep(move.pause)
            if self._experiment.batches:
                self._make_together(ec, move)
            else:
                self._make(ec, move)
        sim.sleep(self._experiment.rest)
        self._call("shutdown", {}, ec.shutdown)
        self.played.live = ec._session._kernel.world

    # --- calls --------------------------------------------------------------------------------------------------

    def _take(self, *, at_once: bool = False) -> Move | None:
        """The next move, if there is one, or if there is one without a pause."""
        left = self._experiment.moves[self._next_move :]
        if not left or (at_once and left[0].pause):
            return None
        self._next_move += 1
        return left[0]

    def _make_together(self, ec: ExperimentController, first: Move) -> None:
        """Make all moves up to the next pause in a batch. Only when that has ended, what they came to is promised."""
        program, returned = here().owner, list[tuple[int, Any]]()
        self._returned[program] = returned

        def make() -> None:
            move: Move | None = first
            with ec.batch():
                while move is not None:
                    self._make(ec, move)
                    move = self._take(at_once=True)

        self._call("batch", {}, make)
        del self._returned[program]
        for number, result in returned:
            self._sim.note("call.returned", program.name, number=number, result=result, in_batch=True)

    def _make(self, ec: ExperimentController, move: Move) -> None:
        """Make a move, in a thread of its own if it may take long."""
        names = _Naming(list(ec._session._kernel.world.resources))
        if move.name == "restart":
            act = partial(self._restart, ec, names(move.args["guid"]), move.args["after"])
        else:
            returned = None if move.aside else self._returned.get(here().owner)
            act = partial(self._call, *getattr(self, f"_{move.name}")(ec, names, **move.args), returned)
        if move.aside:
            self._sim.hub.spawn(here().owner, "user", act)
        else:
            act()

    def _restart(self, ec: ExperimentController, guid: int, after: float) -> None:
        """Stop one, and soon start it again, while the news of its end may still be on its way."""
        self._call("step", {"guid": guid, "step": "stop"}, lambda: ec.stop(guid))
        self._sim.sleep(after)
        self._call("step", {"guid": guid, "step": "start"}, lambda: ec.start(guid))

    def _call(
        self, name: str, args: dict[str, Any], act: Callable[[], Any], returned: list[tuple[int, Any]] | None = None
    ) -> None:
        """Make a call, and note when it was made, and what came of it when; or keep that to be noted later."""
        sim, where = self._sim, here().owner.name
        self._calls += 1
        number = self._calls
        sim.note("call.made", where, number=number, name=name, args=args)
        try:
            result = act()
        except Died:
            raise
        except Exception as error:  # noqa: BLE001 - what it may be is for the oracle to say
            if not here().owner.alive:  # it was cut short, whatever it made of that
                raise Died from None
            kinds = [kind.__name__ for kind in type(error).__mro__]
            sim.note("call.raised", where, number=number, kinds=kinds, message=str(error))
        else:
            if returned is None:
                sim.note("call.returned", where, number=number, result=result, in_batch=False)
            else:
                returned.append((number, result))

    def _register(self, ec, name, rtype, attributes, to):
        connected = {"connectedTo": name.many(to)} if to else {}
        args = {"rtype": rtype, "attributes": attributes, "to": connected.get("connectedTo", [])}
        return "register", args, lambda: ec.register_resource(rtype, **attributes, **connected)

    def _connect(self, ec, name, one, other):
        args = {"one": name(one), "other": name(other)}
        return "connect", args, lambda: ec.register_connection(*args.values())

    def _unregister_connection(self, ec, name, one, other):
        args = {"one": name(one), "other": name(other)}
        return "disconnect", args, lambda: ec.unregister_connection(*args.values())

    def _condition(self, ec, name, guids, action, others, state, delay):
        args = {"guids": name.many(guids), "action": action, "on": name.many(others), "state": state, "delay": delay}
        given = args["guids"], ResourceAction[action], args["on"], ResourceState[state], delay
        return "condition", args, lambda: ec.register_condition(*given)

    def _unregister_condition(self, ec, name, guids, others, action):
        args = {"guids": name.many(guids), "on": name.many(others), "action": action}
        which = None if action is None else ResourceAction[action]
        return "unregister_condition", args, lambda: ec.unregister_condition(args["guids"], args["on"], which)

    def _plan_value(self, ec, names, name, value, guids, others, state, delay):
        who = {"guids": names.many(guids), "on": names.many(others)}
        args = {"name": name, "value": value, "state": state, "delay": delay, **who}
        given = name, value, who["guids"], who["on"], ResourceState[state], delay
        return "plan_value", args, lambda: ec.set_with_conditions(*given)

    def _set_global(self, ec, names, rtype, name, value):
        args = {"rtype": rtype, "name": name, "value": value}
        return "set_global", args, lambda: ec.set_global(rtype, name, value)

    def _set(self, ec, names, guid, name, value):
        args = {"guid": names(guid), "name": name, "value": value}
        return "set", args, lambda: ec.set(*args.values())

    def _deploy(self, ec, name, guids, barrier, group=None):
        chosen = None if guids is None else name.many(guids)
        args = {"guids": chosen, "barrier": barrier, "group": group}
        return "deploy", args, lambda: ec.deploy(chosen, barrier, group)

    def _step(self, ec, name, guid, step):
        args = {"guid": name(guid), "step": step}
        return "step", args, lambda: getattr(ec, step)(args["guid"])

    def _wait(self, ec, name, what, guids, timeout):
        args = {"what": what, "guids": name.many(guids), "timeout": timeout}
        return "wait", args, lambda: getattr(ec, f"wait_{what}")(args["guids"], timeout)

    def _release(self, ec, name, guids):
        chosen = None if guids is None else name.many(guids)
        return "release", {"guids": chosen}, lambda: ec.release(chosen)

    def _remove(self, ec, name, guid):
        args = {"guid": name(guid)}
        return "remove", args, lambda: ec.remove_resource(args["guid"])

    def _schedule(self, ec, name, delay, fails):
        number = self._calls + 1
        act = partial(self._task, self._sim, number, fails)
        return "schedule", {"delay": delay, "fails": fails}, lambda: ec.schedule(delay, act)

    @staticmethod
    def _task(sim: Simulation, number: int, fails: bool) -> None:
        sim.note("task.called", here().owner.name, number=number)
        if fails:
            raise LookupError("the function of a task fails")


class _Naming:
    """The guids of those whose numbers were drawn."""

    def __init__(self, known: list[int]) -> None:
        self._known = known

    def __call__(self, number: int) -> int:
        return self._known[number % len(self._known)] if self._known and number < 1000 else number

    def many(self, numbers: list[int]) -> list[int]:
        return [self(number) for number in numbers]


def play(experiment: Experiment) -> Played:
    """What comes of an experiment."""
    return Player(experiment).play()
