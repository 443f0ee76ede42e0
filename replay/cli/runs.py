"""Which runs there are, which one is meant, and what its log says."""

from __future__ import annotations

import gc
import re
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

import eventlog
from engine.core.errors import UsageError, nearest
from engine.dates import NS, to_datetime, to_ns
from replay.cli import words
from replay.cli.program import Refused, say
from replay.views import fold, view

if TYPE_CHECKING:
    from engine.core.world import World
    from replay import answers
    from replay.views import Moment

_RUN_ID: Final = re.compile(r"\d{8}T\d{6}\.\d{6}Z-[0-9a-f]{8}")
_SHOWN: Final = 5


class Run(Struct, frozen=True):
    """The directory of a run."""

    path: Path

    @property
    def run_id(self) -> str:
        """Its name, unique and sorted by time."""
        return self.path.name

    @property
    def exp_id(self) -> str:
        """The name of its experiment."""
        return self.path.parent.name

    @property
    def short_id(self) -> str:
        """The last part of its id, which tells it from others well enough for people."""
        return self.run_id.rpartition("-")[2]

    def to_dict(self) -> answers.RunName:
        """Which run it is, for JSON."""
        return {"run_id": self.run_id, "exp_id": self.exp_id, "directory": str(self.path)}

    def called(self, home: Path) -> str:
        """How to name it on a command line: by the last part of its id if it is below `home`."""
        return self.short_id if self.path.resolve().parent.parent == home.resolve() else str(self.path)


# --- which runs there are ---------------------------------------------------------------------------------------


def all_runs(home: Path) -> list[Run]:
    """The runs that are kept below `home`, the newest first.

    Raises:
        Refused: it is a file.
    """
    if home.is_file():
        raise Refused(f"{home} is a file; --home is the directory where experiments are kept")
    found = [Run(path) for exp in _directories(home) for path in _directories(exp) if _may_be_run(path)]
    return sorted(found, key=lambda run: run.run_id, reverse=True)


def _directories(path: Path) -> list[Path]:
    """The directories in a directory. One that cannot be read is told, and does not hide the others.

    Neither an experiment nor a run has a name that begins with a dot: what hosts share has one.
    """
    try:
        return [entry for entry in path.iterdir() if not entry.name.startswith(".") and entry.is_dir()]
    except FileNotFoundError:
        return []
    except OSError as error:
        say(f"{path} is left out: {(error.strerror or str(error)).lower()}")
        return []


def _may_be_run(path: Path) -> bool:
    return _RUN_ID.fullmatch(path.name) is not None or _has_log(path)


def _has_log(path: Path) -> bool:
    return (path / "log").is_dir()


# --- which one is meant -----------------------------------------------------------------------------------------


def find(home: Path, text: str) -> Run:
    """The run that `text` means.

    Args:
        home: where experiments are kept.
        text: a directory, a run id, an experiment id for its latest run, or the beginning of a run id or of its
            last part.

    Raises:
        Refused: none is meant, or several are.
    """
    if not text:
        raise Refused("which run? An empty name is none; netreel ls lists the runs")
    if "/" in text or text in {".", ".."}:
        return _at(Path(text).absolute())
    runs = all_runs(home)
    for matches in (_called(runs, text), _of_experiment(runs, text), _beginning_with(runs, text)):
        if matches:
            return _only(matches, text, home)
    if Path(text).is_dir():
        return _at(Path(text).absolute())
    names = sorted({run.exp_id for run in runs} | {run.run_id for run in runs[:_SHOWN]})
    raise Refused(f"there is no run {text!r} below {home}; {nearest(text, names)}")


def _at(path: Path) -> Run:
    path = path.resolve()
    if _has_log(path):
        return Run(path)
    if not path.exists():
        raise Refused(f"there is no directory {path}; netreel ls lists the runs")
    if not path.is_dir():
        raise Refused(f"{path} is a file; a run is a directory with a log/ in it")
    inside = sorted(entry.name for entry in path.iterdir())
    if not inside:
        raise Refused(f"{path} is empty; a run is a directory with a log/ in it")
    runs = [name for name in inside if _RUN_ID.fullmatch(name) and _has_log(path / name)]
    advice = f"did you mean {path / runs[-1]}?" if runs else "netreel ls lists the runs"
    raise Refused(f"{path} is no run: there is no log/ in it; {advice}")


