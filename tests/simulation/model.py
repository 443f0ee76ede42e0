"""What an oracle makes of a log: a plain and slow picture of the experiment, folded by hand from raw events.

It shares nothing with the engine but the words of the log, which are those of docs/reference/events.md.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

DEPLOYMENT = ("discover", "reserve", "provision", "configure", "deploy")
UNDOING = ("stop", "release")

NEXT = {
    "NEW": {"discover": "DISCOVERED"},
    "DISCOVERED": {"reserve": "RESERVED"},
    "RESERVED": {"provision": "PROVISIONED"},
    "PROVISIONED": {"configure": "PROVISIONED", "deploy": "READY"},
    "READY": {"start": "STARTED"},
    "STARTED": {"stop": "STOPPED"},
    "STOPPED": {"start": "STARTED"},
    "FAILED": {"stop": "FAILED"},
    "RELEASED": {},
}
"""By state, the steps that may be taken in it, and where they lead. Any but the last may also fail or be released."""

FOREVER = "never"
"""When that comes which can no longer come."""

When = int | str | None
"""A moment in ns since 1970, `FOREVER`, or None: nobody knows yet."""


@dataclass(eq=False)
class Gate:
    """`step` of those who wait by it comes only `delay` ns after all of `on` have reached `state`."""

    seq: int
    origin: str
    step: str
    on: list[int]
    state: str
    delay: int = 0
    reached: dict[int, When] = field(default_factory=dict)
    name: str = ""
    value: Any = None

    def due(self) -> When:
        """From when on it holds."""
        moments = [self.reached[guid] for guid in self.on]
        if FOREVER in moments:
            return FOREVER
        return None if None in moments else max(moments, default=0) + self.delay


@dataclass
class Attempt:
    """A step that is under way."""

    step: str
    token: str
    seq: int
    time: int
    epoch: int


@dataclass(eq=False)
class Thing:
    """A resource."""

    guid: int
    rtype: str
    own: dict[str, Any]
    critical: bool = True
    state: str = "NEW"
    entered: dict[str, int] = field(default_factory=dict)
    walked: int = 0
    group: int | None = None
    attempt: Attempt | None = None
    requested: str | None = None
    releasing: int = 0  # since when
    running: bool = False
    unknown: bool = False
    started: str = ""  # the token of its latest start
    told_to_end: bool = False
    connected: list[int] = field(default_factory=list)
    gates: list[Gate] = field(default_factory=list)
    plans: list[Gate] = field(default_factory=list)
    errors: list[Any] = field(default_factory=list)

    @property
    def is_used(self) -> bool:
        """Whether anything was done with it."""
        return self.state != "NEW" or self.attempt is not None


class Model:
    """The experiment after the events that were seen."""

    def __init__(self) -> None:
        self.things: dict[int, Thing] = {}
        self.types: dict[str, dict[str, Any]] = {}
        self.globals: dict[str, dict[str, Any]] = {}
        self.groups: dict[int, Gate | None] = {}
        self.tasks: dict[int, dict[str, Any]] = {}
        self.aborted_by: list[int] = []
        self.opened = 0
        self.epoch = 0
        self.closed = False

    def see(self, event: dict[str, Any]) -> None:
        """Take an event for a fact."""
        handle = getattr(self, "_" + event["kind"].replace(".", "_"), None)
        if handle is not None:
            handle(event, self.things.get(event["guid"]), **event["data"])

    # --- what may come, and when --------------------------------------------------------------------------------

    def wish(self, thing: Thing) -> str | None:
        """The step that comes next, if nothing keeps it back."""
        if thing.attempt or thing.state == "RELEASED":
            return None
        if thing.releasing:
            failed_running = thing.state == "FAILED" and thing.running
            return "stop" if failed_running or thing.state == "STARTED" else "release"
        if thing.requested:
            return thing.requested
        if thing.group is None or thing.state == "FAILED":
            return None
        if thing.walked < len(DEPLOYMENT):
            return DEPLOYMENT[thing.walked]
        stops = any(gate.step == "stop" for gate in thing.gates)
        return {"READY": "start", "STARTED": "stop" if stops else None}.get(thing.state)

    def before(self, thing: Thing, step: str) -> list[Gate]:
        """What stands before a step. What the user asks before a deployment stands before all that is left of it."""
        return [
            gate
            for gate in thing.gates
            if gate.step == step or (gate.step == "discover" and gate.origin == "user" and step in DEPLOYMENT)
        ]

    def due(self, thing: Thing, step: str) -> When:
        """When a step of the deployment, the start or a stop may come by itself."""
        dues = [(gate.origin, gate.due()) for gate in self.before(thing, step)]
        if any(due == FOREVER and not (origin == "group" and self.aborted_by) for origin, due in dues):
            return FOREVER
        if self.aborted_by and step != "stop":
            return None
        return None if any(not isinstance(due, int) for _, due in dues) else max((due for _, due in dues), default=0)

    def needing(self, thing: Thing, *, rings: bool = True) -> list[Thing]:
        """Those that are to be released before a resource is. In a ring one has to be the first; which is not said."""
        others = [self.things[guid] for guid in thing.connected]
        return [
            it
            for it in others
            if it.releasing and it.state != "RELEASED" and self._links(it, thing)
            if rings or not self._depends(thing, it)
        ]

    def _depends(self, thing: Thing, needed: Thing) -> bool:
        ahead, seen = [thing], {thing.guid}
        while ahead:
            here = ahead.pop()
            if here is needed:
                return True
            for other in (self.things[guid] for guid in here.connected if guid not in seen):
                if self._links(here, other):
                    seen.add(other.guid)
                    ahead.append(other)
        return False

    def _links(self, mine: Thing, other: Thing) -> list[dict[str, Any]]:
        lineage = self.types[other.rtype]["lineage"]
        return [link for link in self.types[mine.rtype]["links"] if link["rtype"] in lineage]

    # --- the description ----------------------------------------------------------------------------------------

    def _controller_opened(self, event, thing, **data):
        self.opened, self.epoch = event["time"], event["epoch"]

    def _run_closed(self, event, thing):
        self.closed = True

    def _experiment_aborted(self, event, thing, by):
        self.aborted_by.append(by)

    def _type_declared(self, event, thing, **data):
        self.types[data["rtype"]] = data

    def _resource_registered(self, event, thing, rtype, attributes, label):
        new = Thing(event["guid"], rtype, dict(attributes), entered={"NEW": event["time"]})
        new.critical = self._is_critical(new)
        self.things[new.guid] = new

    def _is_critical(self, thing: Thing) -> bool:
        declared = self.types[thing.rtype]
        known = [self.globals[rtype] for rtype in declared["lineage"] if "critical" in self.globals.get(rtype, {})]
        return bool({**declared["attributes"], **(known[0] if known else {}), **thing.own}["critical"])

    def _resource_removed(self, event, thing, guids):
        for guid in guids:
            del self.things[guid]
        for left in self.things.values():
            left.connected = [guid for guid in left.connected if guid not in guids]
            for gate in [*left.gates, *left.plans]:
                gate.on = [guid for guid in gate.on if guid not in guids]
            left.gates = [gate for gate in left.gates if gate.on or gate.origin == "group"]
            left.plans = [gate for gate in left.plans if gate.on]

    def _resource_connected(self, event, thing, other):
        for mine, its in ((thing, self.things[other]), (self.things[other], thing)):
            mine.connected.append(its.guid)
            for link in self._links(mine, its):
                gate = Gate(event["seq"], "link", link["before"], [its.guid], link["after"])
                self._watch(gate)
                mine.gates.append(gate)

    def _resource_disconnected(self, event, thing, other):
        for mine, its in ((thing, self.things[other]), (self.things[other], thing)):
            mine.connected.remove(its.guid)
            mine.gates = [gate for gate in mine.gates if not (gate.origin == "link" and gate.on == [its.guid])]

    def _attribute_set(self, event, thing, name, value, plan):
        thing.own[name] = value
        if name == "critical":
            thing.critical = bool(value)
        if plan:
            thing.plans = [gate for gate in thing.plans if gate.seq != plan]

    def _attribute_planned(self, event, thing, guids, name, value, on, state, delay):
        gate = Gate(event["seq"], "plan", "", list(on), state, delay, name=name, value=value)
        self._watch(gate)
        for guid in guids:
            self.things[guid].plans.append(gate)

    def _global_set(self, event, thing, rtype, name, value):
        self.globals.setdefault(rtype, {})[name] = value
        if name == "critical":
            for each in self.things.values():
                each.critical = self._is_critical(each)

    def _condition_registered(self, event, thing, guids, step, on, state, delay):
        gate = Gate(event["seq"], "user", step, list(on), state, delay)
        self._watch(gate)
        for guid in guids:
            self.things[guid].gates.append(gate)

    def _condition_reduced(self, event, thing, condition, guids, on):
        for each in (self.things[guid] for guid in guids):
            (old,) = (gate for gate in each.gates if gate.seq == condition and gate.origin == "user")
            each.gates.remove(old)
            if on:
                gate = Gate(event["seq"], "user", old.step, list(on), old.state, old.delay)
                self._watch(gate)
                each.gates.append(gate)

    # --- what was asked for -------------------------------------------------------------------------------------

    def _group_deployed(self, event, thing, group, guids, wait_all_ready):
        if group not in self.groups:
            barrier = Gate(event["seq"], "group", "start", [], "READY") if wait_all_ready else None
            self.groups[group] = barrier
        barrier = self.groups[group]
        for each in (self.things[guid] for guid in guids):
            each.group = group
            if barrier is not None:
                barrier.on.append(each.guid)
                each.gates.append(barrier)
        if barrier is not None:
            self._watch(barrier)

    def _step_requested(self, event, thing, step):
        thing.requested = step

    def _release_requested(self, event, thing, guids):
        for guid in guids:
            self.things[guid].releasing = event["time"]

    def _task_scheduled(self, event, thing, task, due):
        self.tasks[task] = {"due": due, "state": "pending"}

    def _task_begun(self, event, thing, task):
        self.tasks[task]["state"] = "running"

    def _task_done(self, event, thing, task, error, lost):
        self.tasks[task]["state"] = "over"

    # --- what became of it --------------------------------------------------------------------------------------

    def _step_passed(self, event, thing, steps):
        for step in steps:
            self._take(event, thing, step)

    def _step_begun(self, event, thing, step, token):
        thing.attempt = Attempt(step, token, event["seq"], event["time"], event["epoch"])
        thing.told_to_end = step in UNDOING or (thing.told_to_end and step != "start")
        if step == "start":
            thing.started = token

    def _step_done(self, event, thing, step, receipt):
        thing.attempt = None
        self._take(event, thing, step)

    def _step_failed(self, event, thing, step, error):
        thing.attempt = thing.requested = None
        thing.unknown = False
        thing.errors.append(error)
        if step == "stop":
            thing.running = False
        self._enter(event, thing, "RELEASED" if step == "release" else "FAILED")

    def _step_voided(self, event, thing, step, why):
        thing.attempt, thing.unknown = None, False

    def _resource_found(self, event, thing):
        thing.unknown = False

    def _resource_unknown(self, event, thing, why):
        thing.unknown = True

    def _resource_ended(self, event, thing, code, why):
        thing.running = thing.unknown = False
        if thing.attempt is None and thing.state == "STARTED":
            thing.requested = None
            self._enter(event, thing, "STOPPED")

    def _resource_failed(self, event, thing, error, code, by):
        thing.requested, thing.unknown = None, False
        thing.errors.append(error)
        if not by and "step" not in error:
            thing.running = False
        self._enter(event, thing, "FAILED")

    def _take(self, event, thing: Thing, step: str) -> None:
        thing.walked += step in DEPLOYMENT
        if thing.requested == step:
            thing.requested = None
        if step in ("start", "stop"):
            thing.running = step == "start"
        thing.unknown = False
        self._enter(event, thing, "RELEASED" if step == "release" else NEXT[thing.state][step])

    def _enter(self, event, thing: Thing, state: str) -> None:
        if state == thing.state:
            return
        thing.state = state
        thing.entered[state] = event["time"]
        for each in self.things.values():
            for gate in [*each.gates, *each.plans]:
                if thing.guid in gate.on:
                    self._watch(gate)

    def _watch(self, gate: Gate) -> None:
        """See who has got where a gate waits for them to be. What was seen once stays so."""
        for guid in gate.on:
            if gate.reached.get(guid) is None:
                gate.reached[guid] = self._reached(self.things[guid], gate)

    def _reached(self, thing: Thing, gate: Gate) -> When:
        entered = thing.entered
        counted = {gate.state} if thing.critical else {gate.state, "FAILED"}
        if counted & entered.keys():
            return min(entered[state] for state in counted & entered.keys())
        if thing.state == "RELEASED":
            return entered["RELEASED"] if gate.origin == "group" else FOREVER
        return FOREVER if thing.state == "FAILED" and gate.state != "RELEASED" else None
