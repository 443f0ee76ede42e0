"""An experiment as it stood at any moment of its log."""

from __future__ import annotations

import itertools
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from msgspec import Struct

import eventlog
from engine import journal, snapshots
from engine.core import conditions, decide, story
from engine.core.errors import UsageError
from engine.dates import NS, from_datetime, to_datetime, to_ns

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping

    from engine.core.states import ResourceState
    from engine.core.world import Resource
    from engine.core.world import World as CoreWorld
    from replay import answers

_MICROSECOND = 1000
"""Nanoseconds."""

Moment = int | str | datetime
"""A seq, a time from the start such as ``"12.5s"``, or a datetime."""


class ResourceView(Struct, frozen=True):
    """A resource as it stood.

    Attributes:
        label: the user's name for it.
        attributes: those that were given a value of their own.
        traces: those that were switched on or off.
        plans: the values that it is to get later: name, value, and the seq of the event that planned it.
        connections: the numbers of those that it is connected to.
        conditions: the seqs of the events that put conditions before its steps.
        waiting_for: why nothing happens to it, in words; empty where something does, or nothing more comes.
        remark: what it says is the matter with it; empty if nothing.
        times: the latest entry into each state that it was in.
        receipts: what its hooks returned, by step.
        error: why it failed: type, message, step, traceback.
        exit_code: of its last end.
    """

    guid: int
    rtype: str
    label: str | None
    state: ResourceState
    attributes: Mapping[str, Any]
    traces: Mapping[str, bool]
    plans: tuple[answers.Plan, ...]
    connections: tuple[int, ...]
    conditions: tuple[int, ...]
    waiting_for: tuple[str, ...]
    remark: str
    times: Mapping[ResourceState, datetime]
    receipts: Mapping[str, Any]
    error: answers.Failure | None
    exit_code: int | None

    def _repr_html_(self) -> str:
        """How it stood, in a notebook."""
        from replay import in_notebook  # noqa: PLC0415 - nobody else needs what it loads

        return in_notebook.resource(self)

    def to_dict(self) -> answers.Resource:
        """Plain values, for JSON."""
        return {
            "guid": self.guid,
            "rtype": self.rtype,
            "label": self.label,
            "state": self.state.name,
            "attributes": dict(self.attributes),
            "traces": dict(self.traces),
            "plans": list(self.plans),
            "connections": list(self.connections),
            "conditions": list(self.conditions),
            "waiting_for": list(self.waiting_for),
            "remark": self.remark,
            "times": {state.name: time.isoformat() for state, time in self.times.items()},
            "receipts": dict(self.receipts),
            "error": self.error,
            "exit_code": self.exit_code,
        }


class Timer(Struct, frozen=True):
    """A delay that is going by: the condition of that seq holds at `due` for the resource."""

    guid: int
    step: str
    due: datetime
    condition: int


class World(Struct, frozen=True):
    """The whole experiment as it stood after the event `seq`.

    Attributes:
        time: of that event.
        start: of the first event.
        epoch: which controller was in charge.
        holder: who that is: host, pid, versions.
        aborted_by: the critical resources that failed.
        closed: whether everything was released and the controller shut down.
        timers: the delays that were going by.
        tasks: the functions that were scheduled: due, state, error.
        globals: by type, the values of resources that have none of their own.
        warnings: what may be amiss, in words.
    """

    exp_id: str
    run_id: str
    seq: int
    time: datetime
    start: datetime
    epoch: int
    holder: Mapping[str, Any]
    aborted_by: tuple[int, ...]
    closed: bool
    resources: Mapping[int, ResourceView]
    groups: Mapping[int, tuple[int, ...]]
    timers: tuple[Timer, ...]
    tasks: Mapping[int, answers.Task]
    globals: Mapping[str, Mapping[str, Any]]
    warnings: tuple[str, ...]

    def _repr_html_(self) -> str:
        """How it stood, in a notebook."""
        from replay import in_notebook  # noqa: PLC0415 - as above

        return in_notebook.experiment(self)

    def to_dict(self) -> answers.Experiment:
        """Plain values, for JSON."""
        return {
            "exp_id": self.exp_id,
            "run_id": self.run_id,
            "seq": self.seq,
            "time": self.time.isoformat(),
            "start": self.start.isoformat(),
            "epoch": self.epoch,
            "holder": dict(self.holder),
            "aborted_by": list(self.aborted_by),
            "closed": self.closed,
            "resources": {str(guid): resource.to_dict() for guid, resource in self.resources.items()},
            "groups": {str(group): list(members) for group, members in self.groups.items()},
            "timers": [
                {"guid": timer.guid, "step": timer.step, "due": timer.due.isoformat(), "condition": timer.condition}
                for timer in self.timers
            ],
            "tasks": {str(task): entry for task, entry in self.tasks.items()},
            "globals": {rtype: dict(values) for rtype, values in self.globals.items()},
            "warnings": list(self.warnings),
        }


