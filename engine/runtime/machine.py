"""What a controller asks of the machine that it runs on: the seam at which the simulation puts a world of its own.

Everything that differs from one run of the same program to the next comes from here: the time, the order in which
things happen, the names of runs and processes, and what is on disk.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING, Any, Protocol

import pykka
from msgspec import Struct

import eventlog
from engine import home
from engine.runtime import script
from engine.runtime.clock import SystemClock
from engine.runtime.pool import Pool

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager
    from pathlib import Path

    from engine.home import Readable
    from engine.runtime.clock import Clock
    from engine.runtime.pool import Workers
    from engine.runtime.script import Script


class Machine(Protocol):
    """Time, threads, names and disk."""

    def clock(self, not_before: int) -> Clock:
        """A clock that shows no time before this one, in ns since 1970."""

    def workers(self, size: int, name: str, initializer: Callable[[], object] | None = None) -> Workers:
        """So many workers at the most, for what the name says; what each of them does first."""

    def future(self) -> pykka.Future[Any]:
        """A future whose `get` lets others go on meanwhile."""

    def lock(self) -> AbstractContextManager[object]:
        """A lock that its holder may take again."""

    def pid(self) -> int:
        """Which process this code is running in."""

    def holder(self) -> dict[str, Any]:
        """The controller in charge, as its log names it: plain values."""

    def script(self) -> Script:
        """The script that makes controllers here."""

    def make_run_dir(self, exp_id: str | None, local_dir: str | os.PathLike[str] | None) -> Path:
        """A new directory for a run; see `engine.home.make_run_dir`."""

    def open_log(self, run_dir: Path) -> AbstractContextManager[Readable]:
        """The log of a run, to read it.

        Raises:
            NoLog: the directory is no run.
        """

    def open_writer(self, run_dir: Path) -> eventlog.Writer:
        """Become the one who writes a run's log; see `eventlog.LogStore.open_writer`."""


class Terms(Struct, frozen=True):
    """On what terms a controller works.

    Attributes:
        clock: where the time comes from, if not from the machine.
        workers: how many hooks may run at once.
        patience: how long a hook may take to return once its result is no longer wanted, in ns.
        machine: what it runs on.
    """

    clock: Clock | None
    workers: int
    patience: int
    machine: Machine


class System:
    """The real one."""

    def clock(self, not_before: int) -> Clock:
        """The system's clock."""
        return SystemClock(not_before)

    def workers(self, size: int, name: str, initializer: Callable[[], object] | None = None) -> Workers:
        """Threads."""
        return Pool(size, name, initializer)

    def future(self) -> pykka.Future[Any]:
        """A future for threads."""
        return pykka.ThreadingFuture()

    def lock(self) -> AbstractContextManager[object]:
        """A lock for threads."""
        return threading.RLock()

    def pid(self) -> int:
        """The number of the process."""
        return os.getpid()

    def holder(self) -> dict[str, Any]:
        """Host, process and versions."""
        return home.holder()

    def script(self) -> Script:
        """The one that this process runs."""
        return script.current()

    def make_run_dir(self, exp_id: str | None, local_dir: str | os.PathLike[str] | None) -> Path:
        """A directory on disk."""
        return home.make_run_dir(exp_id, local_dir)

    def open_log(self, run_dir: Path) -> AbstractContextManager[Readable]:
        """The log in that directory."""
        return eventlog.open(run_dir)

    def open_writer(self, run_dir: Path) -> eventlog.Writer:
        """The log in that directory."""
        return home.open_writer(run_dir)
