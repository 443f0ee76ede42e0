"""What a script that runs by itself says at the end of its experiments: that one goes on, failed, or is waited for."""

from __future__ import annotations

import atexit
import sys
import threading
import weakref
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from engine import home
from engine.core import decide
from engine.core.errors import ExperimentError
from engine.core.states import ENDS, ResourceState
from engine.failure import ECState
from eventlog import LogError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from engine.controller import ExperimentController
    from engine.core.world import Resource

_LONG: Final = 5.0
"""Seconds that the release at the end may take without a word."""
_MOST: Final = 3  # resources that are named
_BEGINNING: Final = 200  # characters that are told of a long failure
_END: Final = 100  # and of its end, which may say why

_live: Final[weakref.WeakSet[ExperimentController]] = weakref.WeakSet()


def watch(ec: ExperimentController) -> None:
    """Look at this controller when the process ends."""
    _live.add(ec)


def forget(ec: ExperimentController) -> None:
    """Leave this controller to whoever runs the script."""
    _live.discard(ec)


@atexit.register
def _let_go() -> None:
    for ec in list(_live):
        # In a fork's child the threads are not there, and the experiment is its parent's.
        if ec._calls.is_live and ec.ecstate is not ECState.TERMINATED and ec._session.is_mine:
            _let_one_go(ec)


def _let_one_go(ec: ExperimentController) -> None:
    try:
        running = ec._session.read(lambda world: any(map(_goes_on, world.resources.values())))
    except (LogError, OSError):  # such as a full disk, since which nothing is known that is not in the log
        running = True
    except ExperimentError:
        return
    ec.detach()
    if running:
        sys.stderr.write(
            f"netreel: {ec.exp_id} goes on without its controller; to come back: netreel reconnect {_called(ec)}\n"
        )


def tell_failure(ec: ExperimentController) -> None:
    """Say that an experiment failed, once it is over: a script that only waits for its end would not know.

    Nothing is said of one that a command looks after, which does so itself, or of a simulated one, which has no files.
    """
    if ec not in _live or not ec.run_dir.is_dir():
        return
    failures = ec._session.read(lambda world: decide.failures(world, world.aborted_by))
    if failures:
        told = _shortened(" ".join(str(failures[0]).split()))
        sys.stderr.write(f"netreel: {ec.exp_id} failed: {told}; look at it: netreel show {_called(ec)}\n")


@contextmanager
def telling_of_waits(ec: ExperimentController) -> Iterator[None]:
    """Within, say what is waited for if that takes long: a host that does not answer is waited for without an end."""
    if ec not in _live or not ec.run_dir.is_dir():
        yield
        return
    timer = threading.Timer(_LONG, _tell_wait, (ec,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _tell_wait(ec: ExperimentController) -> None:
    with suppress(ExperimentError, LogError, OSError):
        busy = ec._session.read(lambda world: [_told(each) for each in world.resources.values() if each.attempt])
        more = f" and {len(busy) - _MOST} more" if len(busy) > _MOST else ""
        what = f"{', '.join(busy[:_MOST]) or 'its last steps'}{more}"
        then = f"once this is interrupted, netreel release {_called(ec)} goes on with it"
        sys.stderr.write(f"netreel: the release of {ec.exp_id} waits for {what}; {then}\n")


def _told(resource: Resource) -> str:
    assert resource.attempt is not None
    return f"#{resource.guid} {resource.rtype} ({resource.attempt.doing or resource.attempt.step})"


def _shortened(text: str) -> str:
    """A text of one line, without its middle if it is long; no word is cut in two, unless it has none."""
    if len(text) <= _BEGINNING + _END:
        return text
    beginning, end = text[: _BEGINNING + 1], text[-_END - 1 :]
    return f"{beginning.rpartition(' ')[0] or beginning[:-1]} … {end.partition(' ')[2] or end[1:]}"


def _goes_on(resource: Resource) -> bool:
    return resource.state not in ENDS and (resource.group is not None or resource.state is ResourceState.STARTED)


def _called(ec: ExperimentController) -> str:
    """How the command finds a run: by its id only where it looks by default."""
    return ec.run_id if ec.local_dir == home.default_local_dir() else str(ec.run_dir)
