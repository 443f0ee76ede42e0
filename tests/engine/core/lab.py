"""Drives a kernel by hand: messages in, effects out, a time of its own, no threads.

After every turn the log is read on through real bytes: the world that it comes to must be the live one, and so must one
that went through a snapshot; and the audit must find nothing.
"""

from engine import journal, snapshots
from engine.core import decide, events, messages, stepping
from engine.core.apply import apply
from engine.core.effects import Call, Cancel, Changed, Connected, Forgotten, GiveUp, Probe, Run
from engine.core.kernel import Kernel
from engine.core.states import ResourceAction, ResourceState, Step
from engine.core.world import EXPERIMENT, Attempt, Condition, Group, Plan, Resource, Task, World
from eventlog import MemoryStore
from replay.audit import _Auditor

S = 1_000_000_000
"""Nanoseconds in a second."""

START, STOP, DEPLOY = ResourceAction.START, ResourceAction.STOP, ResourceAction.DEPLOY


def declare(rtype, hooks=(), links=(), *, extends=(), attributes=None, required=(), waiting=()):
    """A type as the engine knows it."""
    return events.TypeDeclared(
        guid=EXPERIMENT,
        rtype=rtype,
        lineage=[rtype, *extends],
        hooks=list(hooks),
        links=[dict(link) for link in links],
        attributes={"critical": True, **(attributes or {})},
        required=list(required),
        traces={},
        waiting=list(waiting),
    )


def link(rtype, **how):
    """What a type says about its links."""
    return {"name": "link", "rtype": rtype, "min": 0, "max": None, "after": "READY", "before": "deploy", **how}


def thawed(world):
    """The same world, out of a snapshot of it."""
    return snapshots.load(snapshots.dump(world))


def deep(world):
    """All that a world holds, except what the next turn is to look at."""
    seen = {}  # what many share is looked at once
    plain = {name: _plain(getattr(world, name), seen) for name in _names(World) if name != "touched"}
    for by_state in plain["watched"].values():
        for watching in by_state.values():  # in no particular order
            watching.sort(key=lambda condition: (condition["seq"], condition["step"], condition["origin"]))
    return plain


def _plain(value, seen):
    kind = type(value)
    if kind is dict:
        return {key: _plain(item, seen) for key, item in value.items()}
    if kind in (list, tuple):
        return [_plain(item, seen) for item in value]
    if kind not in _DEEP:
        return value
    if id(value) not in seen:
        seen[id(value)] = {name: _plain(getattr(value, name), seen) for name in _names(kind)}
    return seen[id(value)]


_DEEP = {Attempt, Condition, Group, Plan, Resource, Task}


def _names(kind):
    return kind.__match_args__  # data classes and structs have them


