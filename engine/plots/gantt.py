"""What a Gantt chart shows of a run: for each resource its states, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from engine.core.states import ResourceState


class Bar(Struct, frozen=True):
    """A state, and from when until when it was that of a resource: seconds from the start of the run."""

    begin: float
    end: float
    state: ResourceState


class Row(Struct, frozen=True):
    """A resource.

    Attributes:
        name: its number, and what it is called.
        failed: whether it ever did, or its release.
        bars: its states, in order; nothing where it was not there or had been released.
        busy: from when until when a step of it was under way.
    """

    guid: int
    name: str
    rtype: str
    failed: bool
    bars: tuple[Bar, ...]
    busy: tuple[tuple[float, float], ...]


class Gantt(Struct, frozen=True):
    """A run as a Gantt chart shows it.

    Attributes:
        name: of the experiment and its run, as a file is called after them.
        title: the same for people.
        moment: until when.
        end: the same, in seconds from the start.
        rows: one for each resource, by number.
    """

    name: str
    title: str
    moment: str
    end: float
    rows: tuple[Row, ...]
