"""What the commands answer with `--json`: the shape of each answer, by command.

The JSON Schema of them, `replay/answers.schema.json`, and the page `docs/reference/answers.md` are made from here. The
value of an attribute, a receipt and an event's data have whatever shape their author gave them. Bytes, which JSON has
not, are an object with one key: `{"base64": "…"}`. Dates are ISO 8601, in UTC.
"""

from __future__ import annotations

from typing import Any, Final, Literal, NotRequired, TypedDict

Content = str | dict[str, str]
"""A text, or bytes that are none: `{"base64": "…"}`."""


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


class Place(TypedDict):
    """Where in a damaged log an event was found that is intact.

    Attributes:
        file: the name of the segment.
        byte: the offset in it.
    """

    file: str
    byte: int


class Event(TypedDict):
    """An event, as it stands in the log; `docs/reference/events.md` has what each kind of them tells.

    Attributes:
        seq: its place in the log: 1, 2, 3, ...
        time: nanoseconds since 1970, in UTC.
        kind: what happened.
        guid: of which resource; 0 for the experiment.
        data: its particulars.
        cause: the seq of the event that led to it; 0 for none.
        epoch: which controller wrote it.
        version: of the kind's data.
        salvaged: only with `--salvage`, of one that stands behind damage.
    """

    seq: int
    time: int
    kind: str
    guid: int
    data: dict[str, Any]
    cause: int
    epoch: int
    version: int
    salvaged: NotRequired[Place]


class Torn(TypedDict):
    """The end of a log that a crash cut short.

    Attributes:
        file: the segment.
        byte: from where.
        bytes: how many there were.
    """

    file: str
    byte: int
    bytes: int


class Damage(TypedDict):
    """Why a log cannot be read from some byte on.

    Attributes:
        message: what is wrong.
        file: the segment.
        byte: where in it; null if that is not known.
        first_seq: the first event that is lost; null if that is not known.
        intact_after: whether there are intact events behind the damage.
    """

    message: str
    file: str
    byte: int | None
    first_seq: NotRequired[int | None]
    intact_after: NotRequired[bool]


class Verification(TypedDict):
    """Whether a log is whole, byte by byte.

    Attributes:
        ok: whether it is.
        events: how many can be read.
        segments: in how many files.
        torn: the end that a crash cut short.
        dropped: earlier ends of that kind, which were left out.
        corrupt: the damage; null if there is none.
    """

    ok: bool
    events: int
    segments: int
    torn: Torn | None
    dropped: list[Torn]
    corrupt: Damage | None


class Wait(TypedDict):
    """What somebody waits for.

    Attributes:
        text: as a sentence without its full stop.
        at: where in the script it was asked for, as file:line; empty if nobody knows.
        because: what those wait for in turn for whom he waits.
    """

    text: str
    at: str
    because: list[Wait]


class Happened(TypedDict):
    """An event that led to another one.

    Attributes:
        seq: of the event.
        seconds: when it was, from the start of the run.
        guid: whose it is; 0 for the experiment.
        text: as a sentence without its full stop.
        at: where in the script it was asked for, as file:line; empty if it was not, or nobody knows.
    """

    seq: int
    seconds: float
    guid: int
    text: str
    at: str


class Explanation(TypedDict):
    """Why a resource is where it is.

    Attributes:
        guid: its number.
        state: its state.
        seq: the last event that is taken into account.
        seconds: until when it has waited, from the start of the run.
        text: its state, as a sentence without its full stop.
        waits: what it waits for; none if nothing more comes by itself.
        causes: what led to its state, the latest first.
    """

    guid: int
    state: str
    seq: int
    seconds: float
    text: str
    waits: list[Wait]
    causes: list[Happened]


class Part(TypedDict):
    """A part of the time that something took.

    Attributes:
        kind: what it was spent with.
        begin: when it began, in seconds from the start of the run.
        seconds: how long it took.
        guid: on whom; 0 for the experiment.
        text: what it was, as a sentence without its full stop.
        at: where in the script it was asked for, as file:line; empty if nobody knows.
        seq: of the event that ended it.
    """

    kind: str
    begin: float
    seconds: float
    guid: int
    text: str
    at: str
    seq: int


class CriticalPath(TypedDict):
    """What a moment had to wait for.

    Attributes:
        text: what happened at that moment, as a sentence without its full stop.
        seconds: when that was, from the start of the run.
        parts: in order of time; together they took `seconds`.
    """

    text: str
    seconds: float
    parts: list[Part]


class Difference(TypedDict):
    """Something that is not the same in two runs.

    Attributes:
        section: "description", "order", "times" or "results".
        who: which resource; empty for the experiment.
        what: of it.
        a: how it is on the one side: a value for each run.
        b: how it is on the other.
    """

    section: str
    who: str
    what: str
    a: list[Any]
    b: list[Any]


class Violation(TypedDict):
    """Something in a log that must not be.

    Attributes:
        seq: the event.
        guid: whom it is about; 0 for the experiment.
        rule: which rule it breaks.
        message: what is wrong.
    """

    seq: int
    guid: int
    rule: str
    message: str


class Audit(TypedDict):
    """What an audit found.

    Attributes:
        events: how many were looked at.
        violations: what must not be.
    """

    events: int
    violations: list[Violation]


class Trace(TypedDict):
    """A trace in the list of them.

    Attributes:
        guid: of the resource that records it.
        rtype: its type.
        label: the user's name for the resource.
        name: of the trace.
        size: in bytes; null if there is nothing yet, or nobody can say.
        enabled: whether it is recorded.
        help: what it is.
        problem: why nobody can say its size; null if that is known.
    """

    guid: int
    rtype: str
    label: str | None
    name: str
    size: int | None
    enabled: bool
    help: str
    problem: str | None