def state(run_dir: str | os.PathLike[str], at: Moment | None = None) -> World:
    """The experiment as it stood at a moment; by default at the end of its log.

    Args:
        run_dir: the directory of the run; it may be live.
        at: a seq, a time from the start such as ``"12.5s"``, or a datetime.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        UsageError: the moment cannot be read, or the log does not reach it; or it holds no event.
    """
    with eventlog.open(run_dir) as log:
        return view(fold(run_dir, log, at))


def fold(run_dir: str | os.PathLike[str], log: eventlog.Log, at: Moment | None = None) -> CoreWorld:
    """The world that a log comes to, up to a moment.

    Raises:
        BadState: the log holds no event.
        UsageError: the moment cannot be read, or is none of the run's.
    """
    seq = at if isinstance(at, int) else None
    time = None if at is None or isinstance(at, int) else to_time(at, log)
    world = snapshots.nearest(run_dir, log, seq, time)
    records = log.read(after=world.seq if world else 0)
    world = journal.rebuild(itertools.takewhile(lambda record: not _is_after(record, seq, time), records), world)
    if not world.seq and next(log.read(), None) is None:
        raise journal.nothing_in(run_dir)
    if seq is not None and (seq < 1 or world.seq != seq):
        raise UsageError(f"there is no event {seq}: the log goes from 1 to {_last_seq(log)}")
    if time is not None and world.seq == 0:
        raise UsageError(f"at {to_datetime(time).isoformat()} the run had not begun")
    return world


def _last_seq(log: eventlog.Log) -> int:
    return max((record.seq for record in log), default=0)


def _is_after(record: eventlog.Event, seq: int | None, time: int | None) -> bool:
    return (seq is not None and record.seq > seq) or (time is not None and record.time > time)


def to_time(at: str | datetime, log: eventlog.Log) -> int:
    """A moment in ns since 1970; a duration counts from the first event.

    Raises:
        UsageError: it cannot be read.
    """
    if isinstance(at, datetime):
        return from_datetime(at) + _MICROSECOND - 1  # all of it: what a view shows as its time is in that view
    if not isinstance(at, str):
        raise UsageError(f"a moment is a seq, a time from the start such as '12.5s', or a datetime, not {at!r}")
    first = next(log.read(), None)
    return to_ns(at) + (0 if first is None else first.time)


def find(world: CoreWorld, guid: int | str) -> Resource:
    """The resource that is meant: by its label, or by its number, also as a text.

    Raises:
        UnknownGuid: there is none.
    """
    if isinstance(guid, str) and (guid in world.labels or not guid.isdecimal()):
        return world.resources[decide.find_label(world, guid)]
    return decide.find(world, int(guid))


def view(world: CoreWorld) -> World:
    """A world for people and programs that read: plain, and it no longer changes."""
    return World(
        exp_id=world.exp_id,
        run_id=world.run_id,
        seq=world.seq,
        time=to_datetime(world.time),
        start=to_datetime(world.start),
        epoch=world.epoch,
        holder=world.holder,
        aborted_by=tuple(world.aborted_by),
        closed=world.closed,
        resources={guid: _resource(world, resource) for guid, resource in world.resources.items()},
        groups={number: tuple(group.members) for number, group in world.groups.items()},
        timers=tuple(timers(world)),
        tasks={
            number: {"due": to_datetime(task.due).isoformat(), "state": task.state, "error": task.error}
            for number, task in world.tasks.items()
        },
        globals={rtype: dict(values) for rtype, values in world.globals.items()},
        warnings=tuple(message for _, _, message in world.warnings),
    )


def _resource(world: CoreWorld, resource: Resource) -> ResourceView:
    return ResourceView(
        guid=resource.guid,
        rtype=resource.rtype,
        label=resource.label,
        state=resource.state,
        attributes=dict(resource.attributes),
        traces=dict(resource.traces),
        plans=tuple({"name": it.name, "value": it.value, "seq": it.condition.seq} for it in resource.plans),
        connections=tuple(sorted(resource.connections)),
        conditions=tuple(sorted(condition.seq for gate in resource.gates.values() for condition in gate)),
        waiting_for=tuple(story.waiting_for(world, resource.guid)),
        remark=resource.remark,
        times={state: to_datetime(time) for state, time in resource.times.items()},
        receipts={str(step): receipt for step, receipt in resource.receipts.items()},
        error=cast("answers.Failure | None", resource.error),
        exit_code=resource.exit_code,
    )


def timers(world: CoreWorld) -> Iterator[Timer]:
    """The delays that are going by."""
    for resource in world.resources.values():
        for step, gate in resource.gates.items():
            for condition in gate:
                due = conditions.due_at(condition)
                if due is not None and due > world.time:
                    yield Timer(resource.guid, str(step), to_datetime(due), condition.seq)


def since_start(world: World, time: datetime) -> float:
    """Seconds from the start of the run."""
    return (from_datetime(time) - from_datetime(world.start)) / NS
