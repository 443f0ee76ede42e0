"""How an experiment ends: what may be left of it, and why its script came to an end."""

from __future__ import annotations

import os
import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from engine.core import decide, events
from engine.core.kernel import NEVER_RETURNED
from engine.core.states import ResourceState, Step
from engine.core.world import EXPERIMENT
from engine.rm.secret import message_of
from engine.runtime import caller

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from engine.core.kernel import Kernel
    from engine.core.world import World


RAISED: Final = "the script raised "
"""What the log's message begins with of an exception that ended a script."""


def left_over(world: World, guids: Iterable[int]) -> list[str]:
    """Those of these that were not undone for certain, each with the reason."""
    resources = (world.resources[guid] for guid in guids if guid in world.resources)
    return [
        f"{decide.describe(resource)}: {resource.error['message']}"
        for resource in resources
        if resource.error is not None and _is_left_over(resource.error)
    ]


def _is_left_over(error: Mapping[str, Any]) -> bool:
    return error.get("step") == Step.RELEASE or error["type"] == NEVER_RETURNED


def close_run(kernel: Kernel) -> None:
    """Say that the run is over, if it is: a release that was interrupted can still be gone on with."""
    if all(resource.state is ResourceState.RELEASED for resource in kernel.world.resources.values()):
        kernel.emit(events.RunClosed(EXPERIMENT))


def told_raised(error: BaseException) -> str:
    """What a script raised, and at which of its lines."""
    kind, message = type(error).__name__, message_of(error)  # which of one that says nothing is its kind
    return f"{RAISED}{kind if message == kind else f'{kind}: {message}'}{_line_of(error)}"


def _line_of(error: BaseException) -> str:
    """The last line of an exception's way that is the user's own."""
    # Not `extract_tb`, which reads the sources: an interrupt meanwhile would leave a file open.
    lines = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__)]
    own = [(file, line) for file, line in lines if is_the_users(file)]
    return f" at {caller.place(*own[-1])}" if own else ""


def is_the_users(file: str) -> bool:
    """Whether code is the user's own: in none of our packages, and in no library."""
    return not file.startswith(_others())


@cache
def _others() -> tuple[str, ...]:
    """How the files begin that are not the user's."""
    import sysconfig  # noqa: PLC0415 - only where something was raised

    ours = (str(Path(__file__).parent.parent / package) for package in ("engine", "eventlog", "replay", "rms"))
    libraries = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return ("<frozen ", *(directory + os.sep for directory in (*ours, *libraries)))
