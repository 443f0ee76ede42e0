"""Ctrl-C: once lets go of the experiments, twice releases them. SIGTERM lets go of them at once."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Final, Self

from engine.controller import ExperimentController
from engine.failure import ECState
from replay.cli.program import INTERRUPTED, TERMINATED, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

_GRACE: Final = 1.0
"""Seconds after a first Ctrl-C in which a second one counts."""

_LET_GO: Final = "let go"
_RELEASE: Final = "release"


class Interrupts:
    """Stands between Ctrl-C and a script. A context manager, for the main thread.

    A KeyboardInterrupt at once would take a script out of its `with`, which shuts down and so releases everything. So
    the first Ctrl-C only lets go of the controllers, and the script is interrupted after that. A second one within a
    second interrupts it right away, unless it is shutting down already. With no controller in charge, the first one
    does. SIGTERM lets go without waiting for a second one, also of what is being released.

    Args:
        controllers: all that are to be looked after; more may be added at any time.
    """

    def __init__(self, controllers: list[ExperimentController]) -> None:
        self._controllers = controllers
        self._asked = False
        self._terminated = False
        # What the first Ctrl-C comes to. Whoever enters it first decides: `setdefault` is atomic, and a lock could be
        # held by the very code that a signal has interrupted.
        self._decision: dict[None, str] = {}
        self._let_go = False
        self._leaving = threading.Lock()
        self._decided = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        handlers = {signal.SIGINT: self._interrupted, signal.SIGTERM: self._ended}
        self._before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        return self

    def __exit__(self, *exc_info: object) -> None:
        try:
            self._decided.set()
            for thread in self._threads:
                thread.join()
        finally:
            for number, handler in self._before.items():
                signal.signal(number, handler)

    @property
    def status(self) -> int | None:
        """The exit status after SIGTERM or a release that was asked for; None without either."""
        if self._terminated:
            return TERMINATED
        return INTERRUPTED if self.releasing else None

    @property
    def letting_go(self) -> bool:
        """Whether the controllers are being let go, or have been."""
        return self._decision.get(None) == _LET_GO

    @property
    def releasing(self) -> bool:
        """Whether everything is to be released."""
        return self._decision.get(None) == _RELEASE

    def live(self) -> list[ExperimentController]:
        """The controllers that are in charge."""
        return [ec for ec in self._controllers if ec.ecstate in {ECState.RUNNING, ECState.RELEASED}]

    def _interrupted(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler's signature
        """The signal's handler. It runs between any two steps of the main thread."""
        if self._let_go or not (self._asked or self.live()):
            raise KeyboardInterrupt
        if not self._asked:
            self._asked = True
            self._begin(self._wait)
        elif self.releasing:
            say("still releasing; Ctrl-\\ leaves at once, and netreel release goes on later")
        elif self._decision.setdefault(None, _RELEASE) == _RELEASE:
            self._decided.set()
            say("releasing everything")
            if not _is_shutting_down(frame):
                raise KeyboardInterrupt

    def _ended(self, signum: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a handler's signature
        """The handler of SIGTERM."""
        if self._terminated:
            return
        self._terminated = True
        if self._let_go or not self.live():
            raise KeyboardInterrupt
        self._decision[None] = _LET_GO
        self._decided.set()
        self._begin(self._leave)

    def _begin(self, act: Callable[[], None]) -> None:
        """Do something in a thread of its own: the main one may hold a lock that letting go needs."""
        thread = threading.Thread(target=act, name="netreel-interrupt", daemon=True)
        self._threads.append(thread)
        thread.start()

    def _wait(self) -> None:
        """The first Ctrl-C."""
        say("letting go; press Ctrl-C again within a second to release everything instead")
        if not self._decided.wait(_GRACE) and self._decision.setdefault(None, _LET_GO) == _LET_GO:
            self._leave()

    def _leave(self) -> None:
        """Let go, and interrupt the script."""
        with self._leaving:
            if self._let_go:
                return
            for ec in self.live():
                ec.detach()
                ec.shutdown()  # waits for one of the script's that is under way: broken off, it would keep the lock
            self._let_go = True
        signal.pthread_kill(_main_thread(), signal.SIGINT)


def _is_shutting_down(frame: FrameType | None) -> bool:
    """Whether the code that was interrupted is in the middle of a shutdown: to break it off would release less."""
    while frame is not None:
        if frame.f_code is ExperimentController.shutdown.__code__:
            return True
        frame = frame.f_back
    return False


def _main_thread() -> int:
    ident = threading.main_thread().ident
    assert ident is not None, "the main thread has begun"
    return ident