def _called(runs: list[Run], text: str) -> list[Run]:
    return [run for run in runs if run.run_id == text]


def _of_experiment(runs: list[Run], text: str) -> list[Run]:
    return [run for run in runs if run.exp_id == text][:1]


def _beginning_with(runs: list[Run], text: str) -> list[Run]:
    return [run for run in runs if text and (run.run_id.startswith(text) or run.short_id.startswith(text))]


def _only(matches: list[Run], text: str, home: Path) -> Run:
    if len(matches) == 1:
        return _at(matches[0].path)
    shown = ", ".join(f"{run.run_id} ({run.exp_id})" for run in matches[:_SHOWN])
    more = f" and {len(matches) - _SHOWN} more" if len(matches) > _SHOWN else ""
    raise Refused(f"{text!r} may be any of {len(matches)} runs below {home}: {shown}{more}; give more of its id")


# --- what its log says ------------------------------------------------------------------------------------------


class Reading(Struct, frozen=True):
    """A run as its log tells it.

    Attributes:
        holder: who is in charge, as told by the lock; None if nobody is.
        world: the experiment after the last event that was read.
        torn: what a crash cut short at the end of the log.
    """

    run: Run
    holder: dict[str, Any] | None
    world: World
    torn: eventlog.TornTail | None

    @property
    def charge(self) -> answers.Charge:
        """Who is in charge, in a word: "over", "running" or "gone"."""
        if self.world.closed:
            return "over"
        return "gone" if self.holder is None else "running"

    @property
    def took(self) -> int:
        """How long it has gone on, in ns; of a run without a controller, as far as its log goes."""
        end = time.time_ns() if self.charge == "running" else self.world.time
        return max(0, end - self.world.start)

    def summary(self) -> answers.Summary:
        """The run in a few plain values, for JSON."""
        holder = self.holder or {}
        return {
            **self.run.to_dict(),
            "state": self.charge,
            "aborted": self.world.aborted,
            "pid": holder.get("pid"),
            "host": holder.get("host"),
            "started": to_datetime(self.world.start).isoformat(),
            "seconds": self.took / NS,
            "resources": {state.name: number for state, number in words.counts(self.world).items()},
        }

    def to_dict(self) -> answers.Reading:
        """All of it as plain values, for JSON."""
        return {
            **self.summary(),
            "torn": None if self.torn is None else str(self.torn),
            "experiment": view(self.world).to_dict(),
        }


def read(run: Run, at: Moment | None = None) -> Reading:
    """Read the log of a run, up to a moment if one is given.

    Raises:
        LogError, UsageError: it cannot be read, or holds no event; the moment cannot be, or the log does not reach it.
    """
    # In this order: a controller that shuts down meanwhile is in charge or done, but never gone.
    holder = eventlog.holder(run.path)
    with eventlog.open(run.path) as log:
        return Reading(run, holder, world_in(run, log, at), log.torn)


def world(run: Run, at: Moment | None = None) -> World:
    """The world that the log of a run comes to, and nothing else about it; see `read`."""
    with eventlog.open(run.path) as log:
        return world_in(run, log, at)


def world_in(run: Run, log: eventlog.Log, at: Moment | None) -> World:
    """The same of a log that is open."""
    gc.disable()  # a fold makes a great many objects and no garbage: looking for some takes a quarter of its time
    try:
        return _fold(run, log, at)
    finally:
        gc.freeze()  # nor is there any among these later on
        gc.enable()


def _fold(run: Run, log: eventlog.Log, at: Moment | None) -> World:
    try:
        return fold(run.path, log, at)
    except eventlog.WrongVersion as error:
        if error.path is not None:
            raise
        raise eventlog.WrongVersion(f"{run.path}: {error}", path=run.path) from error


def moment(text: str, option: str = "--at") -> Moment:
    """The moment that an option names: a seq, a time from the start, or a date."""
    if text.isdecimal():
        return int(text)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        to_ns(text)
    except UsageError as error:
        raise Refused(f"{option} takes a seq, a time from the start such as 12.5s, or an ISO date: {error}") from error
    return text
