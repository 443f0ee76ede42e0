"""The resource managers and their actors. Both are made when they are first needed."""

from __future__ import annotations

import sys
from collections.abc import Generator
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pykka._envelope import Envelope

from engine.core import messages
from engine.core.errors import ExperimentError, UsageError
from engine.core.states import Step
from engine.core.values import check_plain, copied
from engine.rm.awaited import Awaited
from engine.rm.base import Intent
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.registry import ResourceFactory
from engine.rm.secret import message_of, shown, told, traceback_of
from engine.rm.transport import TransportLost
from engine.runtime.actors import PooledActor
from engine.runtime.latch import latch
from engine.runtime.limiter import Lane

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

    from engine.core.effects import Probe, Run
    from engine.core.world import Resource, World
    from engine.rm.awaited import Waiting
    from engine.rm.base import Port, Receipt, ResourceManager
    from engine.runtime.limiter import Limiter


_UNDO: Final = (Step.STOP, Step.RELEASE)


class Place:
    """Where the manager of a resource is, and is made by whoever needs it first.

    That is never the coordinator: a type's own code runs, and may take long or ask the engine.

    Args:
        resource: what the log says of it; only read. What its hooks left does not change while one of them is called.
        values: its attributes at this moment.
        port: what the manager is given.
        making: held while it is made.
    """

    __slots__ = ("_making", "_manager", "_port", "_resource", "_values", "guid")

    def __init__(
        self, resource: Resource, values: Mapping[str, Any], port: Port, making: AbstractContextManager[object]
    ) -> None:
        self.guid = resource.guid
        self._resource = resource
        self._values: Mapping[str, Any] | None = values  # until it is made
        self._making: AbstractContextManager[object] | None = making  # as well
        self._port = port
        self._manager: ResourceManager | None = None

    def manager(self) -> ResourceManager:
        """The manager.

        Raises:
            ExperimentError: its type is not there, or its code raised.
        """
        making = self._making
        if making is not None:
            with making:
                if self._values is not None:
                    self._manager = self._made_of(self._values)
                    self._values = self._making = None
        assert self._manager is not None
        return self._manager

    def brief(self) -> ResourceManager:
        """The manager, once it is shown what has come of the steps so far."""
        manager = self.manager()
        manager.brief(_own(self._resource.receipts), self._resource.tokens)
        return manager

    def _made_of(self, values: Mapping[str, Any]) -> ResourceManager:
        resource = self._resource
        try:
            resource_type = ResourceFactory.get_resource_type(resource.rtype)
            return resource_type.bind(self.guid, values, self._port, _own(resource.receipts), resource.tokens)
        except BaseException as error:
            why = f"{type(error).__name__}: {message_of(error)}"
            raise ExperimentError(f"the manager of #{self.guid} {resource.rtype} cannot be made: {why}") from error


class Inquire(NamedTuple):
    """Ask what became of an attempt of a controller that is gone."""

    intent: Intent
    receipt: Mapping[str, Any] | None


class Changed(NamedTuple):
    """An attribute got another value."""

    name: str
    old: Any
    new: Any


class Met(NamedTuple):
    """It is connected to another one, or, with `made` false, no longer is."""

    other: Place
    made: bool


class GoOn(NamedTuple):
    """What one of its hooks waits for is there."""

    intent: Intent
    hook: Waiting[Receipt]


