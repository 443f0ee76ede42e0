"""Who is writing a log."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from eventlog._log import open_directory
from eventlog._reader import LOCK

if TYPE_CHECKING:
    import os


def holder(run_dir: str | os.PathLike[str]) -> dict[str, Any] | None:
    """Who is writing the log of a run at this moment. Nothing is locked or written to find out.

    Returns:
        What the writer said about itself (`pid`, `host`, `since`, `holder`; empty if that cannot be read); None if
        nobody is writing.

    Raises:
        NoLog: The directory is not that of a run.
    """
    with closing(open_directory(run_dir)) as directory:
        return directory.holder(LOCK) if directory.locked(LOCK) else None
