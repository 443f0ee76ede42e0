"""How many hooks may run at once, which of them come first, and that none waits while there is room for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.simulation.model import UNDOING

if TYPE_CHECKING:
    from tests.simulation.model import Model

NS = 1_000_000_000
PATIENCE = 10 * NS
UNDOING_TAKES = 600 * NS
"""How long an undoing may take before it is cancelled as well."""


@dataclass
class Job:
    """Something that a worker is at. Once it is cancelled it does not count.

    One that was cancelled while it waited is `late`: it counts unless it had its worker by then, which nobody can see.
    """

    guid: int
    what: str
    cancelled: bool = False
    late: bool = False

    def counts(self, model: Model, now: int) -> bool:
        """Whether its result is wanted."""
        thing = model.things.get(self.guid)
        if self.cancelled or thing is None or thing.attempt is None or not thing.releasing or self.what not in UNDOING:
            return not self.cancelled
        return now - max(thing.attempt.time, thing.releasing, model.opened) < UNDOING_TAKES


class Workers:
    """Those of one controller."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.jobs: dict[Any, Job] = {}
        self.aside: dict[Any, Job] = {}  # those that wait and hold no worker
        self.full_at = 0

    def begin(self, key: Any, job: Job, model: Model, now: int) -> str:
        """A worker takes a job; what is wrong with that, or ""."""
        self.jobs[key] = job
        wanted = [it for it in self.jobs.values() if it.counts(model, now)]
        undoing = any(it.what in (*UNDOING, "probe", "told") for it in wanted)
        if len(wanted) > self.size + undoing:
            return f"{len(wanted)} hooks run at once, and there are {self.size} workers: {wanted}"
        return ""

    def look(self, model: Model, now: int) -> None:
        """Keep in mind when all were busy: to be called before any of them no longer is."""
        if sum(it.late or it.counts(model, now) for it in self.jobs.values()) >= self.size:
            self.full_at = now

    def end(self, key: Any) -> None:
        """A worker is done."""
        self.jobs.pop(key, None)

    def set_aside(self, key: Any) -> None:
        """A worker is done with a job that waits for something."""
        if key in self.jobs:
            self.aside[key] = self.jobs.pop(key)

    def go_on(self, key: Any, model: Model, now: int) -> str:
        """What a job waited for is there, and a worker takes it again; what is wrong with that, or ""."""
        return self.begin(key, self.aside.pop(key), model, now) if key in self.aside else ""

    def cancel(self, guid: int) -> None:
        """The result of what is under way for a resource is not wanted any more."""
        for job in [*self.jobs.values(), *self.aside.values()]:
            if job.guid == guid:
                job.cancelled = True

    def give_up(self, guid: int) -> None:
        """What is under way for a resource is left to itself, and nobody waits for it."""
        self.jobs = {key: job for key, job in self.jobs.items() if job.guid != guid}
        self.aside = {key: job for key, job in self.aside.items() if job.guid != guid}

    def idle(self, model: Model, called: set[str], now: int) -> str:
        """Who waits at this moment although there is room; "" if nobody does."""
        wanted = [it for it in self.jobs.values() if it.late or it.counts(model, now)]
        busy = {it.guid for it in [*self.jobs.values(), *self.aside.values()]}
        undone = sum(it.what in (*UNDOING, "probe", "told") for it in wanted)
        for thing in model.things.values():
            attempt = thing.attempt
            if attempt is None or attempt.epoch != model.epoch or attempt.token in called or thing.guid in busy:
                continue
            undoing = attempt.step in UNDOING
            room = self.size + (undoing and len(wanted) > undone)
            if len(wanted) < room and (undoing or not thing.releasing):
                return f"{attempt.step} of #{thing.guid} waits for a worker, and {len(wanted)} of {self.size} are busy"
        return ""
