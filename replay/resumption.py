"""A script that is run again, and goes on where it was when its controller died.

What the logs of its runs hold of its calls is answered from there (`engine.past`); the first call that they do not hold
takes the run over.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import chdir, contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from msgspec import Struct

import eventlog
from engine import journal
from engine.core.errors import BadState, UsageError
from engine.core.events import ControllerOpened, RunClosed
from engine.past import Past, PastRun
from engine.runtime import script
from replay.main import run_as_main
from replay.traces import Traces
from replay.views import fold

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator

    from engine.core.events import Entry
    from engine.rm.traces import Readable

_KEY: Final = "script"


class Origin(Struct, frozen=True):
    """The script that made a run, as its log has it.

    Attributes:
        token: which run of the script it was.
        path: its file.
        module: its name, if it was run as a module.
        args: what it was given.
        cwd: where it ran.
        python: the interpreter, as `sys.executable` named it.
        sha256: of its text then.
    """

    token: str
    path: Path
    module: str | None
    args: tuple[str, ...]
    cwd: Path
    python: str
    sha256: str

    @classmethod
    def of(cls, run_dir: Path, told: dict[str, Any] | None) -> Self:
        """The script that a run tells of.

        Raises:
            BadState: it tells of none.
        """
        if told is None or "path" not in told:
            raise BadState(
                f"{run_dir} was made by no script that could be run again, such as a session at a prompt or a saved "
                f"description; reconnect goes on with it"
            )
        plain = {name: told[name] for name in ("token", "module", "python", "sha256")}
        return cls(path=Path(told["path"]), args=tuple(told["args"]), cwd=Path(told["cwd"]), **plain)

    def check(self) -> None:
        """See that it can be run again.

        Raises:
            UsageError: its file is gone, or where it ran.
        """
        for path, what in ((self.path, "the script"), (self.cwd, "the directory that it ran in")):
            if not path.exists():
                raise UsageError(f"{what}, {path}, is gone; put it back, or go on without it: reconnect")

    def has_changed(self) -> bool:
        """Whether its text is another one by now."""
        return hashlib.sha256(self.path.read_bytes()).hexdigest() != self.sha256

    @contextmanager
    def surroundings(self) -> Iterator[None]:
        """Be where it ran, under the interpreter's name that it knew: scripts put that into commands."""
        before = sys.executable
        with chdir(self.cwd):
            sys.executable = self.python
            try:
                yield
            finally:
                sys.executable = before


def resume(run_dir: str | os.PathLike[str], *, accept: bool = False) -> None:
    """Run the script of a run again, from the top, in this process: it goes on where it was.

    What its log holds of its calls is answered from the log, and what is new is done. Its environment is that of this
    process.

    Args:
        run_dir: the directory of the run; of several that the script made, any of them.
        accept: whether the script may make other calls than it did where only its end, such as the release, was left.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        BadState: no script made it, it is over, somebody is in charge of it, or another netreel wrote it.
        UsageError: the script is gone.
        ScriptDiverged: the script makes other calls than it did.
        Exception: what the script raises.
    """
    origin = origin_of(Path(run_dir))
    origin.check()
    with resuming(run_dir, accept=accept), origin.surroundings():
        run_as_main(origin.path, origin.args, origin.module)


def origin_of(run_dir: Path) -> Origin:
    """The script that made a run.

    Raises:
        NoLog, Corrupt, WrongVersion: the log cannot be read.
        BadState: none that could be run again did.
    """
    return Origin.of(run_dir, _told(_opening(run_dir)))


@contextmanager
def resuming(run_dir: str | os.PathLike[str], *, accept: bool = False) -> Iterator[None]:
    """Within this, controllers are those of the script that made a run, and go on where it was.

    For a program that has its script as a function; see `resume`.
    """
    with playing_back(run_dir, accept=accept) as past:
        try:
            yield
        except SystemExit:
            past.check_told()
            raise
        past.check_told()


