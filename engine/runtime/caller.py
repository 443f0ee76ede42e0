"""The line of the user's script that calls."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from typing import Final

_ENGINE: Final = os.path.dirname(os.path.dirname(__file__)) + os.sep  # noqa: PTH120 - compared with each frame's file
_LONGEST: Final = 200


def call() -> tuple[str, str]:
    """The function of the engine that its nearest caller outside has called, and where, as ``"script.py:12"``.

    The place is "" if the caller is a command of netreel. A file below the working directory is named from there.
    """
    frame = sys._getframe(1)  # `inspect` has the same, at a hundred times the cost
    name = ""
    while frame.f_code.co_filename.startswith(_ENGINE):
        if frame.f_back is None:
            return name, ""
        name, frame = frame.f_code.co_name, frame.f_back
    if frame.f_globals.get("__name__", "").startswith("replay."):
        return name, ""
    return name, f"{_shown(frame.f_code.co_filename)}:{frame.f_lineno}"


def place(file: str, line: int) -> str:
    """A line of a file, as a call there is told."""
    return f"{_shown(file)}:{line}"


def is_ours(file: str) -> bool:
    """Whether code is that of the engine."""
    return file.startswith(_ENGINE)


@lru_cache(maxsize=256)
def _shown(file: str) -> str:
    """How a file is named: as the log takes it, and its end if it is long."""
    try:
        below = os.path.relpath(file)
    except (OSError, ValueError):  # the working directory is gone, or the name is none
        below = file
    name = file if below.startswith(os.pardir) else below
    return name.encode("utf-8", "backslashreplace").decode()[-_LONGEST:]
