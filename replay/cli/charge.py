"""Being in charge: a script or a takeover, with what goes on shown on the terminal, and signals in good hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import letting_go
from engine.controller import on_open
from engine.core.errors import ExperimentError
from eventlog import WriteFailed
from replay.cli import runs, screen
from replay.cli.interrupts import Interrupts
from replay.cli.live import Progress
from replay.cli.program import FAILED, INTERRUPTED, say
from replay.cli.runs import Run

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.controller import ExperimentController
    from replay.cli.runs import Reading


class Charge:
    """Looks after the controllers that are made while something is done.

    Args:
        quiet: show nothing meanwhile.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._controllers: list[ExperimentController] = []
        self._progress = Progress(screen.stderr(), quiet=quiet)
        self._interrupts = Interrupts(self._controllers)

    @property
    def shown(self) -> bool:
        """Whether what happens is to be seen on a terminal."""
        return self._progress.shown

    @property
    def letting_go(self) -> bool:
        """Whether Ctrl-C takes the controllers from whoever uses them."""
        return self._interrupts.letting_go

    def during(self, act: Callable[[], int]) -> int:
        """Do something. At its end no controller is left: those that were not shut down are let go.

        Returns:
            Its exit status, or that of an interrupt, or of a log that could not be written, of which it is told.
        """
        on_open.append(self._opened)
        try:
            with self._progress:
                status = self._interruptible(act)
        except KeyboardInterrupt:
            status = INTERRUPTED
        except WriteFailed as error:  # the run goes on, which is for the caller to tell
            say(str(error))
            status = FAILED
        finally:
            on_open.remove(self._opened)
        asked = self._interrupts.status
        return status if asked is None else asked

    def readings(self) -> list[Reading]:
        """How the runs of all these controllers stand."""
        return [runs.read(Run(ec.run_dir)) for ec in self._controllers]

    def _opened(self, ec: ExperimentController) -> None:
        self._controllers.append(ec)
        letting_go.forget(ec)
        self._progress.watch(ec.run_dir)

    def _interruptible(self, act: Callable[[], int]) -> int:
        with self._interrupts:
            try:
                try:
                    return act()
                finally:
                    self._leave()
            except ExperimentError as error:
                if self.letting_go:
                    raise KeyboardInterrupt from error
                raise

    def _leave(self) -> None:
        for ec in [] if self.letting_go else self._interrupts.live():
            if self._interrupts.releasing:
                ec.shutdown()
            else:
                ec.detach()
