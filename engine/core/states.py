"""States, steps, and the one table of what may follow what."""

from __future__ import annotations

from enum import Enum, StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping


class ResourceState(Enum):
    """Where a resource is in its life.

    The numbers are names for files and messages. States have no order: FAILED is not "more" than STARTED. Whether
    a resource has reached a state is asked with `world.Resource.has_reached`.
    """

    NEW = 0
    DISCOVERED = 1
    RESERVED = 2
    PROVISIONED = 3
    READY = 4
    STARTED = 5
    STOPPED = 6
    FAILED = 7
    RELEASED = 8

    # Identity is all that equality means here; Enum's own hash is a Python function and shows in profiles.
    __hash__ = object.__hash__


class ResourceAction(Enum):
    """What a condition can hold back."""

    DEPLOY = 0
    START = 1
    STOP = 2


class Step(StrEnum):
    """One thing that a resource type can do. The names are those of its hooks."""

    DISCOVER = "discover"
    RESERVE = "reserve"
    PROVISION = "provision"
    CONFIGURE = "configure"
    DEPLOY = "deploy"
    START = "start"
    STOP = "stop"
    RELEASE = "release"


class Turn(StrEnum):
    """What can happen to a resource without one of its steps."""

    END = "end"
    FAIL = "fail"


# By their own names: before Python 3.12 an enumeration takes ten times as long to find a member, and that shows.
NEW, DISCOVERED, RESERVED, PROVISIONED, READY, STARTED, STOPPED, FAILED, RELEASED = ResourceState
DISCOVER, RESERVE, PROVISION, CONFIGURE, DEPLOY, START, STOP, RELEASE = Step
END, FAIL = Turn

DEPLOYMENT: Final = (DISCOVER, RESERVE, PROVISION, CONFIGURE, DEPLOY)
"""The steps of a deployment, in order."""

GATE: Final[Mapping[ResourceAction, Step]] = {
    # A condition on DEPLOY holds back the whole walk, so it stands before its first step.
    ResourceAction.DEPLOY: DISCOVER,
    ResourceAction.START: START,
    ResourceAction.STOP: STOP,
}
"""The step before which a condition on an action is asked."""

_ANY: Final[dict[Step | Turn, ResourceState]] = {FAIL: FAILED, RELEASE: RELEASED}

TRANSITIONS: Final[Mapping[ResourceState, Mapping[Step | Turn, ResourceState]]] = {
    NEW: {DISCOVER: DISCOVERED, **_ANY},
    DISCOVERED: {RESERVE: RESERVED, **_ANY},
    RESERVED: {PROVISION: PROVISIONED, **_ANY},
    PROVISIONED: {
        CONFIGURE: PROVISIONED,
        DEPLOY: READY,
        **_ANY,
    },
    READY: {START: STARTED, **_ANY},
    STARTED: {STOP: STOPPED, END: STOPPED, **_ANY},
    STOPPED: {START: STARTED, **_ANY},
    # One that failed while it ran may still run, so it can be stopped. That makes nothing good again.
    FAILED: {STOP: FAILED, **_ANY},
    RELEASED: {},
}
"""What may follow what. Everything that is not in it cannot happen; the documentation's table is made from it."""

ENDS: Final = frozenset({STOPPED, FAILED, RELEASED})
"""The states in which nothing more comes by itself."""

FINAL: Final = frozenset({FAILED, RELEASED})
"""The states from which a resource never runs again."""
