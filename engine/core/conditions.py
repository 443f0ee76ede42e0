"""When is a condition met?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.core.states import DEPLOYMENT, GATE, ResourceAction

if TYPE_CHECKING:
    from engine.core.states import Step
    from engine.core.world import Condition, Resource

_FIRST: Final = GATE[ResourceAction.DEPLOY]
_NONE: Final[list[Condition]] = []


def due_at(condition: Condition) -> int | None:
    """From when on a condition holds, in ns since 1970; None while it still waits for a resource.

    The delay counts from the moment at which the last of those that it waits for got there.
    """
    return None if condition.met_at is None else condition.met_at + condition.delay


def gates(resource: Resource, step: Step) -> list[Condition]:
    """The conditions that stand before a step of a resource. Several of them must all hold.

    Those on DEPLOY stand before the first step of the walk. They are asked again before each later one, because the
    user may have taken the first ones by hand, which asks no condition.
    """
    gate = resource.gates.get(step, _NONE)
    if _FIRST in resource.gates and step is not _FIRST and step in DEPLOYMENT:
        return [condition for condition in resource.gates[_FIRST] if condition.origin == "user"] + gate
    return gate


def latest(conditions: list[Condition]) -> tuple[int, int] | None:
    """When the last of these holds, in ns since 1970, and the event by which it does; None if one is still open.

    Without conditions that is (0, 0): at once, and because of nothing.
    """
    last = (0, 0)
    for condition in conditions:
        if condition.met_at is None:
            return None
        last = max(last, (condition.met_at + condition.delay, condition.met_by))
    return last
