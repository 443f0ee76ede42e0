"""A resource in the hand of a script, and what a script may say about when others are to act."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING, Any, Never

from msgspec import Struct

from engine.core.errors import BadCondition, UsageError
from engine.core.states import ResourceAction, ResourceState
from engine.rm.traces import TraceAttr

if TYPE_CHECKING:
    from engine.controller import ExperimentController
    from engine.dates import Duration
    from engine.looking import Looking


class Reached(Struct, frozen=True):
    """The condition that resources of a controller have reached these states. Two of them are joined with ``&``."""

    ec: object
    goals: tuple[tuple[int, ResourceState], ...]

    def __and__(self, other: Reached) -> Reached:
        if not isinstance(other, Reached):
            return NotImplemented
        if other.ec is not self.ec:
            raise BadCondition(
                "these conditions are about resources of two controllers, which do not wait for each other"
            )
        return Reached(self.ec, (*self.goals, *other.goals))

    def __bool__(self) -> Never:
        raise BadCondition(
            "a condition is nothing that is true or false now: it is waited for. Join two of them with '&', not 'and', "
            "and ask a handle for its state"
        )

    def by_state(self) -> dict[ResourceState, list[int]]:
        """The resources that are to reach each state."""
        found: dict[ResourceState, list[int]] = {}
        for guid, state in self.goals:
            found.setdefault(state, []).append(guid)
        return found


class Handle:
    """A resource of a controller. It is accepted wherever a guid is.

    Attributes:
        guid: its number.
    """

    __slots__ = ("_ec", "guid")

    def __init__(self, ec: ExperimentController, guid: int) -> None:
        self._ec = ec
        self.guid = guid

    def __repr__(self) -> str:
        try:
            label = "" if self.label is None else f" {self.label!r}"
            known = f" {self.rtype}{label} {self.state.name}"
        except Exception:  # noqa: BLE001 - whatever keeps it from being told: whoever shows it is not to fail
            known = ", of which nothing is known any more"
        return f"<#{self.guid}{known}>"

    def _repr_html_(self) -> str:
        """How it stands, in a notebook."""
        try:
            return self._ec._html_of(self.guid)
        except Exception:  # noqa: BLE001 - as above
            return escape(repr(self))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Handle) and (self._ec, self.guid) == (other._ec, other.guid)

    def __hash__(self) -> int:
        return hash((id(self._ec), self.guid))

    # --- what it is ---------------------------------------------------------------------------------------------

    @property
    def rtype(self) -> str:
        """The name of its type."""
        return self._ec.rtype(self.guid)

    @property
    def label(self) -> str | None:
        """The user's name for it."""
        return self._ec.label(self.guid)

    @property
    def state(self) -> ResourceState:
        """Its state."""
        return self._ec.state(self.guid)

    def get(self, name: str) -> Any:
        """The value of an attribute; see `ExperimentController.get`."""
        return self._ec.get(self.guid, name)

    def set(self, name: str, value: Any) -> None:
        """Set an attribute; see `ExperimentController.set`."""
        self._ec.set(self.guid, name, value)

    def trace(
        self, name: str, attr: TraceAttr = TraceAttr.ALL, block: int = 512, offset: int = 0
    ) -> str | bytes | int | None:
        """What it recorded; see `ExperimentController.trace`."""
        return self._ec.trace(self.guid, name, attr, block, offset)

    # --- when it is to act --------------------------------------------------------------------------------------

    @property
    def ready(self) -> Reached:
        """The condition that it is READY, or has been."""
        return Reached(self._ec, ((self.guid, ResourceState.READY),))

    @property
    def started(self) -> Reached:
        """The condition that it is STARTED, or has been."""
        return Reached(self._ec, ((self.guid, ResourceState.STARTED),))

    @property
    def stopped(self) -> Reached:
        """The condition that it is STOPPED, or has been."""
        return Reached(self._ec, ((self.guid, ResourceState.STOPPED),))

    def deploy_when(self, condition: Reached, delay: Duration | None = None) -> None:
        """Deploy it only when a condition holds, and `delay` later; see `ExperimentController.register_condition`."""
        self._when(ResourceAction.DEPLOY, condition, delay)

    def start_when(self, condition: Reached, delay: Duration | None = None) -> None:
        """Start it only when a condition holds, and `delay` later."""
        self._when(ResourceAction.START, condition, delay)

    def stop_when(self, condition: Reached, delay: Duration | None = None) -> None:
        """Stop it when a condition holds, and `delay` later."""
        self._when(ResourceAction.STOP, condition, delay)

    def _when(self, action: ResourceAction, condition: Reached, delay: Duration | None) -> None:
        if not isinstance(condition, Reached):
            raise BadCondition(f"a condition is one such as server.started & router.ready, not {condition!r}")
        if condition.ec is not self._ec:
            raise BadCondition(f"#{self.guid} cannot wait for a resource of another controller")
        # Each part counts the delay from its own last moment, so together they hold `delay` after the last of all.
        self._ec.register_conditions(self.guid, action, condition.by_state(), delay)

    def wait_finished(self, timeout: Duration | None = None) -> bool:
        """Wait until it has come to an end; see `ExperimentController.wait_finished`."""
        return self._ec.wait_finished(self.guid, timeout)


Guid = int | str | Handle
"""What names one resource: its number, its label, or a handle."""

Guids = Guid | Iterable[Guid]
"""What names one resource or several."""


def guid_of(ec: Looking, given: Guid) -> int:
    """The number of a resource of a controller. Asks the controller for that of a label.

    Raises:
        UnknownGuid: no resource has that label.
        UsageError: it names none, or is a handle of another controller.
    """
    if isinstance(given, str):
        return ec.labelled(given)
    if not isinstance(given, Handle):
        return number_of(given)
    if given._ec is not ec:
        raise UsageError(
            f"{given!r} is a resource of another controller; to mean the one that stands for it here, give its number, "
            f"{given.guid}, or its label"
        )
    return given.guid


def number_of(given: int) -> int:
    """A number that is given for a resource, as it is logged.

    Raises:
        UsageError: it is none.
    """
    if isinstance(given, bool) or not hasattr(given, "__index__"):
        raise UsageError(
            f"a resource is named by its guid, a whole number, by its label or by a handle of it, not by {given!r}"
        )
    return operator.index(given)  # an enum's member would not come back from the log as it went in


def guids_of(ec: Looking, given: Guids) -> list[int]:
    """One number, or several, as a list; see `guid_of`."""
    if isinstance(given, Iterable) and not isinstance(given, str | bytes):
        return [guid if type(guid) is int else guid_of(ec, guid) for guid in given]  # there may be 100,000
    return [guid_of(ec, given)]  # type: ignore[arg-type]  # bytes are told from a number there
