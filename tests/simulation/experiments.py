"""Random experiments, and what happens to them: all of it drawn beforehand, as plain data.

Resources are named by numbers that are taken modulo those that there are when the call is made, so that any part of an
experiment can be left out, and what is left is still one: failures shrink.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.simulation.kinds import HOSTS, KINDS, SOURCE, App

if TYPE_CHECKING:
    from random import Random

STATES = ("STARTED",) * 5 + ("READY",) * 3 + ("STOPPED",) * 3
STATES += ("NEW", "DISCOVERED", "RESERVED", "PROVISIONED", "FAILED", "RELEASED")
DELAYS = (None, None, 0.5, 3, 90, "1ns", "2.5m")
PAUSES = (0, 0, 0.01, 0.5, 3, 20, 100)
STEPS = ("discover", "reserve", "provision", "configure", "deploy", "start", "stop", "release")
NOBODY = 10**6
"""A number that no resource has."""


class Move(NamedTuple):
    """Something that the script does, `pause` seconds after the move before; `aside` in a thread of its own."""

    pause: float
    name: str
    args: dict[str, Any]
    aside: bool = False


@dataclass(frozen=True)
class Experiment:
    """An experiment and its fate.

    Attributes:
        seed: of the simulation that it runs in.
        moves: what the script does.
        rest: seconds from the last move to the shutdown.
        policy: what the failure of a resource means: "default", "lenient" (nothing), or "strict" (the end).
        faults: by chance, see `Faults`.
        crashes: one after the other: die at the n-th point of such a label ("" for any) after the takeover before.
        mishaps: at so many seconds this befalls this host, for so long: "vanish", "reboot", or "vanish and crash", when
            the controller dies right after that.
        rivals: when somebody else tries to take the run over.
        usurper: when its controller is declared dead, though it only stands still for a while; None for never.
        disk, power: see `Simulation` and `Faults`.
        batches: whether the moves between which there is no pause are made in a batch.
    """

    seed: int
    moves: tuple[Move, ...]
    rest: float = 5.0
    workers: int = 20
    policy: str = "default"
    faults: dict[str, float] = field(default_factory=dict)
    crashes: tuple[tuple[str, int], ...] = ()
    mishaps: tuple[tuple[float, str, str, float], ...] = ()
    rivals: tuple[float, ...] = ()
    usurper: float | None = None
    disk: str = "memory"
    power: float = 0.0
    batches: bool = False


def draw(random: Random, seed: int) -> Experiment:
    """An experiment and its fate."""
    script = _Script(random)
    script.describe()
    script.carry_on()
    usurper = random.uniform(0.001, 8.0) if random.random() < 0.08 else None
    mishaps = _mishaps(random) if random.random() < 0.2 else ()
    return Experiment(
        seed,
        tuple(script.moves),
        random.choice([5, 200, 400]) if mishaps else random.choice([1, 5, 80, 400]),
        random.choice([1, 2, 3, 20]),
        random.choice(["default", "default", "lenient", "strict"]),
        _faults(random),
        () if usurper is not None else _crashes(random),
        mishaps,
        (random.uniform(0, 5),) if random.random() < 0.1 else (),
        usurper,
        "disk" if random.random() < 0.1 else "memory",
        random.choice([0.0, 0.5, 1.0]),
        random.random() < 0.3,
    )


def _faults(random: Random) -> dict[str, float]:
    chosen = {
        "hook_fails": random.choice([0.02, 0.1]),
        "hook_hangs": 0.01,
        "hook_late": random.choice([0.01, 2.0]),
        "lost": 0.02,
        "late": random.choice([0.2, 3.0]),
        "twice": 0.2,
        "vanishes": 0.02,
        "reboots": 0.01,
        "slow_disk": random.choice([0.001, 0.5]),
    }
    return {name: value for name, value in chosen.items() if random.random() < 0.12}


POINTS = ("", "", "step", "before append", "after append", "request", "answer", "launch: ", "launch: claim",
          "launch: started", "launch: look for void", "launch: exit", "lock", "disk ")  # fmt: skip


def _crashes(random: Random) -> tuple[tuple[str, int], ...]:
    """Some die within the first steps of a takeover, some far into it."""
    many = random.choice([0, 0, 1, 1, 2, 4])
    return tuple((random.choice(POINTS), int(random.choice([5, 30, 150]) * random.random() ** 2)) for _ in range(many))


MISHAPS = ("vanish", "reboot", "vanish and crash", "vanish and crash")


def _mishaps(random: Random) -> tuple[tuple[float, str, str, float], ...]:
    return tuple(
        (random.uniform(0, 30), random.choice(HOSTS), random.choice(MISHAPS), random.choice([0.1, 5, 40]))
        for _ in range(random.choice([1, 1, 2]))
    )


class _Script:
    """Draws the moves."""

    def __init__(self, random: Random) -> None:
        self.moves: list[Move] = []
        self._random = random
        self._kinds = self._some_kinds()

    def _some_kinds(self) -> list[Any]:
        """A few types, rather such as have to do with each other."""
        kinds = self._random.sample(KINDS, 2)
        for kind in kinds[:]:
            wanted = {one.rtype for one in kind.links.values()}
            kinds += [other for other in KINDS if other.rtype in wanted]
        return kinds

    def _add(self, name: str, pause: float = 0, aside: bool = False, /, **args: Any) -> None:
        self.moves.append(Move(pause, name, args, aside))

    def _one(self) -> int:
        return NOBODY if self._random.random() < 0.01 else self._random.randrange(12)

    def _some(self) -> list[int]:
        return [self._one() for _ in range(self._random.choice([1, 1, 1, 2, 3]))]

    # --- describing it ------------------------------------------------------------------------------------------

    def describe(self) -> None:
        random = self._random
        for _ in range(random.choice([1, 2, 3, 4, 5, 6])):
            self.register()
        for _ in range(random.choice([0, 2, 5])):
            self.connect()
        for _ in range(random.choice([0, 1, 2, 4])):
            random.choice([self.condition, self.condition, self.condition, self.plan_value, self.set_global])()
        self._add("deploy", guids=None if random.random() < 0.7 else self._some(), barrier=random.random() < 0.6)

    def register(self, pause: float = 0) -> None:
        random = self._random
        if random.random() < 0.15:
            kind, attributes = App, self._running()
            self._add("register", pause, rtype="sim::Host", attributes={"name": random.choice(HOSTS)}, to=[])
            to = [-1]
        else:
            kind = random.choice(self._kinds)
            attributes = self._running() | self._planned(kind) | {"where": random.choice(HOSTS)}
            to = [self._one()] if random.random() < 0.2 else []
        if random.random() < 0.02:
            attributes |= random.choice([{"colour": 1}, {"level": "x"}, {"password": "plain"}])
        if random.random() < 0.1:
            attributes["hardRelease"] = True
        auto = {"autoDeploy": True} if random.random() < 0.1 else {}
        self._add("register", pause, rtype=kind.rtype, attributes=attributes | auto, to=to)

    def _running(self) -> dict[str, Any]:
        """What is common to all that run: how long they do, and how they end."""
        random = self._random
        drawn: dict[str, Any] = {"seconds": random.choice([0.0, 0.5, 3.0, 20.0, 300.0, None])}
        chances: list[tuple[float, str, list[Any]]] = [
            (0.35, "critical", [False]),
            (0.25, "code", [1, 3]),
            (0.1, "ok_codes", [[0, 3], []]),
            (0.2, "on_term", [1.0, None]),
            (0.3, "grace", [0.5, 3.0]),
            (0.2, "password", [SOURCE]),
        ]
        drawn.update((name, random.choice(values)) for chance, name, values in chances if random.random() < chance)
        return drawn

    def _planned(self, kind: Any) -> dict[str, Any]:
        random = self._random
        plan: dict[str, Any] = {}
        for step in kind.hooks():
            if random.random() < 0.4:
                plan[str(step)] = {"takes": random.choice([0.0, 0.5, 2.0, 30.0])}
            if random.random() < 0.1:
                how = random.choice(["fails", "fails", "heeds", "heeds", "hangs", "lost"])
                plan.setdefault(str(step), {"takes": 1.0})["how"] = how
        if random.random() < 0.05:
            plan["probe"] = {"how": random.choice(["gone", "lost", "fails"]), "takes": random.choice([0.0, 3.0])}
        return {"plan": plan} if plan else {}

    def connect(self, pause: float = 0) -> None:
        self._add("connect", pause, one=self._one(), other=self._one())

    def condition(self, pause: float = 0) -> None:
        random = self._random
        action = random.choice(["DEPLOY", "START", "START", "STOP", "STOP"])
        when = {"state": random.choice(STATES), "delay": random.choice(DELAYS)}
        self._add("condition", pause, guids=self._some(), action=action, others=self._some(), **when)

    def plan_value(self, pause: float = 0) -> None:
        random = self._random
        when = {"state": random.choice(STATES), "delay": random.choice(DELAYS)}
        name = "level" if random.random() < 0.9 else "seconds"
        value = random.randrange(1, 10**6)
        self._add("plan_value", pause, name=name, value=value, guids=self._some(), others=self._some(), **when)

    def set_global(self, pause: float = 0) -> None:
        name, value = self._random.choice([("critical", False), ("critical", True), ("level", 7), ("seconds", 2.0)])
        rtype = self._random.choice([*self._kinds, KINDS[0]]).rtype
        self._add("set_global", pause, rtype=rtype, name=name, value=value)

    # --- while it runs ------------------------------------------------------------------------------------------

    def carry_on(self) -> None:
        random = self._random
        moves = [
            self.register, self.connect, self.condition, self.condition, self.plan_value, self.set_global, self.set,
            self.unregister_condition, self.unregister_connection, self.deploy, self.deploy, self.step, self.step,
            self.step, self.restart, self.restart, self.wait, self.wait, self.wait, self.release, self.release,
            self.remove, self.schedule, self.schedule,
        ]  # fmt: skip
        for _ in range(random.choice([0, 1, 3, 6, 10])):
            random.choice(moves)(random.choice(PAUSES))

    def set(self, pause: float) -> None:
        name, value = self._random.choice([("level", 3), ("level", 4), ("seconds", 1.0), ("critical", False)])
        self._add("set", pause, guid=self._one(), name=name, value=value)

    def unregister_condition(self, pause: float) -> None:
        """Rather one that was made; of it, maybe only a part."""
        made = [move.args for move in self.moves if move.name == "condition"]
        if not made or self._random.random() < 0.2:
            made = [{"guids": self._some(), "others": self._some(), "action": "START"}]
        args = self._random.choice(made)
        others = args["others"][: self._random.choice([1, 1, 3])]
        action = self._random.choice([None, args["action"]])
        self._add("unregister_condition", pause, guids=args["guids"], others=others, action=action)

    def unregister_connection(self, pause: float) -> None:
        made = [move.args for move in self.moves if move.name == "connect"]
        args = self._random.choice([*made, {"one": self._one(), "other": self._one()}])
        self._add("unregister_connection", pause, **args)

    def deploy(self, pause: float) -> None:
        random = self._random
        guids = None if random.random() < 0.4 else self._some()
        group = random.choice([None, None, 1, 1, 2])
        self._add("deploy", pause, guids=guids, barrier=random.random() < 0.5, group=group)

    def step(self, pause: float) -> None:
        step = self._random.choice(["discover", "reserve", "provision", "start", "start", "stop", "stop"])
        self._add("step", pause, True, guid=self._one(), step=step)

    def restart(self, pause: float) -> None:
        self._add("restart", pause, True, guid=self._one(), after=self._random.choice([0, 0.01, 0.5]))

    def wait(self, pause: float) -> None:
        random = self._random
        what = random.choice(["deployed", "started", "finished", "finished", "released"])
        timeout = random.choice([None, None, 0, 1.0, 60.0])
        self._add("wait", pause, True, what=what, guids=self._some(), timeout=timeout)

    def release(self, pause: float) -> None:
        self._add("release", pause, True, guids=self._some() if self._random.random() < 0.9 else None)

    def remove(self, pause: float) -> None:
        self._add("remove", pause, guid=self._one())

    def schedule(self, pause: float) -> None:
        delay = self._random.choice([0, "1ns", 0.5, 20, "2m"])
        self._add("schedule", pause, delay=delay, fails=self._random.random() < 0.3)
