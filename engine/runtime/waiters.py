"""Callers that wait until resources have got somewhere. They sleep until they are woken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.core import story
from engine.core.states import ENDS, ResourceState, Step

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pykka import Future

    from engine.core.world import Resource, World


Outlook = Callable[["World", "Resource"], bool | None]
"""Whether a resource has got where a caller waits for it to be; None while it still may."""


def at_an_end(world: World, resource: Resource) -> bool | None:
    """Whether nothing more comes by itself. An end that aborted the experiment is not what a caller waits for."""
    if resource.state in ENDS and resource.attempt is None:
        return resource.guid not in world.aborted_by
    return None


def been_in(state: ResourceState) -> Outlook:
    """Whether a resource was ever in a state."""

    def look(world: World, resource: Resource) -> bool | None:  # noqa: ARG001
        if state in resource.times:
            return True
        return False if resource.is_lost_for(state) else None

    return look


def done_with(step: Step) -> Outlook:
    """Whether the step that the user asked for was taken, one way or the other."""

    def look(world: World, resource: Resource) -> bool | None:
        if resource.requested is not step:
            return True
        held_back = world.aborted and step is not Step.STOP and resource.attempt is None
        return False if held_back or resource.state is ResourceState.RELEASED else None

    return look


def told_missing(world: World, guids: Iterable[int], outlook: Outlook) -> dict[int, str]:
    """Those of these that have not got there, each in words."""
    there = ((guid, world.resources[guid]) for guid in guids if guid in world.resources)
    return {guid: story.tell(world, guid) for guid, resource in there if not outlook(world, resource)}


class Waiter:
    """One call that waits for resources.

    Args:
        guids: whom it waits for.
        outlook: what for.
        future: gets True when all have got there, False when that can no longer be or the experiment is aborted.
        through_abort: whether an abort does not end it.
    """

    def __init__(
        self, guids: Iterable[int], outlook: Outlook, future: Future[bool], *, through_abort: bool = False
    ) -> None:
        self.missing = set(guids)
        self.done = False
        self._outlook = outlook
        self._future = future
        self._through_abort = through_abort
        self._failed = False

    def look(self, world: World, guids: Iterable[int]) -> None:
        """See which of these have got there, or no longer can."""
        for guid in self.missing.intersection(guids):
            resource = world.resources.get(guid)
            there = resource is None or self._outlook(world, resource)  # one that is forgotten is over
            if there is not None:
                self.missing.discard(guid)
                self._failed |= not there
        if not self.missing:
            self.settle(there=not self._failed)
        elif world.aborted and not self._through_abort:
            self.settle(there=False)

    def settle(self, *, there: bool) -> None:
        """Wake the caller."""
        if not self.done:
            self.done = True
            self._future.set(there)

    def fail(self, error: Exception) -> None:
        """Wake the caller with an error."""
        if not self.done:
            self.done = True
            self._future.set_exception((type(error), error, error.__traceback__))


class Waiters:
    """All callers that wait. Each is a thread that does, so there are not many."""

    def __init__(self) -> None:
        self._all: dict[int, Waiter] = {}

    def __bool__(self) -> bool:
        return bool(self._all)

    def add(self, waiter: Waiter, world: World) -> None:
        """Take a caller in, unless it need not wait."""
        waiter.look(world, waiter.missing)
        if not waiter.done:
            self._all[id(waiter)] = waiter

    def remove(self, waiter: Waiter) -> None:
        """Forget a caller that has lost its patience."""
        waiter.done = True
        self._all.pop(id(waiter), None)

    def look(self, world: World, guids: set[int], *, aborted: bool) -> None:
        """Wake those for whom these resources have changed; all of them if the experiment was just aborted."""
        for waiter in list(self._all.values()):
            if aborted or not waiter.missing.isdisjoint(guids):
                waiter.look(world, guids)
            if waiter.done:
                del self._all[id(waiter)]

    def fail_all(self, error: Exception) -> None:
        """The controller has failed or is gone: nothing will come any more."""
        for waiter in self._all.values():
            waiter.fail(error)
        self._all.clear()
