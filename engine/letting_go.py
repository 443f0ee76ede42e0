"""A script that ends without `shutdown` lets its experiments go on, and says how to come back."""

from __future__ import annotations

import atexit
import sys
import weakref
from typing import TYPE_CHECKING, Final

from engine import home
from engine.core.errors import ExperimentError
from engine.core.states import ENDS, ResourceState
from engine.failure import ECState
from eventlog import LogError

if TYPE_CHECKING:
    from engine.controller import ExperimentController
    from engine.core.world import Resource

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
        if ec._calls.is_live and ec.ecstate in {ECState.RUNNING, ECState.FAILED} and ec._session.is_mine:
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


def _goes_on(resource: Resource) -> bool:
    return resource.state not in ENDS and (resource.group is not None or resource.state is ResourceState.STARTED)


def _called(ec: ExperimentController) -> str:
    """How the command finds a run: by its id only where it looks by default."""
    return ec.run_id if ec.local_dir == home.default_local_dir() else str(ec.run_dir)
