"""Links: what may be connected to a resource, how many, and in which order they come up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.core.states import DEPLOYMENT, ResourceState, Step


@dataclass(slots=True)
class LinkDeclaration:
    """What `link` makes; the class that it stands in gives it its name."""

    rtype: str
    min: int
    max: int | None
    after: ResourceState
    before: Step
    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def to_data(self) -> dict[str, Any]:
        """Plain values, as they stand in the log."""
        return {
            "name": self.name,
            "rtype": self.rtype,
            "min": self.min,
            "max": self.max,
            "after": self.after.name,
            "before": str(self.before),
        }


def link(
    rtype: str,
    min: int = 0,  # noqa: A002 - fixed by the public contract
    max: int | None = None,  # noqa: A002
    after: ResourceState = ResourceState.READY,
    before: str = "deploy",
) -> Any:
    """Declare what may be connected to resources of this type.

    Args:
        rtype: the type of the others, or one that they extend.
        min: how many there must be before a deployment.
        max: how many there may be; None for any number.
        after: the state that the others must have reached,
        before: this step of mine, one of ``discover`` to ``start``. They are released after me.

    Raises:
        ValueError: there is no such step.
    """
    step = Step(before)
    if step not in (*DEPLOYMENT, Step.START):
        raise ValueError(f"link to {rtype}: before={before!r} is no step on the way up; take one of discover to start")
    return LinkDeclaration(rtype, min, max, after, step)


def collect(cls: type) -> dict[str, LinkDeclaration]:
    """The links that a class declares or inherits, by name."""
    found: dict[str, LinkDeclaration] = {}
    for base in reversed(cls.__mro__):
        found.update({name: value for name, value in vars(base).items() if isinstance(value, LinkDeclaration)})
    return found