class ResourceActor(PooledActor):
    """Runs the hooks of one resource, one at a time, and reports how they ended."""

    batch = 1  # between two hooks others may have their turn, and what undoes may come first

    def __init__(self, lane: Lane, place: Place, tell: Callable[[messages.Message], None]) -> None:
        super().__init__(lane)
        self.lane = lane
        # What it is at, or is to be. After a takeover it may be asked after a start while it has something to stop.
        self.intent: Intent | None = None
        self.inquiry: Intent | None = None
        self._set_aside: list[Any] | None = None  # while a hook waits without a worker: what has come since it began
        self._place = place
        self._tell = tell

    def _actor_loop_running(self) -> None:
        """Handle one message, in place of pykka's loop: nobody asks this actor anything, or stops it."""
        try:
            self.on_receive(self.actor_inbox.get().message)
        except Exception:  # noqa: BLE001 - it is our own code that failed, as hooks may
            self._handle_failure(*sys.exc_info())
            self.on_failure(*sys.exc_info())

    def on_receive(self, message: Any) -> None:
        """Do what is asked."""
        match message:
            case GoOn(intent, hook):
                if intent.cancelled:
                    self.lane.excuse()
                self._report(self._go_on(intent, hook))
            case _ if self._set_aside is not None:
                self._set_aside.append(message)
            case Intent():
                self._report(self._perform(message))
            case Inquire(intent, receipt):
                outcome = self._inquire(intent, receipt)
                self.inquiry = None
                self._tell(outcome)
            case Changed(name, old, new):
                self._call("on_set", lambda manager: manager.set_value(name, old, new))
            case Met(other, made=True):
                self._call("on_connect", lambda manager: manager.on_connect(other.manager()))
            case Met(other):
                self._call("on_disconnect", lambda manager: manager.on_disconnect(other.manager()))

    def doing(self, token: str, what: str) -> None:
        """Pass on what the hook of an attempt says that it is doing. On the thread of the hook."""
        self._tell(messages.Doing(self._place.guid, token, told(what)))

    def _perform(self, intent: Intent) -> messages.Message | None:
        """Call the hook of the intent's step. None if that waits for something: then it goes on later."""
        guid = self._place.guid
        if intent.cancelled:
            return messages.NotBegun(guid, intent.token)
        try:
            result = getattr(self._place.brief(), intent.step)(intent)
        except BaseException as error:  # noqa: BLE001 - a hook may raise anything: it is how it says that it failed
            return self._failed(intent, error)
        return self._go_on(intent, result) if isinstance(result, Generator) else self._done(intent, result)

    def _go_on(self, intent: Intent, hook: Waiting[Receipt]) -> messages.Message | None:
        """Run a hook up to where it waits for something, or to its end."""
        try:
            _checked(next(hook)).then(partial(self.tell, GoOn(intent, hook)))
        except StopIteration as end:
            return self._done(intent, end.value)
        except BaseException as error:  # noqa: BLE001 - as above
            return self._failed(intent, error)
        if self._set_aside is None:
            self._set_aside = []
        return None

    def _done(self, intent: Intent, receipt: Any) -> messages.Message:
        try:
            if receipt is not None:
                _check_receipt(receipt, f"the receipt of {self._place.manager().rtype}.{intent.step}")
                receipt = copied(receipt)
        except BaseException as error:  # noqa: BLE001 - as above
            return self._failed(intent, error)
        return messages.HookDone(self._place.guid, intent.token, receipt)

    def _failed(self, intent: Intent, error: BaseException) -> messages.Message:
        return messages.HookFailed(self._place.guid, intent.token, self._describe(error, intent.step), shown(error))

    def _report(self, outcome: messages.Message | None) -> None:
        """Tell how a hook ended, if it has. What has come meanwhile is next."""
        if outcome is None:
            return
        aside, self._set_aside = self._set_aside, None
        if aside:
            self.actor_inbox.put_back([Envelope(each) for each in aside])
        self.intent = None  # before it is told: by then there may be the next one
        self._tell(outcome)

    def _inquire(self, intent: Intent, receipt: Mapping[str, Any] | None) -> messages.Message:
        guid, token = self._place.guid, intent.token
        try:
            manager = self._place.manager()
            outcome = manager.probe(intent, receipt)
            if isinstance(outcome, Ended):
                # What comes before its start is recorded takes effect right after it.
                manager.exited(outcome.code, token=token)
        except TransportLost as error:
            return messages.Unanswered(guid, token, message_of(error))
        except BaseException as error:  # noqa: BLE001 - whatever it is, what became of the attempt is not known
            return messages.Lost(guid, token, message_of(error))
        match outcome:
            case Alive() | Ended():
                return messages.Found(guid, token)
            case NeverBegan():
                return messages.NotBegun(guid, token)
            case Gone(why):
                return messages.Lost(guid, token, told(str(why)))
            case _:  # the code of a type need not keep to its annotation
                return messages.Lost(guid, token, told(f"probe answered {outcome!r}"))  # type: ignore[unreachable]

    def _call(self, name: str, act: Callable[[ResourceManager], None]) -> None:
        """Call what is no step: there is nothing to report but that it failed."""
        try:
            act(self._place.manager())
        except BaseException as error:  # noqa: BLE001 - as for a hook
            described, raised = self._describe(error, name), shown(error)
            self._tell(messages.FailedByItself(self._place.guid, described, None, raised=raised))

    def _describe(self, error: BaseException, step: str) -> dict[str, Any]:
        """What the log keeps of an exception: no secrets, for one."""
        return {
            "type": type(error).__name__,
            "message": message_of(error),
            "step": str(step),
            "traceback": traceback_of(error),
        }

    def on_failure(self, *exc_info: Any) -> None:
        """Our own code failed: the resource must not be waited for in silence."""
        error = {"type": "EngineBug", "message": f"its actor failed: {message_of(exc_info[1])}"}
        self._tell(messages.FailedByItself(self._place.guid, error, None))


