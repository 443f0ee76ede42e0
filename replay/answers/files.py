"""What is told of traces, and of files that were written."""

from __future__ import annotations

from typing import NotRequired, TypedDict

Content = str | dict[str, str]
"""A text, or bytes that are none: `{"base64": "…"}`."""


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


class Completion(TypedDict):
    """A script that makes a shell complete commands.

    Attributes:
        shell: which one.
        script: its text.
    """

    shell: str
    script: str
