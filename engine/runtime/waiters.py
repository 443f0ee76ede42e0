"""Callers that wait until resources have got somewhere. They sleep until they are woken."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.core.states import ENDS, FINAL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pykka import Future

    from engine.core.states import ResourceState, Step
    from engine.core.world import Resource, World


IsThere = Callable[["Resource"], bool]
"""Whether a resource has got where a caller waits for it to be."""


def at_an_end(resource: Resource) -> bool:
    """Whether nothing more comes by itself."""
    return resource.state in ENDS and resource.attempt is None


def been_in(state: ResourceState) -> IsThere:
    """Whether a resource was ever in a state."""
    return lambda resource: state in resource.times


def done_with(step: Step) -> IsThere:
    """Whether the step that the user asked for is over, one way or the other."""
    return lambda resource: resource.requested is not step


class Waiter:
    """One call that waits for resources.

    Args:
        guids: whom it waits for.
        is_there: what for.
        future: gets True when all have got there, False when that can no longer be or the experiment is aborted.
        through_abort: whether an abort does not end it.
    """

    def __init__(
        self, guids: Iterable[int], is_there: IsThere, future: Future[bool], *, through_abort: bool = False
    ) -> None:
        self.missing = set(guids)
        self.done = False
        self._is_there = is_there
        self._future = future
        self._through_abort = through_abort
        self._failed = False

    def look(self, world: World, guids: Iterable[int]) -> None:
        """See which of these have got there, or no longer can."""
        for guid in self.missing.intersection(guids):
            resource = world.resources[guid]
            if self._is_there(resource):
                self.missing.discard(guid)
            elif resource.state in FINAL and resource.attempt is None and not resource.releasing:
                self.missing.discard(guid)
                self._failed = True
        if world.aborted and not self._through_abort:
            self.settle(there=False)
        elif not self.missing:
            self.settle(there=not self._failed)

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
    """All callers that wait, found by those whom they wait for."""

    def __init__(self) -> None:
        self._by_guid: dict[int, list[Waiter]] = {}
        self._all: dict[int, Waiter] = {}

    def add(self, waiter: Waiter, world: World) -> None:
        """Take a caller in, unless it need not wait."""
        guids = list(waiter.missing)
        waiter.look(world, guids)
        if waiter.done:
            return
        self._all[id(waiter)] = waiter
        for guid in waiter.missing:
            self._by_guid.setdefault(guid, []).append(waiter)

    def remove(self, waiter: Waiter) -> None:
        """Forget a caller that has lost its patience."""
        waiter.done = True
        self._all.pop(id(waiter), None)

    def look(self, world: World, guids: set[int], *, aborted: bool) -> None:
        """Wake those for whom these resources have changed; all of them if the experiment was just aborted."""
        concerned = list(self._all.values()) if aborted else self._concerned(guids)
        for waiter in concerned:
            if not waiter.done:
                waiter.look(world, guids)
            if waiter.done:
                self._all.pop(id(waiter), None)

    def _concerned(self, guids: set[int]) -> list[Waiter]:
        found: dict[int, Waiter] = {}
        for guid in guids & self._by_guid.keys():
            still = [waiter for waiter in self._by_guid[guid] if not waiter.done and guid in waiter.missing]
            found.update((id(waiter), waiter) for waiter in still)
            self._by_guid[guid] = still
        return list(found.values())

    def fail_all(self, error: Exception) -> None:
        """The controller has failed or is gone: nothing will come any more."""
        for waiter in self._all.values():
            waiter.fail(error)
        self._all.clear()
        self._by_guid.clear()
