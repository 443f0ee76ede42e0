"""Warnings about what a script does, at the line of the script."""

from __future__ import annotations

import sys
import warnings

from engine.core.errors import ExperimentWarning
from engine.runtime.caller import is_ours


def warn(message: str) -> None:
    """Warn of a call where it is made, however many functions of the engine lie between, such as those of a handle."""
    depth = 1
    while is_ours(sys._getframe(depth).f_code.co_filename):
        depth += 1
    warnings.warn(message, ExperimentWarning, stacklevel=depth + 1)