class WholeTrace(TypedDict):
    """What is in a trace.

    Attributes:
        guid: of the resource that recorded it.
        rtype: its type.
        label: the user's name for the resource.
        name: of the trace.
        size: in bytes.
        content: a text, or bytes.
    """

    guid: int
    rtype: str
    label: str | None
    name: str
    size: int
    content: Content


class Piece(TypedDict):
    """A piece of a trace that is followed.

    Attributes:
        offset: where in the trace it begins, in bytes.
        content: a text, or bytes.
    """

    offset: int
    content: Content


class Download(TypedDict):
    """A trace that was downloaded.

    Attributes:
        guid: of the resource that recorded it.
        trace: its name.
        path: the file.
        size: in bytes.
        sha256: of the content, in hexadecimal digits.
    """

    guid: int
    trace: str
    path: str
    size: int
    sha256: str


class Written(TypedDict):
    """A file that was written.

    Attributes:
        path: the file.
        format: what it is written as.
        rows: of a table, how many there are.
        files: of a bundle, how many it has.
        resources: of a drawing or a graph, how many it shows.
        connections: of a drawing, how many between them.
        conditions: of a drawing, how many on their steps.
        planned: of a drawing, how many values that attributes are to get later.
    """

    path: str
    format: str
    rows: NotRequired[int]
    files: NotRequired[int]
    resources: NotRequired[int]
    connections: NotRequired[int]
    conditions: NotRequired[int]
    planned: NotRequired[int]


class Origin(TypedDict):
    """What an experiment was forked from.

    Attributes:
        run_id: the run.
        directory: where that was.
        seq: the event as of which it was forked.
        seconds: when that was, from the start of that run.
        states: in which state each resource was, by its number.
    """

    run_id: str
    directory: str
    seq: int
    seconds: float
    states: dict[str, str]


class Forked(TypedDict):
    """A description that was written of a moment of a run.

    Attributes:
        path: the file.
        exp_id: the name of the new experiment.
        origin: what it was forked from.
    """

    path: str
    exp_id: str
    origin: Origin


class Validation(TypedDict):
    """Whether a description can be loaded and deployed.

    Attributes:
        file: the description.
        valid: whether it can.
        problems: why not, one each.
    """

    file: str
    valid: bool
    problems: list[str]


class ListedType(TypedDict):
    """A resource type in the list of them.

    Attributes:
        rtype: its name.
        help: what it is; null if it cannot be loaded.
        problem: why it cannot be loaded; null if it can.
    """

    rtype: str
    help: str | None
    problem: str | None


class Attribute(TypedDict):
    """An attribute that a type declares.

    Attributes:
        type: of its values.
        required: whether it must be set.
        default: its value where nobody gave one.
        choices: what it may be; null if that is not a list.
        ge: the least that it may be; null for no bound.
        le: the most that it may be; null for no bound.
        when: when it can be set: "design", before it is deployed; "live", also while it runs; or "never".
        secret: whether it is given as env:NAME or file:PATH, and never shown.
        help: what it is for.
    """

    type: str
    required: bool
    default: Any
    choices: list[Any] | None
    ge: float | None
    le: float | None
    when: str
    secret: bool
    help: str


class Link(TypedDict):
    """A link that a type declares.

    Attributes:
        name: of the link.
        rtype: the type of those that it leads to.
        min: how many there must be.
        max: how many there may be; null for any number.
        after: in which state they must be,
        before: before which of its own steps.
    """

    name: str
    rtype: str
    min: int
    max: int | None
    after: str
    before: str


class DeclaredTrace(TypedDict):
    """A trace that a type offers.

    Attributes:
        name: what it is asked for by.
        help: what it is.
        enabled: whether it is recorded if nobody says otherwise.
    """

    name: str
    help: str
    enabled: bool


class ResourceType(TypedDict):
    """A resource type.

    Attributes:
        rtype: its name.
        help: what it is.
        lineage: its own name and those of the types that it extends.
        attributes: by name.
        links: to other resources.
        traces: what it can record.
        hooks: which steps do something.
    """

    rtype: str
    help: str
    lineage: list[str]
    attributes: dict[str, Attribute]
    links: list[Link]
    traces: list[DeclaredTrace]
    hooks: list[str]


class Completion(TypedDict):
    """A script that makes a shell complete commands.

    Attributes:
        shell: which one.
        script: its text.
    """

    shell: str
    script: str


ANSWERS: Final[dict[str, Any]] = {
    "run": list[Summary],
    "validate": Validation,
    "types": list[ListedType],
    "types RTYPE": ResourceType,
    "ls": list[Summary | Unreadable],
    "show": Reading,
    "log": Event,
    "log --verify": Verification,
    "state": Experiment,
    "watch": Experiment,
    "trace": list[Trace],
    "trace NAME": WholeTrace,
    "trace -f": Piece,
    "trace --output": list[Download],
    "export --output": Written,
    "report": Written,
    "fork": Forked,
    "plot": Written,
    "why": Explanation,
    "why --late": CriticalPath,
    "diff": list[Difference],
    "check": Audit,
    "reconnect": Reading,
    "resume": list[Summary],
    "release": Reading,
    "completion": Completion,
}
"""What each command answers, by itself or the option that is named; `log` and `trace -f` one for each line."""
