"""Why is a resource in its state, and what does it wait for? From cause to cause, down to the line of the script."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from msgspec import Struct

import eventlog
from engine.core import conditions, events, plan, story
from engine.core.states import DEPLOYMENT, ENDS, ResourceState, Step
from engine.dates import NS
from replay.history import History, chain, last_of
from replay.telling import awaited, duration, end, host, message, name, names, tell, with_place
from replay.views import find, fold, to_time

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from engine.core.world import Condition, Resource, World
    from replay import answers
    from replay.views import Moment

_WIDE: Final = 3
"""Of more resources than that for which one waits, only the first are explained."""

_DEEP: Final = 8
"""Of a longer row of resources that wait for each other, the middle is left out."""

_LONG: Final = 24
"""Of a longer row of causes the middle is left out, too, where they are told as a text."""

_LAST: Final = 6
"""How many of those at its end are kept."""

_MOST: Final = 40
"""When so many resources have been explained, no further ones are."""

_INDENT: Final = "  "


class Wait(Struct, frozen=True):
    """What somebody waits for.

    Attributes:
        text: as a sentence without its full stop.
        at: where in his script the user asked for it; "" if nobody knows.
        because: what those wait for in turn for whom he waits.
    """

    text: str
    at: str = ""
    because: tuple[Wait, ...] = ()

    def to_dict(self) -> answers.Wait:
        """Plain values, for JSON."""
        return {"text": self.text, "at": self.at, "because": [each.to_dict() for each in self.because]}


class Happened(Struct, frozen=True):
    """An event that led to another one.

    Attributes:
        seq: of the event.
        seconds: when it was, from the start of the run.
        guid: whose it is; 0 for the experiment.
        text: as a sentence without its full stop.
        at: where in his script the user asked for it; "" if he did not, or nobody knows.
    """

    seq: int
    seconds: float
    guid: int
    text: str
    at: str

    def line(self) -> str:
        """It as `netreel why` says it."""
        return f"{self.seconds:>10.2f} s  {with_place(self.text, self.at)}"

    def to_dict(self) -> answers.Happened:
        """Plain values, for JSON."""
        return {"seq": self.seq, "seconds": self.seconds, "guid": self.guid, "text": self.text, "at": self.at}


class Explanation(Struct, frozen=True):
    """Why a resource is where it is. As a text it is what `netreel why` says.

    Attributes:
        seq: of the last event that is taken into account.
        seconds: until when it has waited, from the start of the run.
        text: its state, as a sentence without its full stop.
        waits: what it waits for; none if nothing more comes by itself.
        causes: what led to its state, the latest first; the last one is what the user asked for.
    """

    guid: int
    state: ResourceState
    seq: int
    seconds: float
    text: str
    waits: tuple[Wait, ...]
    causes: tuple[Happened, ...]

    def __str__(self) -> str:
        lines = [f"{self.text}{':' if self.waits else '.'}", *_outline(self.waits, 1)]
        lines += ["", "How it came to that, the latest first:", *_shortened([each.line() for each in self.causes])]
        return "\n".join(lines)

    def to_dict(self) -> answers.Explanation:
        """Plain values, for JSON."""
        return {
            "guid": self.guid,
            "state": self.state.name,
            "seq": self.seq,
            "seconds": self.seconds,
            "text": self.text,
            "waits": [each.to_dict() for each in self.waits],
            "causes": [each.to_dict() for each in self.causes],
        }


def _shortened(lines: list[str]) -> list[str]:
    """A long list without its middle."""
    left = len(lines) - _LONG
    return lines if left <= 1 else [*lines[: _LONG - _LAST], f"{'':>12}  and {left} more", *lines[-_LAST:]]


def _outline(waits: Iterable[Wait], depth: int) -> Iterator[str]:
    for each in waits:
        yield _INDENT * depth + with_place(each.text, each.at) + (":" if each.because else "")
        yield from _outline(each.because, depth + 1)


def explain(run_dir: str | os.PathLike[str], guid: int | str, at: Moment | None = None) -> Explanation:
    """Why a resource is in its state, and what it waits for, as of a moment; by default the end of the log.

    Args:
        run_dir: the directory of the run; it may be live.
        guid: which resource: its number or its label.
        at: a seq, a time from the start such as ``"12.5s"``, or a datetime.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        UsageError: the moment cannot be read, or the log does not reach it.
        UnknownGuid: there was no such resource then.
    """
    with eventlog.open(run_dir) as log:
        world = fold(run_dir, log, at)
        return explained(run_dir, log, world, find(world, guid), at)


def explained(
    run_dir: str | os.PathLike[str], log: eventlog.Log, world: World, resource: Resource, at: Moment | None
) -> Explanation:
    """The same of a resource of a world that a log came to."""
    history = History(log, world.seq)
    now = _now(run_dir, log, world, at)
    waiting = _Waiting(world, history, now)
    waits = waiting.of(resource)
    if waits and at is None and eventlog.holder(run_dir) is None:
        waits += (Wait("its controller is gone: what runs goes on, and nothing begins before netreel reconnect"),)
    return Explanation(
        resource.guid,
        resource.state,
        world.seq,
        (now - world.start) / NS,
        waiting.standing(resource),
        waits,
        tuple(_causes(world, history, resource)),
    )


def _now(run_dir: str | os.PathLike[str], log: eventlog.Log, world: World, at: Moment | None) -> int:
    """Until when one has waited, in ns since 1970. Of a run that nobody controls nothing is known behind its log."""
    if isinstance(at, int) or world.closed:
        return world.time
    if at is not None:
        return max(world.time, to_time(at, log))
    return world.time if eventlog.holder(run_dir) is None else max(world.time, time.time_ns())


# --- what led to it ---------------------------------------------------------------------------------------------


def _causes(world: World, history: History, resource: Resource) -> Iterator[Happened]:
    yield from _led_to(world, history, resource.moved_by)
    if resource.state is ResourceState.RELEASED:
        before = last_of(history, world, [resource])
        yield from () if before is None else _led_to(world, history, before[0][0].seq)


def _led_to(world: World, history: History, seq: int) -> Iterator[Happened]:
    for entry, led in chain(history, world, seq):
        text, place = tell(entry, world, history.get(led.seq).time if led.seq else None), entry.at
        if led.condition is not None:
            text += f"; it waited for {awaited(world, led.condition, led.condition.on)}"
            place = history.place(led.condition)
        yield Happened(entry.seq, (entry.time - world.start) / NS, entry.event.guid, text, place)


# --- what it waits for ------------------------------------------------------------------------------------------


class _Waiting:
    """What the resources of a world wait for. Each is explained once."""

    def __init__(self, world: World, history: History, now: int) -> None:
        self._world = world
        self._now = now
        self._history = history
        self._told: set[int] = set()

    # --- one resource

    def standing(self, resource: Resource) -> str:
        """Which state a resource is in, and since when."""
        who, state = name(self._world, resource.guid), resource.state
        since = self._since_start(resource.times[state])
        if state is ResourceState.STOPPED:
            how = "" if resource.exit_code is None else f", {end(resource.exit_code, None)}"
            return f"{who} has been STOPPED since {since}{how}"
        return f"{who} has been {state.name} since {since}{self._failure(resource)}"

    def _failure(self, resource: Resource) -> str:
        """Why it failed, or why its release did; empty if nothing did."""
        if resource.error is None:
            return ""
        why, failed_at = message(resource.error), resource.times.get(ResourceState.FAILED)
        if resource.state is ResourceState.FAILED:
            return f": {why}"
        if failed_at is None or resource.error.get("step") == Step.RELEASE:
            return f"; its release failed: {why}"
        return f"; it had failed at {self._since_start(failed_at)}: {why}"

    def of(self, resource: Resource, depth: int = 0) -> tuple[Wait, ...]:
        """What a resource waits for."""
        self._told.add(resource.guid)
        if resource.state in ENDS and not resource.releasing and resource.attempt is None:
            return ()
        return (*self._reasons(resource, depth), *self._remarks(resource))

    def _remarks(self, resource: Resource) -> Iterator[Wait]:
        """What is the matter with it, or with what it runs on."""
        for each in story.remarking(self._world, resource):
            who = story.whose(self._world, resource, each)
            yield Wait(f"{who} {each.remark} (said {self._for(each.remarked_at)} ago)")

    def _reasons(self, resource: Resource, depth: int) -> tuple[Wait, ...]:
        if resource.unknown_since is not None:
            return (self._unknown(resource),)
        if resource.attempt is not None:
            return (self._under_way(resource),)
        if resource.releasing:
            return self._blocked(resource, depth)
        if resource.group is None and resource.requested is None:
            return (Wait("nobody has deployed it"),)
        return tuple(self._obstacles(resource, depth))

    def _since_start(self, moment: int) -> str:
        return f"{(moment - self._world.start) / NS:.2f} s"

    def _for(self, since: int) -> str:
        return duration(self._now - since)

    def _unknown(self, resource: Resource) -> Wait:
        since = resource.unknown_since
        assert since is not None
        found = self._history.at(
            since, lambda event: isinstance(event, events.ResourceUnknown) and event.guid == resource.guid
        )
        why = f": {found.event.why}" if found and isinstance(found.event, events.ResourceUnknown) else ""
        return Wait(f"what became of it is unknown since {self._since_start(since)}; nobody answers{why}")

    def _under_way(self, resource: Resource) -> Wait:
        attempt = resource.attempt
        assert attempt is not None
        begun = self._history.get(attempt.seq).time
        unwanted = ", and its result is no longer wanted" if resource.releasing and attempt.step in DEPLOYMENT else ""
        where = host(self._world, resource)
        doing = f", {attempt.doing} for {self._for(attempt.doing_since)}" if attempt.doing else ""
        how = f"{doing}{unwanted}{'' if attempt.doing else self._crowd()}"
        return Wait(f"its {attempt.step} has been under way{where} for {self._for(begun)}{how}")

    def _crowd(self) -> str:
        """What to add to a step that is under way if some of those have no worker: which ones the log does not say."""
        workers = self._world.holder.get("workers")
        number = sum(each.attempt is not None for each in self._world.resources.values())
        crowded = isinstance(workers, int) and number > workers
        return f"; so are {number - 1} more, and {workers} run at once: it may wait for a worker" if crowded else ""

    def _blocked(self, resource: Resource, depth: int) -> tuple[Wait, ...]:
        """What keeps one from being released: those that depend on it go first."""
        if resource.state is ResourceState.RELEASED:
            return ()
        users = [
            each.guid
            for each in self._world.resources.values()
            if resource.guid in each.depends_on and each.state is not ResourceState.RELEASED
        ]
        if not users:
            return (Wait("its release is to begin"),)
        return (Wait(f"its release waits for that of {names(self._world, users)}", "", self._of_all(users, depth)),)

    # --- conditions

    def _obstacles(self, resource: Resource, depth: int) -> Iterator[Wait]:
        step = resource.requested or plan.going_on(resource)
        aborted = self._world.aborted and step is not Step.STOP
        if step is None:
            yield Wait("it runs until it ends or is stopped")
        elif aborted:
            yield self._abortion(step, depth)
        else:
            gate = [] if resource.requested else conditions.gates(resource, step)  # by hand it waits for none
            open_ones = [each for each in gate if not self._holds(each)]
            what = "its deployment" if step is DEPLOYMENT[0] else f"its {step}"
            yield from (self._condition(what, each, depth) for each in open_ones)
            if not open_ones:
                yield Wait(f"its {step} is to begin")
        if resource.state is ResourceState.STARTED:
            for it in resource.plans:
                yield self._condition(f"{it.name}, which is to be {it.value!r},", it.condition, depth)

    def _abortion(self, step: Step, depth: int) -> Wait:
        guid = self._world.aborted_by[0]
        failed = self._world.resources.get(guid)
        because = () if failed is None or guid in self._told else (Wait(self.standing(failed)),)
        what = f"its {step} does not come any more: the experiment was aborted by the failure of #{guid}"
        return Wait(what, "", because if depth < _DEEP else ())

    def _holds(self, condition: Condition) -> bool:
        due = conditions.due_at(condition)
        return due is not None and due <= self._now

    def _condition(self, what: str, condition: Condition, depth: int) -> Wait:
        world, place = self._world, self._history.place(condition)
        if condition.met_at is not None:
            left = duration(condition.met_at + condition.delay - self._now)
            on = awaited(world, condition, condition.on)
            return Wait(f"{what} waits for {on}, of which {left} are left", place)
        missing = [guid for guid in condition.on if not self._counts(condition, guid)]
        on, never = awaited(world, condition, missing), "what can never come: " if condition.broken_by else ""
        if condition.origin == "group":
            on += f", of which {names(world, missing)} {'is' if len(missing) == 1 else 'are'} not"
        return Wait(f"{what} waits for {never}{on}", place, self._of_all(missing, depth))

    def _counts(self, condition: Condition, guid: int) -> bool:
        """Whether a condition need not wait for a resource; a group goes on without those that were released."""
        resource = self._world.resources[guid]
        gone = condition.origin == "group" and resource.state is ResourceState.RELEASED
        return gone or resource.has_reached(condition.state)

    def _of_all(self, guids: list[int], depth: int) -> tuple[Wait, ...]:
        """What these wait for in turn: the most telling of them first."""
        new = [self._world.resources[guid] for guid in guids if guid not in self._told]
        chosen = sorted(new, key=_how_telling)[:_WIDE]
        if depth >= _DEEP:
            chosen = [self._end_of_row(each) for each in chosen[:1]]
        found = [self._in_turn(each, depth) for each in chosen if self._is_worth_it(each)]
        left = len(guids) - len(found)
        if found and left:
            found.append(Wait(f"and {left} more"))
        return tuple(found)

    def _is_worth_it(self, resource: Resource) -> bool:
        return resource.guid not in self._told and len(self._told) < _MOST

    def _in_turn(self, resource: Resource, depth: int) -> Wait:
        skipped = "and so on, down to " if depth >= _DEEP else ""
        return Wait(f"{skipped}{self.standing(resource)}", "", self.of(resource, depth + 1))

    def _end_of_row(self, resource: Resource) -> Resource:
        """Who stands at the end of a row of those that wait for each other."""
        seen = {resource.guid}
        while (following := self._first_missing(resource)) is not None and following.guid not in seen:
            seen.add(following.guid)
            resource = following
        return resource

    def _first_missing(self, resource: Resource) -> Resource | None:
        step = plan.going_on(resource)
        if resource.attempt is not None or resource.releasing or resource.group is None or step is None:
            return None
        for condition in conditions.gates(resource, step):
            missing = [self._world.resources[guid] for guid in condition.on if not self._counts(condition, guid)]
            if missing:
                return min(missing, key=_how_telling)
        return None


def _how_telling(resource: Resource) -> tuple[int, int]:
    """What sorts those for whom one waits: who failed, then who has something under way, the longest first."""
    rank = 0 if resource.error is not None else 1 if resource.attempt is not None else 2
    return rank, resource.attempt.seq if resource.attempt is not None else resource.guid
