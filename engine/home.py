"""Where runs live on disk, and who is in charge of one: ``local_dir/exp_id/run_id``."""

from __future__ import annotations

import os
import platform
import re
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

import eventlog
from engine import journal, snapshots
from engine.core.errors import BadState, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from engine.core.world import World

    OpenLog = Callable[[Path], AbstractContextManager["Readable"]]

EXP_ID: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
"""What the name of an experiment, which is one of a directory, may be."""

BUNDLE: Final = "ro-crate-metadata.json"
"""What is in a copy of a run that was made by `netreel export --to ro-crate`, and in no run."""

_LONGEST: Final = 100
"""Characters in it."""


def default_local_dir() -> Path:
    """Where experiments are kept: ``$NETREEL_HOME``, else ``netreel`` in the XDG state directory."""
    home = os.environ.get("NETREEL_HOME")
    if home:
        return Path(home).absolute()
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "netreel"


def make_run_dir(exp_id: str | None, local_dir: str | os.PathLike[str] | None) -> Path:
    """A new directory for a run, private to its user. Its name sorts by time, and no other run has it.

    Raises:
        UsageError: the experiment's name cannot be one of a directory, or the directory cannot be made.
    """
    exp_id = f"exp-{secrets.token_hex(8)}" if exp_id is None else exp_id
    if not isinstance(exp_id, str) or not EXP_ID.fullmatch(exp_id) or len(exp_id) > _LONGEST:
        shown = repr(exp_id)[:_LONGEST]
        raise UsageError(
            f"exp_id {shown} names a directory: use up to {_LONGEST} of the letters a to z, digits, '.', '_' and '-'"
        )
    if local_dir is not None and not isinstance(local_dir, str | os.PathLike):
        raise UsageError(f"local_dir is the path of a directory, not {local_dir!r}")
    home = default_local_dir() if local_dir is None else Path(local_dir).absolute()
    run_dir = home / exp_id / f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(4)}"
    try:
        run_dir.mkdir(parents=True, mode=0o700)
    except OSError as error:
        raise UsageError(
            f"the directory of the run cannot be made: {error.filename}: {(error.strerror or str(error)).lower()}; "
            f"set local_dir or NETREEL_HOME to one that you may write to"
        ) from None  # a parent that cannot be made is told of once for each directory below it
    return run_dir


def make_directory(path: str | os.PathLike[str]) -> Path:
    """A directory for what the user asked for, made if it is not there.

    Raises:
        UsageError: it cannot be made.
    """
    try:
        Path(path).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"there is no directory {path}, and it cannot be made: {error.strerror}; give one that you may write to"
        ) from error
    return Path(path)


def open_writer(run_dir: Path) -> eventlog.Writer:
    """Become the one who writes a run's log.

    Raises:
        Locked, Corrupt, WriteFailed: see `eventlog.LogStore.open_writer`.
    """
    return eventlog.FileStore(run_dir).open_writer(f"the controller of run {run_dir.name}")


class Readable(Protocol):
    """The log of a run, as it is read."""

    def read(self, after: int = 0) -> Iterator[eventlog.Event]:
        """The events behind seq `after`."""


def load(run_dir: Path, open_log: OpenLog = eventlog.open) -> World:
    """The world at the end of a run's log.

    Args:
        run_dir: the directory of the run.
        open_log: opens its log.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        BadState: the run is over, has no event, or is the copy of one.
    """
    if (run_dir / BUNDLE).exists():
        raise BadState(f"{run_dir} is the copy of a run that may go on: look at it, and take over the run itself")
    with open_log(run_dir) as log:
        world = snapshots.nearest(run_dir, log, None, None)
        world = journal.rebuild(log.read(after=world.seq if world else 0), world)
    if not world.seq:
        raise journal.nothing_in(run_dir)
    if world.closed:
        raise BadState(
            f"{run_dir} is over: its controller released everything and was shut down; there is nothing to do"
        )
    return world


def holder() -> dict[str, Any]:
    """This process, as the log names the controller in charge."""
    from importlib.metadata import version  # noqa: PLC0415 - it takes long to load, and who only reads needs it not

    system = os.uname()  # `platform.platform()` starts a program to ask the same
    return {
        "host": system.nodename,
        "pid": os.getpid(),
        "netreel": version("netreel"),
        "python": platform.python_version(),
        "system": f"{system.sysname} {system.release} {system.machine}",
    }
