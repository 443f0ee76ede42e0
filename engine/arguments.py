"""What is checked of the arguments of calls before anything is asked."""

from __future__ import annotations

from typing import Any

from engine.core.errors import BadCondition, UsageError
from engine.core.states import ResourceAction, ResourceState


def check_action(action: Any) -> ResourceAction:
    """An action.

    Raises:
        BadCondition: it is none.
    """
    if not isinstance(action, ResourceAction):
        raise BadCondition(f"an action is one of ResourceAction.DEPLOY, START and STOP, not {action!r}")
    return action


def check_state(state: Any) -> ResourceState:
    """A state.

    Raises:
        BadCondition: it is none.
    """
    if not isinstance(state, ResourceState):
        raise BadCondition(f"a state is one of ResourceState, such as ResourceState.STARTED, not {state!r}")
    return state


def check_callable(function: Any, name: str) -> None:
    """Refuse what is given for a function and is none.

    Raises:
        UsageError: it is neither a function nor None.
    """
    if function is not None and not callable(function):
        raise UsageError(f"{name} is a function, not {function!r}")


def check_clock(clock: Any) -> None:
    """Refuse what is given for a clock and is none.

    Raises:
        UsageError: it is neither an `engine.runtime.clock.Clock` nor None.
    """
    if clock is not None and not (hasattr(clock, "now") and hasattr(clock, "alarm")):
        raise UsageError(f"a clock has now() and alarm(ring), unlike {clock!r}")
