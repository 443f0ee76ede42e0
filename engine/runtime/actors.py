"""A pykka actor runtime in which an actor takes a thread only while it has messages.

pykka gives every actor a thread. Here actors share the workers of an executor, so ten thousand resources are ten
thousand small objects. The three hooks that this overrides are those that pykka names for implementors of new
runtimes; how a message is handled, and what a failure means, stays pykka's own code.
"""

from __future__ import annotations

import sys
import threading
from abc import ABC, abstractmethod
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import pykka
from pykka._envelope import Envelope

from engine.runtime.latch import latch

if TYPE_CHECKING:
    from collections.abc import Callable

    from pykka import ActorRef, Future

    from engine.runtime.pool import Executor


_T = TypeVar("_T")


class MailboxEmpty(Exception):
    """Nothing is left to handle for now."""


class AtOnce:
    """Runs a job in the thread that has it."""

    def submit(self, job: Callable[[], None]) -> None:
        """Run it."""
        job()


class Inbox(ABC):
    """The messages of a pooled actor. Where it gets a worker from is what kinds of them differ in.

    Nobody ever waits at it for anybody: threads that do hand the interpreter to each other for each message, which
    takes far longer than the message. What is done to the list of envelopes is one step of the interpreter each.
    """

    __slots__ = ("_actor", "_closed", "_envelopes", "_left")

    def __init__(self) -> None:
        self._envelopes: list[Envelope[Any]] = []  # no deque: one takes 600 bytes, and most hold one message or none
        self._left = 0
        self._closed = False
        self._actor: PooledActor | None = None

    def attach(self, actor: PooledActor) -> None:
        """Begin to deliver. The inbox is what keeps its actor alive."""
        self._actor = actor

    def put(self, envelope: Envelope[Any]) -> None:
        """Take a message, and have the actor run if it does not already."""
        self.add(envelope)
        if self._envelopes:
            self.ask_for_shift()

    def add(self, envelope: Envelope[Any]) -> None:
        """Take a message; that the actor runs is seen to by whoever adds it."""
        self._envelopes.append(envelope)
        if self._closed:
            self._refuse_all()

    def put_back(self, envelopes: list[Envelope[Any]]) -> None:
        """Have these be next; by the actor, in its shift."""
        self._envelopes[:0] = envelopes

    def get(self) -> Envelope[Any]:
        """The next message of this shift.

        Raises:
            MailboxEmpty: there is none, or it is the turn of others.
        """
        if self._left == 0 or not self._envelopes:
            raise MailboxEmpty
        self._left -= 1
        return self._envelopes.pop(0)

    def take_all(self) -> list[Envelope[Any]]:
        """All messages that are there."""
        taken = self._envelopes.copy()
        del self._envelopes[: len(taken)]
        return taken

    def empty(self) -> bool:
        """Whether nothing is there."""
        return not self._envelopes

    @abstractmethod
    def ask_for_shift(self) -> None:
        """Have the actor run soon, unless it runs: then it is seen to at the end of its shift."""

    def shift(self) -> Callable[[], None]:
        """What the worker does."""
        assert self._actor is not None
        return self._actor.run_shift

    def begin_shift(self) -> None:
        """The actor has a worker."""
        self._left = 0 if self._actor is None else self._actor.batch

    @abstractmethod
    def end_shift(self) -> None:
        """The actor gives its worker back, and gets in line again if there is more to do."""

    def drain(self) -> None:
        """Let pykka's tear-down see all that is left."""
        self._left = sys.maxsize

    def close(self) -> None:
        """Refuse what comes from now on. Who asked while the actor stopped is answered, too."""
        self._closed = True
        self._refuse_all()

    def _refuse_all(self) -> None:
        """By whoever has closed it, and by each who comes after that."""
        with suppress(IndexError):
            while True:
                _refuse(self._envelopes.pop())


class Mailbox(Inbox):
    """Hands its actor to an executor when the first message comes.

    Args:
        executor: where the actor runs.
    """

    __slots__ = ("_executor", "_shift")

    def __init__(self, executor: Executor) -> None:
        super().__init__()
        self._executor = executor
        self._shift = threading.Lock()  # held from when the actor is handed to the executor until it is done
        self._shift.acquire()

    def attach(self, actor: PooledActor) -> None:
        """Begin to deliver."""
        super().attach(actor)
        self.end_shift()

    def ask_for_shift(self) -> None:
        """Have the actor run soon."""
        if self._shift.acquire(blocking=False):
            self._executor.submit(self.shift())

    def end_shift(self) -> None:
        """The actor gives its worker back, and gets in line again if there is more to do."""
        self._shift.release()
        if self._envelopes and not self._closed:
            self.ask_for_shift()


def _refuse(envelope: Envelope[Any]) -> None:
    if envelope.reply_to is not None:
        dead = pykka.ActorDeadError("the actor has stopped")
        envelope.reply_to.set_exception((pykka.ActorDeadError, dead, None))


def ask(ref: ActorRef[Any], message: object, future: Future[_T]) -> _T:
    """Ask an actor, as `ActorRef.ask` does, with a future that is given.

    Raises:
        ActorDeadError: the actor has stopped.
    """
    ref.actor_inbox.put(Envelope(message, reply_to=future))
    return future.get()


class PooledActor(pykka.Actor):
    """An actor that has a worker while there is something in its mailbox."""

    batch: ClassVar[int] = 32
    """How many messages an actor handles before others get its worker."""

    actor_inbox: Inbox

    def __init__(self, inbox: Inbox) -> None:
        # Not pykka's own: it makes an UUID, an event and a reference for each of what may be 100,000 actors.
        self.actor_inbox = inbox
        self.actor_stopped = latch()

    @property
    def actor_urn(self) -> str:  # type: ignore[override]  # pykka sets it once; nobody changes it
        """What pykka's messages call it."""
        return f"urn:netreel:{type(self).__name__}:{id(self)}"

    @cached_property
    def actor_ref(self) -> ActorRef[Self]:
        """The way to tell it something from outside, as pykka has it."""
        return pykka.ActorRef(self)

    def tell(self, message: object) -> None:
        """Have it handle a message, as `ActorRef.tell` does, unless it has stopped."""
        self.actor_inbox.put(Envelope(message))

    @classmethod
    def start(cls, *args: Any, **kwargs: Any) -> ActorRef[Self]:
        """Start an actor. Unlike pykka's own it is not entered in pykka's registry.

        The registry is one list for the whole process: to take ten thousand actors out of it is quadratic, and a
        stranger's `ActorRegistry.stop_all()` would end an experiment.
        """
        actor = cls(*args, **kwargs)
        actor.begin()
        return actor.actor_ref

    def begin(self) -> None:
        """Let an actor that was made handle its messages."""
        self._start_actor_loop()

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        return Mailbox(AtOnce())

    @staticmethod
    def _create_future() -> Future[Any]:
        return pykka.ThreadingFuture()

    def _start_actor_loop(self) -> None:
        self._actor_loop_setup()
        self.actor_inbox.attach(self)

    def _actor_loop_running(self) -> None:
        """Pykka's loop, until nothing is left or it is the turn of others."""
        with suppress(MailboxEmpty):
            super()._actor_loop_running()

    def run_shift(self) -> None:
        """Handle what is in the mailbox, on the worker that calls this."""
        self.actor_inbox.begin_shift()
        try:
            self._actor_loop_running()
            if self.actor_stopped.is_set():
                self.actor_inbox.drain()
                self._actor_loop_teardown()
                self.actor_inbox.close()
        finally:
            self.actor_inbox.end_shift()