class Lab:
    """An experiment without a controller.

    Attributes:
        entries: what is in the log.
        now: the time, in ns since 1970.
        begun: the hooks that were called since the last look, as "start #1".
        cancelled, called, probed, changed, given_up: the other effects, since the last look.
    """

    def __init__(self, store=None, now=100 * S, wants_abort=None):
        self.store = store or MemoryStore()
        self.now = now
        self.writer = self.store.open_writer("lab")
        self.wants_abort = wants_abort
        world = journal.rebuild(self.store.read())
        self.entries, self._folded, self._auditor = [], World(), _Auditor()
        self.kernel = Kernel(world, self.writer.epoch, "run", self._wants_abort)
        self.declared = {}
        self.begun, self.cancelled, self.called, self.probed, self.changed, self.given_up = [], [], [], [], [], []
        self.kernel.begin_turn(now)
        self.kernel.emit(events.ControllerOpened(EXPERIMENT, "lab", "run", {}, persist=False))

    def _wants_abort(self, guid):
        return self.world.resources[guid].critical if self.wants_abort is None else self.wants_abort(guid)

    @property
    def world(self) -> World:
        return self.kernel.world

    def kinds(self, after=0):
        return [entry.event.kind for entry in self.entries if entry.seq > after]

    # --- turns

    def turn(self, *made, at=None):
        """One turn: lists of events that were decided on, and messages."""
        self.now = self.now if at is None else at
        self.kernel.begin_turn(self.now)
        for item in made:
            if isinstance(item, list):
                self.kernel.emit_all(item)
            else:
                self.kernel.hear(item)
        return self.commit()

    def commit(self):
        self.kernel.settle()
        entries, effects = self.kernel.take()
        self.writer.append([journal.to_record(entry) for entry in entries])
        for effect in effects:
            self._note(effect)
        self.check()
        return effects

    def check(self):
        """What holds after every turn."""
        for record in self.store.read(after=self._folded.seq):
            entry = journal.to_entry(record)
            self.entries.append(entry)
            apply(self._folded, entry)
            self._auditor.see(entry)
        live = deep(self.world)
        assert deep(self._folded) == live
        assert deep(thawed(self.world)) == live
        assert self._auditor.found == []

    def _note(self, effect):
        match effect:
            case Run(guid, attempt):
                self.begun.append(f"{attempt.step} #{guid}")
            case Probe(guid, attempt):
                self.probed.append(f"{attempt.step} #{guid}")
            case Cancel(guid):
                self.cancelled.append(guid)
            case Call(task):
                self.called.append(task)
            case Changed() | Connected() | Forgotten():
                self.changed.append(effect)
            case GiveUp(guid):
                self.given_up.append(guid)

    def look(self):
        """The hooks that were called since the last look."""
        begun, self.begun = self.begun, []
        return begun

    def crash(self):
        """The controller dies; another one rebuilds the world, and has not taken over yet."""
        self.writer.abandon()
        successor = Lab(self.store, self.now, self.wants_abort)
        successor.declared = self.declared
        return successor

    def take_over(self):
        self.kernel.take_over("its controller is gone")
        return self.commit()

    # --- the description

    def type(self, rtype, hooks=(), links=(), **more):
        self.declared[rtype] = declare(rtype, hooks, links, **more)
        return rtype

    def add(self, *hooks, rtype=None, critical=True, to=(), guid=None, auto=False, label=None, **attributes):
        """A resource of a type that has code for these steps."""
        if rtype is None:
            rtype = self.type("+".join(hooks) or "plain", hooks)
        values = attributes if critical else {"critical": False, **attributes}
        made = decide.register(
            self.world, self.declared[rtype], guid, values, connect_to=to, auto_deploy=auto, label=label
        )
        self.turn(made)
        return next(event.guid for event in made if isinstance(event, events.ResourceRegistered))

    def connect(self, one, two):
        self.turn(decide.connect(self.world, one, two))

    def when(self, guids, action, on, state, delay=0):
        """`action` on `guids` only `delay` seconds after `on` have reached `state`."""
        guids, on = ([it] if isinstance(it, int) else it for it in (guids, on))
        self.turn(decide.add_condition(self.world, guids, action, on, state, round(delay * S)))

    # --- what the user asks for

    def deploy(self, *guids, barrier=True, group=None):
        made = decide.deploy(self.world, guids or None, group, wait_all_ready=barrier)
        self.turn(made)
        return made[0].group

    def request(self, guid, step):
        self.turn(stepping.request_step(self.world, guid, Step(step)))

    def release(self, *guids):
        self.turn(stepping.release(self.world, guids or None))

    # --- what happens

    def token(self, guid):
        return self.world.resources[guid].attempt.token

    def done(self, *guids, receipt=None):
        """The hooks under way return."""
        self.turn(*(messages.HookDone(guid, self.token(guid), receipt) for guid in guids))

    def doing(self, guid, what):
        """The hook under way says what it is doing."""
        self.turn(messages.Doing(guid, self.token(guid), what))

    def remark(self, guid, what):
        """A resource says what is the matter with it."""
        self.turn(messages.Remark(guid, what))

    def fail(self, guid, why="broken"):
        error = {"type": "RuntimeError", "message": why, "step": str(self.world.resources[guid].attempt.step)}
        self.turn(messages.HookFailed(guid, self.token(guid), error))

    def ended(self, guid, code=0, token=None):
        self.turn(messages.EndedByItself(guid, code, token))

    def failed(self, guid, why="died", code=None, token=None):
        self.turn(messages.FailedByItself(guid, {"type": "Failed", "message": why}, code, token))

    def wait(self, seconds):
        """Time goes by, and every timer that becomes due meanwhile rings when it does."""
        until = self.now + round(seconds * S)
        while (due := self.kernel.next_due()) is not None and due <= until:
            self.turn(messages.Tick(), at=max(due, self.now))
        self.turn(messages.Tick(), at=until)

    # --- what has become of it

    def resource(self, guid):
        return self.world.resources[guid]

    def state(self, *guids):
        states = [self.world.resources[guid].state.name for guid in guids]
        return states[0] if len(states) == 1 else states

    def at(self, guid, state):
        """When it entered a state, in seconds since the laboratory opened."""
        return (self.resource(guid).times[ResourceState[state]] - 100 * S) / S
