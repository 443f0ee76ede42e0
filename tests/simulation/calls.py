"""What the user asked for, and what came of it: what has no cause is of a call, and every call does what it says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulation.model import DEPLOYMENT

if TYPE_CHECKING:
    from tests.simulation.model import Model, Thing

NS = 1_000_000_000
DELAYS = {None: 0, "1ns": 1, "2m": 120 * NS, "2.5m": 150 * NS}
ACTIONS = {"DEPLOY": "discover", "START": "start", "STOP": "stop"}
ENDS = ("STOPPED", "FAILED", "RELEASED")
USAGE = "UsageError"


def to_ns(delay: Any) -> int:
    """The delays that experiments are drawn with, in ns."""
    return DELAYS[delay] if delay in DELAYS else round(delay * NS)


def once(guids: list[int]) -> list[int]:
    """Each once, in order."""
    return list(dict.fromkeys(guids))


@dataclass(eq=False)
class Call:
    """A call that was made.

    Attributes:
        known: the resources that there were when it was made.
        events: those that it led to.
        settled: for a wait: those that have got where it waits for them to be, and those that no longer can.
        seen: for a wait: how each of them has looked since it was made.
        outcomes: for a wait: what it had come to by then.
    """

    number: int
    name: str
    args: dict[str, Any]
    program: str
    time: int
    known: list[int]
    events: list[dict[str, Any]] = field(default_factory=list)
    settled: dict[int, bool] = field(default_factory=dict)
    seen: dict[int, set[bool | None]] = field(default_factory=dict)
    outcomes: list[tuple[int, bool | None]] = field(default_factory=list)
    aborted: bool = False

    def __str__(self) -> str:
        return f"call {self.number}, {self.name}({', '.join(f'{key}={value!r}' for key, value in self.args.items())})"

    def explains(self, event: dict[str, Any]) -> bool:
        """Whether this call may have led to an event."""
        explain = getattr(self, f"_{self.name}", None)
        return explain is not None and bool(explain(event["kind"], event["guid"], event["data"], self.args))

    def has_made(self, kind: str) -> bool:
        """Whether it has led to all that it leads to, so that another call may be meant that asks for the same."""
        if self.name != "register":
            return bool(self.events)
        return kind in ("type.declared", "resource.registered") and self._made("resource.registered") is not None

    def _register(self, kind, guid, data, args):
        match kind:
            case "type.declared":
                return data["rtype"] == args["rtype"]
            case "resource.registered":
                given = {"hard_release" if name == "hardRelease" else name: v for name, v in args["attributes"].items()}
                auto = given.pop("autoDeploy", False)
                return data["rtype"] == args["rtype"] and data["attributes"] == given and auto in (True, False)
            case "resource.connected":
                return self._made("resource.registered") == guid and data["other"] in args["to"]
            case "group.deployed":
                auto = args["attributes"].get("autoDeploy")
                return auto and data["guids"] == [self._made("resource.registered")] and data["wait_all_ready"]
            case "experiment.warned":
                return self._made("group.deployed") is not None and guid == self._made("resource.registered")
        return False

    def _made(self, kind):
        return next((event["guid"] for event in self.events if event["kind"] == kind), None)

    def _connect(self, kind, guid, data, args):
        return kind == "resource.connected" and (guid, data["other"]) == (args["one"], args["other"])

    def _disconnect(self, kind, guid, data, args):
        return kind == "resource.disconnected" and (guid, data["other"]) == (args["one"], args["other"])

    def _condition(self, kind, guid, data, args):
        return kind == "condition.registered" and data == {
            "guids": once(args["guids"]),
            "step": ACTIONS[args["action"]],
            "on": once(args["on"]),
            "state": args["state"],
            "delay": to_ns(args["delay"]),
        }

    def _unregister_condition(self, kind, guid, data, args):
        gone = set(data.get("on", ())) & set(args["on"])
        return kind == "condition.reduced" and set(data["guids"]) <= set(args["guids"]) and not gone

    def _plan_value(self, kind, guid, data, args):
        when = (data.get("state"), data.get("delay")), (args["state"], to_ns(args["delay"]))
        what = (data.get("name"), data.get("value"), data.get("on")), (args["name"], args["value"], once(args["on"]))
        return kind == "attribute.planned" and when[0] == when[1] and what[0] == what[1]

    def _set_global(self, kind, guid, data, args):
        return kind == "global.set" and data == args

    def _set(self, kind, guid, data, args):
        given = {"name": args["name"], "value": args["value"], "plan": 0}
        return kind == "attribute.set" and guid == args["guid"] and data == given

    def _deploy(self, kind, guid, data, args):
        if kind == "experiment.warned":
            return bool(self.events)
        return kind == "group.deployed" and (args["guids"] is None or data["guids"] == once(args["guids"]))

    def _step(self, kind, guid, data, args):
        return kind == "step.requested" and (guid, data["step"]) == (args["guid"], args["step"])

    def _release(self, kind, guid, data, args):
        if kind == "release.requested":
            return args["guids"] is None or set(data["guids"]) <= set(args["guids"])
        return kind == "resource.removed"

    def _shutdown(self, kind, guid, data, args):
        lost = kind == "task.done" and data["lost"]
        return lost or kind in ("release.requested", "resource.removed", "run.closed")

    def _remove(self, kind, guid, data, args):
        return kind == "resource.removed" and data["guids"] == [args["guid"]]

    def _schedule(self, kind, guid, data, args):
        return kind == "task.scheduled" and data["due"] >= self.time + to_ns(args["delay"])


def lacks(call: Call, result: Any, model: Model) -> str:
    """What a call that returned has not done; "" if nothing."""
    made = [event for event in call.events if event["kind"] not in ("type.declared", "experiment.warned")]
    args = call.args
    match call.name:
        case "register":
            good = [event["guid"] for event in made][:1] == [result]
        case "connect":
            good = bool(made) or args["other"] in model.things[args["one"]].connected
        case "disconnect":
            good = bool(made) or args["other"] not in model.things[args["one"]].connected
        case "deploy":
            good = [event["data"]["group"] for event in made] == [result]
        case "schedule":
            good = [event["data"]["task"] for event in made] == [result]
        case "condition" | "unregister_condition" | "plan_value" | "set_global" | "set":
            good = bool(made)
        case "remove":  # or a release was faster
            good = args["guid"] not in model.things
        case "step":
            good = args["guid"] not in model.things or model.things[args["guid"]].requested != args["step"]
        case "release" | "shutdown":
            guids = call.known if args.get("guids") is None else args["guids"]
            good = all(model.things[guid].state == "RELEASED" for guid in guids if guid in model.things)
        case _:
            good = True
    return "" if good else f"{call} returned {result!r}, and led to {made}"


# --- waits ------------------------------------------------------------------------------------------------------


def look(call: Call, model: Model, time: int, *, for_good: bool) -> None:
    """Note what a wait comes to as things stand.

    Args:
        call: the wait.
        model: how things stand.
        time: now.
        for_good: whether who has got there, or no longer can, is not looked at again.
    """
    settled = call.settled if for_good else dict(call.settled)
    for guid in call.args["guids"]:
        thing = model.things.get(guid)
        there = True if thing is None else _outlook(call.args["what"], model, thing)
        call.seen.setdefault(guid, set()).add(there)
        if guid not in settled and there is not None:
            settled[guid] = there
    ended = bool(model.aborted_by) and call.args["what"] != "released"
    call.aborted |= ended
    waits = any(guid not in settled for guid in call.args["guids"])
    call.outcomes.append((time, (False if ended else None) if waits else all(settled.values())))


def _outlook(what: str, model: Model, thing: Thing) -> bool | None:
    if what == "finished":
        at_an_end = thing.state in ENDS and thing.attempt is None
        return thing.guid not in model.aborted_by if at_an_end else None
    state = {"deployed": "READY", "started": "STARTED", "released": "RELEASED"}[what]
    if state in thing.entered:
        return True
    lost = thing.state == "RELEASED" or (thing.state == "FAILED" and state != "RELEASED")
    return False if lost else None


def check_wait(call: Call, time: int, answer: bool | str, *, slow: bool) -> str:
    """What is wrong with the answer of a wait that ended at `time`; "" if nothing.

    Args:
        call: the wait.
        time: when it ended.
        answer: what it returned, or "timeout".
        slow: whether the disk kept the controller from answering at once.
    """
    before = [value for moment, value in call.outcomes if moment < time]
    timeout = call.args["timeout"]
    if answer == "timeout":
        if timeout is None or time - call.time < to_ns(timeout):
            return f"{call} was given up too early"
        if not slow and time - call.time > to_ns(timeout):
            return f"{call} was given up {time - call.time} ns after it was made"
    elif not _may_be(call, good=bool(answer)):
        return f"{call} came to {answer}, and all that could be seen was {call.seen}"
    if not slow and before and before[-1] is not None and time > call.time:
        return f"{call} came to {before[-1]} at an earlier moment than that at which it ended"
    return ""


def _may_be(call: Call, *, good: bool) -> bool:
    """Whether a wait may have come to this, by what could be seen."""
    seen = call.seen.values()
    if good:
        return all(True in it for it in seen)
    return call.aborted or (all(it - {None} for it in seen) and any(False in it for it in seen))


def goes_up(step: str) -> bool:
    """Whether a step is one that is not taken any more after an abort."""
    return step in DEPLOYMENT or step == "start"
