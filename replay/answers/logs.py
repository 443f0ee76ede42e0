"""What is told of logs: of the events in them, whether they are whole, and whether all in them was allowed."""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


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
