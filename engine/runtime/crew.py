"""The resource managers and their actors. Both are made when they are first needed."""

from __future__ import annotations

import traceback
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.core import messages
from engine.core.errors import ExperimentError, UsageError
from engine.core.values import check_plain, clip
from engine.rm.base import Intent, ResourceManager
from engine.rm.outcomes import Alive, Ended, Gone, NeverBegan
from engine.rm.registry import ResourceFactory
from engine.runtime.actors import PooledActor

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pykka import ActorRef

    from engine.core.kernel import Probe, Run
    from engine.core.world import World
    from engine.rm.base import Port
    from engine.runtime.pool import Executor


@dataclass(frozen=True, slots=True)
class Perform:
    """Call the hook of the intent's step."""

    intent: Intent


@dataclass(frozen=True, slots=True)
class Inquire:
    """Ask what became of an attempt of a controller that is gone."""

    intent: Intent
    receipt: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Changed:
    """An attribute got another value."""

    name: str
    old: Any
    new: Any


class ResourceActor(PooledActor):
    """Runs the hooks of one resource, one at a time, and reports how they ended."""

    def __init__(self, executor: Executor, manager: ResourceManager, tell: Callable[[messages.Message], None]) -> None:
        super().__init__(executor)
        self._manager = manager
        self._tell = tell

    def on_receive(self, message: Any) -> None:
        """Do what is asked."""
        match message:
            case Perform(intent):
                self._tell(self._perform(intent))
            case Inquire(intent, receipt):
                self._tell(self._inquire(intent, receipt))
            case Changed(name, old, new):
                self._change(name, old, new)

    def _perform(self, intent: Intent) -> messages.Message:
        manager = self._manager
        try:
            receipt = getattr(manager, intent.step)(intent)
            _check_receipt(receipt, f"the receipt of {manager.rtype}.{intent.step}")
        except BaseException as error:
            manager.log.debug("hook failed", step=str(intent.step), exc_info=True)
            return messages.HookFailed(manager.guid, intent.token, describe_error(error, intent.step))
        return messages.HookDone(manager.guid, intent.token, receipt)

    def _inquire(self, intent: Intent, receipt: Mapping[str, Any] | None) -> messages.Message:
        guid, token = self._manager.guid, intent.token
        try:
            outcome = self._manager.probe(intent, receipt)
            if isinstance(outcome, Ended):
                # What comes before its start is recorded takes effect right after it.
                self._manager.exited(outcome.code)
        except BaseException as error:  # noqa: BLE001 - whatever it is, what became of the attempt is not known
            return messages.Lost(guid, token, clip(str(error)) or type(error).__name__)
        match outcome:
            case Alive() | Ended():
                return messages.Found(guid, token)
            case NeverBegan():
                return messages.NotBegun(guid, token)
            case Gone(why):
                return messages.Lost(guid, token, clip(why))
            case _:  # the code of a type need not keep to its annotation
                return messages.Lost(guid, token, clip(f"probe answered {outcome!r}"))  # type: ignore[unreachable]

    def _change(self, name: str, old: Any, new: Any) -> None:
        manager = self._manager
        try:
            manager.set_value(name, old, new)
        except BaseException as error:  # noqa: BLE001 - as for a hook
            self._tell(messages.FailedByItself(manager.guid, describe_error(error, "on_set"), None))


def _check_receipt(receipt: Any, where: str) -> None:
    if receipt is not None and not isinstance(receipt, dict):
        raise UsageError(f"{where} is a {type(receipt).__name__}; return a dict of plain values, or nothing")
    check_plain(receipt, where)


def describe_error(error: BaseException, step: str) -> dict[str, Any]:
    """What the log keeps of an exception."""
    return {
        "type": type(error).__name__,
        "message": clip(str(error)) or type(error).__name__,
        "step": str(step),
        "traceback": clip("".join(traceback.format_exception(error))),
    }


class Crew:
    """By guid, the managers, the actors that run their hooks, and what these are at.

    Only the coordinator calls it, in its turns, so it needs no lock.

    Args:
        world: what the log says of them; only read.
        port: what the managers are given.
        executor: where the hooks run.
        tell: how the actors report.
    """

    def __init__(self, world: World, port: Port, executor: Executor, tell: Callable[[messages.Message], None]) -> None:
        self._world = world
        self._port = port
        self._executor = executor
        self._tell = tell
        self._managers: dict[int, ResourceManager] = {}
        self._actors: dict[int, ActorRef[ResourceActor]] = {}
        self._intents: dict[int, Intent] = {}

    def manager(self, guid: int) -> ResourceManager:
        """The manager of a resource.

        Raises:
            ExperimentError: its type is not there, or its code raised.
        """
        if guid not in self._managers:
            self._managers[guid] = self._make(guid)
            self._brief(guid)
        return self._managers[guid]

    def _make(self, guid: int) -> ResourceManager:
        resource = self._world.resources[guid]
        cls = ResourceFactory.get_resource_type(resource.rtype)
        try:
            return cls(guid, resource.attributes, self._port)
        except Exception as error:
            why = f"{type(error).__name__}: {error}"
            raise ExperimentError(f"the manager of #{guid} {resource.rtype} cannot be made: {why}") from error

    def _brief(self, guid: int) -> None:
        """Show a manager what has come of the steps so far."""
        resource = self._world.resources[guid]
        manager = self._managers[guid]
        manager.receipts = dict(resource.receipts)
        manager.tokens = dict(resource.tokens)

    def linked(self, guid: int, rtype: str) -> list[ResourceManager]:
        """The managers of those connected to it that are of a type, or of one that extends it."""
        return [
            self.manager(other)
            for other in self._world.resources[guid].connections
            if rtype in self._world.types[self._world.resources[other].rtype].lineage
        ]

    def run(self, effect: Run) -> None:
        """Have a hook called."""
        intent = Intent(effect.attempt.token, effect.attempt.step)
        self._intents[effect.guid] = intent
        try:
            actor = self._actor(effect.guid)
        except ExperimentError as error:
            self._tell(messages.HookFailed(effect.guid, intent.token, describe_error(error, intent.step)))
            return
        self._brief(effect.guid)
        actor.tell(Perform(intent))

    def probe(self, effect: Probe) -> None:
        """Have an attempt of an earlier controller asked after."""
        intent = Intent(effect.attempt.token, effect.attempt.step)
        self._intents[effect.guid] = intent
        try:
            self._actor(effect.guid).tell(Inquire(intent, effect.receipt))
        except ExperimentError as error:
            self._tell(messages.Lost(effect.guid, intent.token, clip(str(error))))

    def cancel(self, guid: int) -> None:
        """Tell the hook that runs that its result is no longer wanted."""
        intent = self._intents.get(guid)
        if intent is not None:
            intent.cancel()

    def changed(self, guid: int, name: str, old: Any, new: Any) -> None:
        """Tell a manager, if there is one yet, that an attribute has another value."""
        if guid in self._managers:
            self._actor(guid).tell(Changed(name, old, new))

    def close(self) -> None:
        """Stop the actors."""
        for intent in self._intents.values():
            intent.cancel()
        for actor in self._actors.values():
            actor.stop(block=False)

    def _actor(self, guid: int) -> ActorRef[ResourceActor]:
        actor = self._actors.get(guid)
        if actor is None:
            actor = self._actors[guid] = ResourceActor.start(self._executor, self.manager(guid), self._tell)
        return actor