@contextmanager
def playing_back(run_dir: str | os.PathLike[str], *, accept: bool = False) -> Iterator[Past]:
    """The same, for who sees for himself whether all calls were made again: `Past.check_told`."""
    path = Path(run_dir).absolute()
    told = _told(_opening(path))
    if told is None:
        raise BadState(f"{path} does not tell which script made it; reconnect goes on with it")
    runs = _runs_of(path, told["token"])
    _check_may(path, runs)
    past = Past(told["token"], runs, accept=accept)
    known = {name: value for name, value in told.items() if name not in ("token", "controller")}
    past.script = script.Script(told["token"], past, runs[-1].number, lambda: script.described() or known)
    with script.playing(past.script):
        yield past


def _check_may(path: Path, runs: list[PastRun]) -> None:
    """Refuse what cannot be gone on with, before any of it is run."""
    if all(isinstance(run.entries[-1].event, RunClosed) for run in runs):
        raise BadState(f"{path} is over: its controller released everything and was shut down; there is nothing to do")
    for run in runs:
        holder = eventlog.holder(run.run_dir)
        if holder is not None:
            raise BadState(
                f"{run.run_dir} has a controller, pid {holder.get('pid')} on {holder.get('host')} since "
                f"{holder.get('since')}; end that one first, with one Ctrl-C where it runs"
            )
        _check_version(run)


def _check_version(run: PastRun) -> None:
    """The calls that one method comes to are not promised to be the same in another version."""
    event = run.entries[0].event
    assert isinstance(event, ControllerOpened)
    wrote = event.holder.get("netreel")
    if wrote != version("netreel"):
        raise BadState(
            f"{run.run_dir} was begun by netreel {wrote}, and this is {version('netreel')}: resume it with the former, "
            f"or go on without its script: reconnect"
        )


# --- the runs of a script -----------------------------------------------------------------------------------------


def _runs_of(path: Path, token: str) -> list[PastRun]:
    """The runs that the same script made, in their order.

    Raises:
        UsageError: one of them is not there.
    """
    found = [_past_run(other) for other in _same_home(path) if _token(other) == token]
    found.sort(key=lambda run: run.number)
    expected = range(found[0].number, found[0].number + len(found))
    missing = set(expected) - {run.number for run in found}
    if missing:
        raise UsageError(
            f"the script has made more runs than there are below {path.parent.parent}: that of its controller "
            f"{min(missing)} is missing; put it back, or go on without the script: reconnect"
        )
    return found


def _same_home(path: Path) -> list[Path]:
    return [path, *(log.parent for log in path.parent.parent.glob("*/*/log") if log.parent != path)]


def _token(path: Path) -> str | None:
    with suppress(eventlog.LogError, BadState, OSError):  # what cannot be read, or is empty, is no run of this script
        return (_told(_opening(path)) or {}).get("token")
    return None


def _opening(path: Path) -> Entry:
    """The first event of a run.

    Raises:
        BadState: there is none.
    """
    with eventlog.open(path) as log:
        record = next(log.read(), None)
    if record is None:
        raise journal.nothing_in(path)
    return journal.to_entry(record)


def _told(opening: Entry) -> dict[str, Any] | None:
    event = opening.event
    return event.holder.get(_KEY) if isinstance(event, ControllerOpened) else None


def _past_run(path: Path) -> PastRun:
    with eventlog.open(path) as log:
        entries = [journal.to_entry(record) for record in log.read()]
    told = _told(entries[0])
    assert told is not None
    return PastRun(path, told["controller"], entries, _finder(path))


def _finder(path: Path) -> Callable[[int, str], Readable]:
    """Finds whoever has a trace of a run that nobody is in charge of."""

    def find(guid: int, name: str) -> Readable:
        with eventlog.open(path) as log:
            traces = Traces(path, fold(path, log))
        return traces.source(traces.find(guid), name)

    return find
