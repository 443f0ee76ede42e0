"""Becoming the controller of a run whose controller is gone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine import home
from engine.rm.registry import ResourceFactory

if TYPE_CHECKING:
    from pathlib import Path

    import eventlog
    from engine.core.world import World
    from engine.runtime.machine import Machine


def take_log(run_dir: Path, machine: Machine) -> tuple[World, eventlog.Writer]:
    """Become the one who writes the log of a run whose controller is gone; the world as it is.

    Raises:
        NoLog, Locked, Corrupt: see `engine.home.load` and `engine.home.open_writer`.
        BadState: the run is over, or has no event.
        UnknownResourceType: a type is not installed. The run is let go.
    """
    home.load(run_dir, machine.open_log)  # refuses what cannot be taken over before a byte of it is touched
    writer = machine.open_writer(run_dir)
    try:
        world = home.load(run_dir, machine.open_log)  # its controller may have written more before the lock
        for info in world.types.values():
            ResourceFactory.get_resource_type(info.rtype)
    except BaseException:
        writer.abandon()
        raise
    return world, writer
