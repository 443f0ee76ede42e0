"""The part of a controller with which a script waits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine import warning
from engine.arguments import check_callable, check_state
from engine.core import decide
from engine.core.errors import WaitTimeout
from engine.core.states import ResourceState
from engine.dates import NS, to_ns
from engine.handles import guids_of
from engine.looking import Looking
from engine.runtime.waiters import at_an_end, been_in, told_missing

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.dates import Duration
    from engine.handles import Guids
    from engine.runtime.waiters import Outlook

_QUIT_EVERY: Final = 0.1
"""Seconds between two questions to a caller's `quit`."""


class Waiting(Looking):
    """The waiting part of `ExperimentController`."""

    def wait_deployed(self, guids: Guids, timeout: Duration | None = None) -> bool:
        """Wait until all of these are READY; see `wait_finished`."""
        return self._wait(guids, been_in(ResourceState.READY), timeout)

    def wait_started(self, guids: Guids, timeout: Duration | None = None) -> bool:
        """Wait until all of these are STARTED; see `wait_finished`."""
        return self._wait(guids, been_in(ResourceState.STARTED), timeout)

    def wait_finished(self, guids: Guids, timeout: Duration | None = None) -> bool:
        """Wait until all of these have come to an end: STOPPED, FAILED or RELEASED.

        Args:
            guids: one or several.
            timeout: seconds, or ``"90s"``.

        Returns:
            True once all have got there; False as soon as the experiment is aborted, or when all that can have got
            there and the rest has failed.

        Raises:
            UnknownGuid: one is not there.
            WaitTimeout: it names who is missing, and what each of them waits for.
        """
        return self._wait(guids, at_an_end, timeout)

    def wait_released(self, guids: Guids, timeout: Duration | None = None) -> bool:
        """Wait until all of these are RELEASED. An abort does not end it; see `wait_finished`."""
        return self._wait(guids, been_in(ResourceState.RELEASED), timeout, through_abort=True)

    def wait(
        self,
        guids: Guids,
        state: ResourceState,
        quit: Callable[[], bool],  # noqa: A002 - as above
        timeout: Duration | None = None,
    ) -> bool:
        """Wait until all of these have been in a state, or `quit` says that there is no more point in it.

        Args:
            guids: one or several.
            state: the state.
            quit: asked ten times a second.
            timeout: seconds, or ``"90s"``.

        Returns:
            True once all have been in that state; False once `quit` returns true, and otherwise as `wait_finished`.

        Raises:
            UnknownGuid: one is not there.
            WaitTimeout: it names who is missing, and what each of them waits for.
        """
        wanted, outlook = guids_of(self, guids), been_in(check_state(state))
        check_callable(quit, "quit")
        self._look_at(wanted, warn=True)
        self._calls.refuse_within("wait")
        seconds = None if timeout is None else to_ns(timeout) / NS
        answer = self._calls.value(lambda: self._ask_and_wait(wanted, outlook, quit, seconds))
        return self._told(answer, seconds, wanted, outlook)

    def _ask_and_wait(
        self, guids: list[int], outlook: Outlook, is_over: Callable[[], bool], left: float | None
    ) -> bool | None:
        """Wait, and ask now and then whether there is no more point in it; None after the timeout."""
        pause = 0.0  # whoever is there already is not asked about quitting
        while True:
            try:
                return self._session.wait(guids, outlook, pause)
            except TimeoutError:
                left = None if left is None else left - pause
            if left is not None and left <= 0:
                return None
            if is_over():
                return False
            pause = _QUIT_EVERY if left is None else min(_QUIT_EVERY, left)

    def _wait(self, guids: Guids, outlook: Outlook, timeout: Duration | None, *, through_abort: bool = False) -> bool:
        wanted = guids_of(self, guids)
        seconds = None if timeout is None else to_ns(timeout) / NS
        self._look_at(wanted, warn=not through_abort)
        answer = self._calls.wait(wanted, outlook, seconds, through_abort=through_abort)
        return self._told(answer, seconds, wanted, outlook)

    def _told(self, answer: bool | None, seconds: float | None, guids: list[int], outlook: Outlook) -> bool:
        """What a wait came to; None is a timeout."""
        if answer is None:
            missing = self._calls.read(lambda world: told_missing(world, guids, outlook))
            raise WaitTimeout(seconds or 0.0, missing)
        return answer

    def _look_at(self, guids: list[int], *, warn: bool) -> None:
        """See that these are there, and warn of those whom nobody has deployed: what is waited for may never come."""
        resources = self._calls.read(lambda world: [decide.find(world, guid) for guid in guids])
        idle = [decide.describe(it) for it in resources if decide.is_left_alone(it)]
        if idle and warn:
            warning.warn(f"waiting for {', '.join(idle[:5])}: nobody has deployed it")
