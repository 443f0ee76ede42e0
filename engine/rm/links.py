"""Links: what may be connected to a resource, how many, and in which order they come up."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from engine.core.errors import UsageError
from engine.core.states import DEPLOYMENT, ResourceState, Step

_BEFORE: Final = (*DEPLOYMENT, Step.START)
"""The steps on the way up."""


class LinkDeclaration(Struct):
    """What `link` makes; the class that it stands in gives it its name, and has it checked."""

    rtype: str
    min: int
    max: int | None
    after: ResourceState
    before: str
    name: str = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def check(self, where: str) -> None:
        """See that it makes sense.

        Raises:
            UsageError: it does not; the message says what would.
        """
        if not isinstance(self.rtype, str):
            raise UsageError(f'{where}: a link names a type, as in link("lab::Host"); {self.rtype!r} is no name')
        if not _is_count(self.min) or self.min < 0:
            raise UsageError(f"{where}: min={self.min!r} is to be a whole number, 0 at least")
        least = max(self.min, 1)
        if self.max is not None and (not _is_count(self.max) or self.max < least):
            raise UsageError(f"{where}: max={self.max!r} is to be a whole number, {least} at least, or None")
        if not isinstance(self.after, ResourceState):
            raise UsageError(f"{where}: after={self.after!r} is to be a state, such as ResourceState.READY")
        if self.before not in _BEFORE:
            raise UsageError(f"{where}: before={self.before!r} is none of {', '.join(_BEFORE)}")

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


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def link(
    rtype: str,
    min: int = 0,  # noqa: A002 - fixed by the public contract
    max: int | None = None,  # noqa: A002
    after: ResourceState = ResourceState.READY,
    before: str = "deploy",
) -> Any:
    """Declare what may be connected to resources of this type. It is checked when the class is made.

    Args:
        rtype: the type of the others, or one that they extend.
        min: how many there must be before a deployment.
        max: how many there may be; None for any number.
        after: the state that the others must have reached,
        before: this step of mine, one of ``discover`` to ``start``. They are released after me.
    """
    return LinkDeclaration(rtype, min, max, after, before)


def collect(cls: type) -> dict[str, LinkDeclaration]:
    """The links that a class declares or inherits, by name.

    Raises:
        UsageError: one of them makes no sense.
    """
    found: dict[str, LinkDeclaration] = {}
    for base in reversed(cls.__mro__):
        for name, value in vars(base).items():
            if isinstance(value, LinkDeclaration):
                value.check(f"{base.__name__}.{name}")
                found[name] = value
    return found
