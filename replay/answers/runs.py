"""What is told of runs and of the experiments in them."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Charge = Literal["over", "running", "gone"]
"""Who is in charge of a run: nobody any more, a controller, or one that has died."""


class RunName(TypedDict):
    """Which run it is.

    Attributes:
        run_id: its id, which is also the name of its directory.
        exp_id: the name of its experiment.
        directory: where it is kept.
    """

    run_id: str
    exp_id: str
    directory: str


class Summary(RunName):
    """A run in a few values.

    Attributes:
        state: "over", "running", or "gone" if its controller has died.
        aborted: whether a critical resource failed.
        pid: of the controller that is in charge; null if nobody is.
        host: where that is.
        started: when its first event was.
        seconds: how long it has gone on; without a controller, as far as its log goes.
        resources: how many there are in each state.
    """

    state: Charge
    aborted: bool
    pid: int | None
    host: str | None
    started: str
    seconds: float
    resources: dict[str, int]


class Unreadable(RunName):
    """A run whose log cannot be read.

    Attributes:
        state: "unreadable".
        problem: why: "empty", "damaged", "of a later version", or what the system said.
    """

    state: Literal["unreadable"]
    problem: str


class Failure(TypedDict):
    """Why a resource failed.

    Attributes:
        type: of the exception.
        message: what it said.
        step: in which hook; empty if in none.
        traceback: of the exception.
    """

    type: str
    message: str
    step: NotRequired[str]
    traceback: NotRequired[str]


class Plan(TypedDict):
    """A value that an attribute is to get later.

    Attributes:
        name: of the attribute.
        value: the value.
        seq: of the event that planned it.
    """

    name: str
    value: Any
    seq: int


class Resource(TypedDict):
    """A resource as it stood.

    Attributes:
        guid: its number.
        rtype: its type.
        label: the user's name for it.
        state: the state that it was in.
        attributes: those that were given a value of their own.
        traces: those that were switched on or off.
        plans: the values that it was to get later.
        connections: the numbers of those that it is connected to.
        conditions: the seqs of the events that put conditions before its steps.
        waiting_for: why nothing happens to it, in words; empty where something does, or nothing more comes.
        remark: what it says is the matter with it; empty if nothing.
        times: its latest entry into each state that it was in.
        receipts: what its hooks returned, by step.
        error: why it failed; null if it did not.
        exit_code: of its last end.
    """

    guid: int
    rtype: str
    label: str | None
    state: str
    attributes: dict[str, Any]
    traces: dict[str, bool]
    plans: list[Plan]
    connections: list[int]
    conditions: list[int]
    waiting_for: list[str]
    remark: str
    times: dict[str, str]
    receipts: dict[str, Any]
    error: Failure | None
    exit_code: int | None


class Timer(TypedDict):
    """A delay that is going by.

    Attributes:
        guid: of the resource for which it does.
        step: before which of its steps.
        due: when it has gone by.
        condition: the seq of the event that made the condition.
    """

    guid: int
    step: str
    due: str
    condition: int


class Task(TypedDict):
    """A function that was scheduled.

    Attributes:
        due: when it is to be called.
        state: "pending", "done", "error", "lost", or "cancelled".
        error: what it raised.
    """

    due: str
    state: str
    error: str | None


class Experiment(TypedDict):
    """A whole experiment as it stood after an event.

    Attributes:
        exp_id: its name.
        run_id: the run of it.
        seq: the last event that is taken into account.
        time: of that event.
        start: of the first event.
        epoch: which controller was in charge: the first, the second, ...
        holder: who that is: host, pid, versions.
        aborted_by: the critical resources that failed.
        closed: whether its controller has shut down.
        resources: by their numbers.
        groups: the numbers of those that were deployed together, by group.
        timers: the delays that were going by.
        tasks: the functions that were scheduled, by number.
        globals: by type, the values of resources that have none of their own.
        warnings: what may be amiss, in words.
    """

    exp_id: str
    run_id: str
    seq: int
    time: str
    start: str
    epoch: int
    holder: dict[str, Any]
    aborted_by: list[int]
    closed: bool
    resources: dict[str, Resource]
    groups: dict[str, list[int]]
    timers: list[Timer]
    tasks: dict[str, Task]
    globals: dict[str, dict[str, Any]]
    warnings: list[str]


class Reading(Summary):
    """A run, and all that its log says.

    Attributes:
        torn: what a crash cut short at the end of the log; null if nothing.
        experiment: how it stands.
    """

    torn: str | None
    experiment: Experiment
