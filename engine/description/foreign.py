"""Descriptions of other programs: packages announce what reads them, by how the names of the files end."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint
    from pathlib import Path

    from engine.description.model import Description

    Reader = Callable[[str, Path], Description]

GROUP: Final = "netreel.descriptions"
"""The group of entry points: each is called as file names end, and takes the text of a file and its path."""


@cache
def _announced() -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def endings() -> tuple[str, ...]:
    """How names of files end that can be read so."""
    return tuple(sorted(entry.name for entry in _announced()))


def reader(path: Path) -> Reader | None:
    """What reads this file; None if nobody announces it."""
    found = next((entry for entry in _announced() if path.name.endswith(entry.name)), None)
    return None if found is None else found.load()
