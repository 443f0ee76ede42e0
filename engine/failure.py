"""What a failure means for the experiment, and in which state its controller is."""

from __future__ import annotations

import weakref
from enum import Enum
from typing import TYPE_CHECKING

from engine.core.errors import UsageError
from engine.core.states import ResourceState

if TYPE_CHECKING:
    from engine.controller import ExperimentController


class FailureLevel(Enum):
    """How far a failure has reached."""

    OK = 1
    RM_FAILURE = 2
    """A critical resource failed: the experiment is aborted."""
    EC_FAILURE = 3
    """The controller failed: it cannot record any more, so it no longer acts."""


class ECState(Enum):
    """What a controller is doing."""

    RUNNING = 1
    FAILED = 2
    """It cannot record any more, so it no longer acts."""
    RELEASED = 3
    """All that was described is released. With the next resource it is RUNNING again."""
    TERMINATED = 4
    """It was shut down, or has let go."""


class FailureManager:
    """Decides whether the failure of a resource aborts the experiment. Subclass it for a policy of your own.

    The controller calls `eval_failure` for each resource that fails, and then asks `abort`.
    """

    def __init__(self) -> None:
        self._level = FailureLevel.OK
        self._ec: weakref.ref[ExperimentController] | None = None

    def set_ec(self, ec: ExperimentController) -> None:
        """Say whose failures these are. The controller calls this.

        Raises:
            UsageError: they are those of another one.
        """
        if self._ec is not None:
            raise UsageError("a failure manager serves one controller, and remembers its failures: make a new one")
        self._ec = weakref.ref(ec)

    @property
    def ec(self) -> ExperimentController | None:
        """The controller."""
        return None if self._ec is None else self._ec()

    @property
    def level(self) -> FailureLevel:
        """How far the worst failure so far has reached."""
        return self._level

    @property
    def abort(self) -> bool:
        """Whether the experiment is aborted. Once it is, it stays so."""
        return self._level is not FailureLevel.OK

    def eval_failure(self, guid: int) -> None:
        """Judge a resource that has just failed. By default a critical one aborts the experiment."""
        if self.ec is not None and self.ec.get(guid, "critical") and self.ec.state(guid) is ResourceState.FAILED:
            self._level = FailureLevel.RM_FAILURE

    def set_abort(self) -> None:
        """The experiment is aborted: it was before this controller took over. The controller calls this."""
        self._level = FailureLevel.RM_FAILURE

    def set_ec_failure(self) -> None:
        """The controller itself failed. The controller calls this."""
        self._level = FailureLevel.EC_FAILURE


def policy_for(fm: FailureManager | None) -> FailureManager:
    """The failure policy that was given, or the default one.

    Raises:
        UsageError: it is none.
    """
    if fm is not None and not isinstance(fm, FailureManager):
        raise UsageError(f"fm is a FailureManager or extends it, unlike {fm!r}")
    return fm or FailureManager()