def _own(receipts: Mapping[Step, Any]) -> Mapping[Step, Any]:
    """Receipts for a manager, whose code may change them."""
    return {step: copied(receipt) for step, receipt in receipts.items()} if receipts else receipts


def _checked(awaited: object) -> Awaited:
    if not isinstance(awaited, Awaited):
        raise UsageError(
            f"a hook yields what it waits for, an engine.Awaited, and not {awaited!r}; it returns its receipt"
        )
    return awaited


def _check_receipt(receipt: object, where: str) -> None:
    if not isinstance(receipt, dict):
        raise UsageError(f"{where} is a {type(receipt).__name__}; return a dict of plain values, or nothing")
    check_plain(receipt, where)


class Crew:
    """By guid, the managers, the actors that run their hooks, and what these are at.

    Only the coordinator calls it, in its turns, so it needs no lock.

    Args:
        world: what the log says of them; only read.
        port: what the managers are given.
        limiter: how many hooks run at once, and where.
        tell: how the actors report.
        make_lock: where locks come from.
    """

    def __init__(
        self,
        world: World,
        port: Port,
        limiter: Limiter,
        tell: Callable[[messages.Message], None],
        make_lock: Callable[[], AbstractContextManager[object]],
    ) -> None:
        self._world = world
        self._port = port
        self._limiter = limiter
        self._tell = tell
        self._make_lock = make_lock
        self._places: dict[int, Place] = {}
        self._actors: dict[int, ResourceActor] = {}
        self._to_run: list[Lane] = []
        self._unwanted: list[Lane] = []
        self._curious: dict[str, bool] = {}  # by type
        self._met: dict[int, set[int]] = {}  # of those whose type wants to know, to whom they know they are connected

    def place(self, guid: int) -> Place:
        """Where the manager of a resource is."""
        place = self._places.get(guid)
        if place is None:
            resource = self._world.resources[guid]
            place = self._places[guid] = Place(resource, self._world.values(resource), self._port, self._make_lock())
        return place

    def linked(self, guid: int, rtype: str) -> list[Place]:
        """Those connected to it that are of a type, or of one that extends it."""
        return [self.place(other) for other in self._linked(guid, rtype)]

    def linked_places(self, guid: int, rtype: str) -> list[Place] | None:
        """The same, from any thread; None if some of them have no place yet, which only a turn can make."""
        linked = self._linked(guid, rtype)
        places = [place for other in linked if (place := self._places.get(other)) is not None]
        return places if len(places) == len(linked) else None

    def _linked(self, guid: int, rtype: str) -> list[int]:
        resources, types = self._world.resources, self._world.types
        return [it for it in list(resources[guid].connections) if rtype in types[resources[it].rtype].lineage]

    def run(self, effect: Run) -> None:
        """Have a hook called, once `go_on` is."""
        attempt = effect.attempt
        actor = self._actor(effect.guid)
        actor.lane.set_urgent(urgent=attempt.step in _UNDO)
        actor.intent = intent = Intent(attempt.token, attempt.step, latch(), actor)
        actor.lane.add(Envelope(intent))
        self._to_run.append(actor.lane)

    def probe(self, effect: Probe) -> None:
        """Have an attempt of an earlier controller asked after."""
        actor = self._actor(effect.guid)
        actor.inquiry = intent = Intent(effect.attempt.token, effect.attempt.step, latch())
        actor.tell(Inquire(intent, effect.receipt))

    def cancel(self, guid: int) -> None:
        """Tell the hook that runs that its result is no longer wanted. One that waits for a worker is not called."""
        actor = self._actors.get(guid)
        intent = None if actor is None else actor.intent or actor.inquiry
        if actor is not None and intent is not None:
            intent.cancel()
            actor.lane.set_urgent(urgent=True)
            self._unwanted.append(actor.lane)

    def go_on(self) -> None:
        """Have all begin that are to run, and let others have the places of those whose result is no longer wanted.

        Once all of a turn are known: a place must not go to one whose turn it is to be cancelled next.
        """
        to_run, self._to_run = self._to_run, []
        unwanted, self._unwanted = self._unwanted, []
        if to_run:
            self._limiter.came(to_run)
        if unwanted:
            self._limiter.excuse(unwanted)

    def give_up(self, guid: int) -> None:
        """Leave the hook that runs to itself: what comes next has a fresh manager, as after a crash."""
        self.cancel(guid)
        for kept in (self._places, self._met, self._actors):
            kept.pop(guid, None)

    def changed(self, guid: int, name: str, old: Any, new: Any) -> None:
        """Tell a manager, if there may be one already, that an attribute has another value."""
        if guid in self._places:
            self._actor(guid).tell(Changed(name, copied(old), copied(new)))

    def connected(self, guid: int, other: int, *, made: bool) -> None:
        """Tell a manager of a connection that is made or gone, if it has been told of any."""
        known = self._met.get(guid)
        if known is not None and made is not (other in known):
            self._introduce(guid, other, made=made)

    def _introduce_all(self, guid: int) -> None:
        """Tell a manager of its connections, if its type wants to know."""
        resource = self._world.resources[guid]
        if resource.rtype not in self._curious:
            self._curious[resource.rtype] = _wants_to_know(resource.rtype)
        if self._curious[resource.rtype]:
            self._met[guid] = set()
            for other in resource.connections:
                self._introduce(guid, other, made=True)

    def _introduce(self, guid: int, other: int, *, made: bool) -> None:
        known = self._met[guid]
        (known.add if made else known.remove)(other)
        self._actors[guid].tell(Met(self.place(other), made))

    def forget(self, guid: int) -> None:
        """Let a resource be gone."""
        self.give_up(guid)

    def close(self) -> None:
        """Let nothing more begin: an actor of which nobody knows is never heard of again."""
        for actor in self._actors.values():
            for intent in (actor.intent, actor.inquiry):
                if intent is not None:
                    intent.cancel()

    def _actor(self, guid: int) -> ResourceActor:
        actor = self._actors.get(guid)
        if actor is None or actor.actor_stopped.is_set():
            actor = self._actors[guid] = ResourceActor(Lane(self._limiter), self.place(guid), self._tell)
            actor.begin()
            self._introduce_all(guid)
        return actor


def _wants_to_know(rtype: str) -> bool:
    """Whether a type has code for its connections."""
    try:
        resource_type = ResourceFactory.get_resource_type(rtype)
    except ExperimentError:
        return False  # whoever calls its hooks will say so
    return resource_type.overrides("on_connect") or resource_type.overrides("on_disconnect")
