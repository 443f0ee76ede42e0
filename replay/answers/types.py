"""What is told of resource types."""

from __future__ import annotations

from typing import Any, TypedDict


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
