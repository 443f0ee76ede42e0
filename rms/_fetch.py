"""A trace brought into the directory of the run, within a hook."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from engine.rm import collected, fetching
from rms._patience import until_answered

if TYPE_CHECKING:
    from pathlib import Path

    from engine.rm.base import Intent, ResourceManager


def fetch(intent: Intent, source: ResourceManager, name: str, target: Path) -> None:
    """Fetch a trace into a file of the run's directory, and note that it is there: see `fetching.fetch`.

    Raises:
        NotFetched: there is no such trace, or it is not what was fetched, twice.
        CommandFailed: it cannot be read.
        TransportLost: the host does not answer, and the result is not wanted any more.
    """
    ask = partial(until_answered, intent, source.log)
    reader = fetching.Reader(source, name, ask, partial(fetching.checksum_on_host, source, name))
    collected.note(source.run_dir, source.guid, name, target, fetching.fetch(reader, target))
