"""A bench for resource types: their hooks are called as the engine calls them, crashes included, without an engine."""

from __future__ import annotations

import threading
from collections.abc import Generator
from concurrent.futures import Future, wait
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

import msgpack
import pytest

from engine.core.states import DEPLOYMENT, TRANSITIONS, Step
from engine.core.values import check_plain
from engine.rm.awaited import wait_for
from engine.rm.base import Intent
from engine.testing.fakes import FakePort

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from typing import TypeVar

    from engine.rm.base import Receipt, ResourceManager, Result
    from engine.rm.outcomes import Outcome
    from engine.testing.fakes import Told

    _T = TypeVar("_T")

PATIENCE: Final = 20.0
"""Seconds after which a test that waits to be told something gives up."""


class Bench:
    """Some resources and whoever is in charge of them.

    Attributes:
        port: what the managers of the present controller see. A crash makes another one, so that nobody hears any more
            what the managers of the old one still tell.
        subjects: by guid.
    """

    def __init__(self, run_dir: Path) -> None:
        self.port = FakePort(run_dir)
        self.subjects: dict[int, Subject] = {}
        self._tokens = 0

    def add(self, description: ResourceManager, connected_to: Iterable[Subject] = ()) -> Subject:
        """Put a resource on the bench."""
        subject = Subject(self, len(self.subjects) + 1, description)
        self.subjects[subject.guid] = subject
        for other in connected_to:
            self.port.connections[subject.guid].append(other.guid)
            self.port.connections[other.guid].append(subject.guid)
        self._bind(subject)
        return subject

    def crash(self) -> None:
        """The controller dies. Another one has what is in the log: attributes, tokens and receipts."""
        old = self.port
        self.port = FakePort(
            old.run_dir, old.epoch + 1, states=old.states, connections=old.connections, disabled=old.disabled
        )
        for subject in self.subjects.values():
            self._bind(subject)

    def new_token(self) -> str:
        """The name of another attempt."""
        self._tokens += 1
        return f"bench-{self._tokens}"

    def clear(self) -> None:
        """Release everything, the latest first."""
        for subject in reversed(self.subjects.values()):
            subject.perform(Step.RELEASE)

    def _bind(self, subject: Subject) -> None:
        bind, values = type(subject.description).bind, subject.description.given()
        made = bind(subject.guid, values, self.port, dict(subject.receipts), dict(subject.tokens))
        self.port.managers[subject.guid] = made


class Subject:
    """A resource on the bench.

    Attributes:
        guid: its number.
        description: what it was made from.
        receipts: what its hooks returned, as they come back from a log.
        tokens: the latest attempts.
    """

    def __init__(self, bench: Bench, guid: int, description: ResourceManager) -> None:
        self.guid = guid
        self.description = description
        self.receipts: dict[Step, Any] = {}
        self.tokens: dict[Step, str] = {}
        self._bench = bench

    @property
    def manager(self) -> ResourceManager:
        """Its manager under the present controller, which knows what is in the log."""
        manager = self._bench.port.managers[self.guid]
        manager.brief(dict(self.receipts), dict(self.tokens))
        return manager

    def perform(
        self, step: Step, token: str | None = None, *, lose_receipt: bool = False, cancelled: bool = False
    ) -> Receipt:
        """Call a hook, on a thread of its own.

        Args:
            step: which one.
            token: of the attempt; a new one by default.
            lose_receipt: the controller dies before the receipt is in the log. Call `Bench.crash` next.
            cancelled: the result is no longer wanted from the beginning.

        Returns:
            What it returned, as it comes back from a log.

        Raises:
            UsageError: what it returned cannot be logged.
            AssertionError: what it returned is no receipt.
        """
        intent = Intent(token or self._bench.new_token(), step)
        if cancelled:
            intent.cancel()
        self.tokens[step] = intent.token
        manager = self.manager
        receipt = _beside(f"{step} of {manager.rtype}", lambda: _received(getattr(manager, step)(intent)))
        assert receipt is None or type(receipt) is dict, f"{step} of {manager.rtype} returned {receipt!r}, not a dict"
        check_plain(receipt, f"the receipt of {manager.rtype}.{step}")
        if not lose_receipt:
            self._enter(step, receipt)
        return self.receipts.get(step)

    def deploy(self) -> None:
        """Walk it up to READY."""
        for step in DEPLOYMENT:
            self.perform(step)

    def probe(self, step: Step, token: str | None = None) -> Outcome:
        """Ask what became of an attempt: of the latest one, or of that token."""
        intent = Intent(token or self.tokens[step], step)
        manager = self.manager
        return _beside(f"the probe of {manager.rtype}", lambda: manager.probe(intent, self.receipts.get(step)))

    def wait_told(self) -> Told:
        """What is told next of its end. The test fails if nothing is."""
        try:
            told = self._bench.port.told.get(timeout=PATIENCE)
        except Empty:
            pytest.fail(f"the end of #{self.guid} {self.description.rtype} was not told within {PATIENCE:g} s")
        assert told.guid == self.guid, f"{told} is not about #{self.guid} {self.description.rtype}"
        return told

    def _enter(self, step: Step, receipt: Receipt) -> None:
        self.receipts[step] = msgpack.unpackb(msgpack.packb(receipt))
        states = self._bench.port.states
        states[self.guid] = TRANSITIONS[states[self.guid]].get(step, states[self.guid])


def _received(result: Result) -> Receipt:
    return wait_for(result) if isinstance(result, Generator) else result


def _beside(what: str, act: Callable[[], _T]) -> _T:
    """Call it on another thread, as the engine does; the test fails if it hangs."""
    outcome: Future[_T] = Future()

    def run() -> None:
        try:
            outcome.set_result(act())
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            outcome.set_exception(error)

    threading.Thread(target=run, name="bench", daemon=True).start()
    if not wait([outcome], PATIENCE).done:
        pytest.fail(f"{what} has not returned within {PATIENCE:g} s")
    return outcome.result()
