"""What is told of why something is as it is, what took so long, and what was different."""

from __future__ import annotations

from typing import Any, TypedDict


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
