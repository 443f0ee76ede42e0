"""What is promised of each resource: what may come next, when it must, and what may not come any more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from tests.simulation.calls import goes_up
from tests.simulation.model import DEPLOYMENT, FOREVER, NEXT, UNDOING, Gate, Model, Thing
from tests.simulation.workers import PATIENCE, UNDOING_TAKES

if TYPE_CHECKING:
    from collections.abc import Callable


class Wrong(AssertionError):
    """Something that was promised is not kept."""


class Promises:
    """The promises that can be judged by the log alone, event by event.

    Args:
        policy: what failures mean: "default", "lenient" or "strict".

    Attributes:
        model: the experiment as it stands.
    """

    def __init__(self, policy: str) -> None:
        self.model = Model()
        self._policy = policy
        self._folded = 0
        self._now = 0
        self._expected: list[tuple[int, str]] = []  # what is to come at what time, if nothing changes

    def _wrong(self, what: str) -> NoReturn:
        raise Wrong(f"{what}; at {self._now} ns, after event {self._folded}")

    def _must(self, good: object, what: str) -> None:
        if not good:
            self._wrong(what)

    def _at_the_latest(self, due: int) -> int:
        """When that is done that is due. The log alone does not say that there may have been no time for it."""
        return due

    def _nothing_comes_before_its_conditions(self, event: dict[str, Any]) -> None:
        """5. No action comes before all of its conditions hold, with their delays."""
        data, time = event["data"], event["time"]
        match event["kind"]:
            case "step.begun":
                self._may_take(event, [data["step"]])
            case "step.passed":
                self._may_take(event, data["steps"])
            case "attribute.set" if data["plan"]:
                thing = self.model.things[event["guid"]]
                gates = [gate for gate in thing.plans if gate.seq == data["plan"]]
                good = len(gates) == 1 and (gates[0].name, gates[0].value) == (data["name"], data["value"])
                good = good and thing.state == "STARTED" and not thing.releasing and holds(gates[0], time)
                self._must(good, f"{told(event)} was not to come, or not yet")
            case "resource.failed" if data["by"]:
                thing = self.model.things[event["guid"]]
                step = self.model.wish(thing)
                waits = [*(self.model.before(thing, step) if step else ()), *thing.plans]
                lost = any(gate.reached[data["by"]] == FOREVER for gate in waits if data["by"] in gate.on)
                self._must(lost, f"{told(event)}, and it does not wait for that in vain")
            case "step.failed" if data["error"]["type"] == "NeverReturned":
                due = self._patience_ends(self.model.things[event["guid"]])
                self._must(due is not None and due <= time, f"{told(event)}: it was given up too early")
            case "condition.registered":
                late = [guid for guid in data["guids"] if self._has_come(self.model.things[guid], data["step"])]
                self._must(not late, f"{told(event)} can hold back nothing of {late}")
            case "group.deployed":
                lost = [guid for guid in data["guids"] if self._is_lost(self.model.things[guid])]
                self._must(not lost, f"{told(event)}, and {lost} wait in vain")
            case "task.begun":
                self._must(self.model.tasks[data["task"]]["due"] <= time, f"{told(event)} is too early")

    def _may_take(self, event: dict[str, Any], steps: list[str]) -> None:
        thing = self.model.things[event["guid"]]
        self._must(thing.attempt is None, f"{told(event)} comes during another step")
        wish = self.model.wish(thing)
        self._must(steps[0] == wish, f"{told(event)}, and what comes next is {wish}")
        if thing.releasing:
            needing = [it.guid for it in self.model.needing(thing, rings=False)]
            self._must(not needing, f"{told(event)}, and {needing} that depend on it are not released")
            return
        state = thing.state
        for step in steps:
            self._must(step in NEXT[state], f"{told(event)}, and it is {state}")
            state = NEXT[state][step]
            self._must(not (self.model.aborted_by and goes_up(step)), f"{told(event)} comes after the abort")
            if thing.requested is None:
                for gate in self.model.before(thing, step):
                    self._must(holds(gate, event["time"]), f"{told(event)} comes before {gate} holds")

    def _has_come(self, thing: Thing, action: str) -> bool:
        """Whether an action cannot be held back any more. Who is started again by hand is asked nothing."""
        if thing.releasing or thing.state in ("FAILED", "RELEASED"):
            return True
        under_way = thing.attempt.step if thing.attempt else ""
        if action == "start":
            return under_way == "start" or "STARTED" in thing.entered
        return action == "discover" and (under_way == "deploy" or thing.walked == len(DEPLOYMENT))

    def _is_lost(self, thing: Thing) -> bool:
        """Whether something that can no longer be stands before a step that is ahead of it."""
        ahead = [*DEPLOYMENT[thing.walked :], "start", "stop"]
        return any(gate.due() == FOREVER for step in ahead for gate in self.model.before(thing, step))

    def _everything_comes_that_can(self, now: int) -> None:
        """6. Every condition that can be met is; one that cannot is reported as soon as that is so."""
        self._expected = [it for thing in self.model.things.values() for it in self._expect(thing)]
        tasks = self.model.tasks.items()
        self._expected += [(it["due"], f"task {task}") for task, it in tasks if it["state"] == "pending"]
        for due, what in self._expected:
            self._must(due > now, f"{what} may come, and does not")

    def _expect(self, thing: Thing) -> list[tuple[int, str]]:
        """What is to come next of a resource, and when."""
        name = f"#{thing.guid} {thing.state}"
        found = []
        if thing.state == "STARTED" and not thing.releasing:
            dues = [(gate.due(), f"the planned {gate.name} of {name}") for gate in thing.plans]
            found = [(0 if due == FOREVER else due, what) for due, what in dues if due is not None]
        if thing.attempt:
            ends = self._patience_ends(thing, self._at_the_latest)
            return found if ends is None else [*found, (ends, f"the end of {thing.attempt.step} of {name}")]
        step = self.model.wish(thing)
        if step is None:
            return found
        if thing.releasing:
            return found if self.model.needing(thing) else [*found, (0, f"{step} of {name}")]
        if thing.requested:
            return (
                found if self.model.aborted_by and goes_up(step) else [*found, (0, f"{step} of {name}, as asked for")]
            )
        due = self.model.due(thing, step)
        if due == FOREVER:
            return [*found, (0, f"the news that {step} of {name} can never come")]
        return found if due is None else [*found, (due, f"{step} of {name}")]

    def _patience_ends(self, thing: Thing, done: Callable[[int], int] = lambda due: due) -> int | None:
        """When the step under way of one that is released is waited for no longer, if what is due is `done` then."""
        if not thing.releasing or thing.attempt is None:
            return None
        undoing = thing.attempt.step in UNDOING
        if thing.unknown and not undoing:
            return 0
        since = max(thing.attempt.time, thing.releasing, self.model.opened)
        cancelled = done(since + UNDOING_TAKES) if undoing else since
        return cancelled + PATIENCE

    def _failures_mean_what_the_policy_says(self, event: dict[str, Any], was: str, batch: list[dict[str, Any]]) -> None:
        """6, too: what has failed ends the experiment if the policy says so, and only then."""
        if event["kind"] == "experiment.aborted":
            self._must(self._policy != "lenient", f"{told(event)}, and no failure was to abort anything")
            return
        thing = self.model.things.get(event["guid"])
        if thing is None or was == "FAILED" or thing.state != "FAILED":
            return
        first = not self.model.aborted_by
        aborts = {"default": thing.critical, "strict": first or thing.critical, "lenient": False}[self._policy]
        follows = [it for it in batch if it["kind"] == "experiment.aborted" and it["cause"] == event["seq"]]
        self._must(bool(follows) is aborts, f"{told(event)} of a resource that is critical: {thing.critical}")

    def _released_is_final(self, event: dict[str, Any]) -> None:
        """7. RELEASED is final."""
        thing = self.model.things.get(event["guid"])
        if thing is None or thing.state != "RELEASED":
            return
        allowed = ("experiment.warned", "attribute.set", "resource.disconnected", "trace.switched")
        self._must(event["kind"] in allowed, f"{told(event)} comes after its release")


def holds(gate: Gate, now: int) -> bool:
    """Whether all that stands before something is behind it."""
    due = gate.due()
    return isinstance(due, int) and due <= now


def told(event: dict[str, Any]) -> str:
    """An event in words."""
    return f"event {event['seq']}, {event['kind']} of #{event['guid']} {event['data']}"
