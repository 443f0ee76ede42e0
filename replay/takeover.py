"""From a log back to a running experiment. The only module of replay that knows the runtime."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.controller import ExperimentController

if TYPE_CHECKING:
    import os


def reconnect(run_dir: str | os.PathLike[str]) -> ExperimentController:
    """Take over a run whose controller is gone; see `ExperimentController.reconnect`."""
    return ExperimentController.reconnect(run_dir)
