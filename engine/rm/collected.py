"""Which traces have been fetched into the directory of a run: what is left of them once their hosts were let go.

A file beside the log tells it, in a line of JSON for each. So they are found by whoever reads the run, also after a
takeover, without the type that recorded them and without the one that fetched them.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from engine.rm.fetching import Fetched

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

INDEX: Final = "collected.jsonl"
"""The file in the directory of a run."""


class Collected(Struct, frozen=True):
    """A trace that was fetched. It is read as any other: see `engine.rm.traces.Readable`; its name is not looked at.

    Attributes:
        path: the file that it was fetched into.
        fetched: what it was then.
    """

    path: Path
    fetched: Fetched

    def trace_path(self, name: str) -> str:  # noqa: ARG002
        """Where it is, on this machine."""
        return str(self.path)

    def trace_size(self, name: str) -> int | None:  # noqa: ARG002
        """How many bytes it has; None if somebody has removed it."""
        return self.path.stat().st_size if self.path.exists() else None

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:  # noqa: ARG002
        """Bytes of it; None if somebody has removed it."""
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            file.seek(offset)
            return file.read(-1 if size is None else size)

    def checksum(self, size: int) -> str | None:
        """What it was when it was fetched; it is all that is known."""
        return self.fetched.sha256 if size == self.fetched.size else None


def note(run_dir: Path, guid: int, name: str, path: Path, fetched: Fetched) -> None:
    """Say where in the directory of the run a trace was fetched to. What was said of it before counts no more."""
    entry = {
        "guid": guid,
        "trace": name,
        "path": str(path.relative_to(run_dir)),  # the directory may be moved
        "size": fetched.size,
        "sha256": fetched.sha256,
    }
    # A line begins with its end of line: so what a crash has left of the one before spoils no other.
    line = b"\n" + json.dumps(entry).encode()
    index = os.open(run_dir / INDEX, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(index, line)
        os.fsync(index)
    finally:
        os.close(index)


def read(run_dir: Path) -> Mapping[tuple[int, str], Collected]:
    """What was fetched, by the number of the resource and the name of the trace."""
    try:
        size = (run_dir / INDEX).stat().st_size
    except FileNotFoundError:
        return {}
    return _load(run_dir, size)


@lru_cache(maxsize=4)
def _load(run_dir: Path, size: int) -> Mapping[tuple[int, str], Collected]:
    """What the first `size` bytes say. They never change, and are asked for once for each trace of a run."""
    with (run_dir / INDEX).open("rb") as file:
        lines = file.read(size).splitlines()
    return MappingProxyType({key: kept for line in lines if line for key, kept in _parse(run_dir, line)})


def _parse(run_dir: Path, line: bytes) -> list[tuple[tuple[int, str], Collected]]:
    """What a line says; nothing if a crash has cut it short: then the trace is fetched again."""
    try:
        entry = json.loads(line)
    except ValueError:
        return []
    collected = Collected(run_dir / entry["path"], Fetched(entry["size"], entry["sha256"]))
    return [((entry["guid"], entry["trace"]), collected)]
