"""A disk in memory that loses power, and that fails when it is told to.

It promises no more than POSIX does: what is not synced is lost or kept sector by sector, in any
combination; a new file may be gone until its directory is synced; after a sync that failed, the pages
count as clean although they never reached the disk.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct, field

from eventlog._log import Log
from eventlog._writer import open_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from eventlog._events import Event
    from eventlog._writer import FileWriter

SECTOR: Final = 64
"""Bytes that are written or not as one. Small, so that small frames span several."""

Image = dict[str, bytes]
"""The files of a directory, by name."""


class _Node(Struct):
    """One file.

    Attributes:
        cached: What reading shows.
        durable: What is on the disk for certain.
        lost: Parts of `cached` that no sync writes any more, as (start, end).
        versions: What was written over its beginning since the last sync; any of it may be on the disk.
        entry_durable: Whether the name of the file is on the disk for certain.
    """

    cached: bytes = b""
    durable: bytes = b""
    lost: list[tuple[int, int]] = field(default_factory=list)
    versions: list[bytes] = field(default_factory=list)
    entry_durable: bool = False

    def sync(self) -> None:
        content = bytearray(self.cached)
        for start, end in self.lost:
            content[start:end] = self.durable[start:end].ljust(end - start, b"\0")
        self.durable = bytes(content)
        self.versions.clear()

    def lose(self) -> None:
        """Take the unsynced pages for clean, as the system does after a failed sync."""
        self.lost.append((len(self.durable), len(self.cached)))

    def outcomes(self) -> Iterator[bytes]:
        """What may be found in the file after a loss of power."""
        yield self.durable
        if self.versions:
            yield from self.versions[-2:]
            return
        start, end = len(self.durable), len(self.cached)
        cuts = [start, *range((start // SECTOR + 1) * SECTOR, end, SECTOR), end]
        sectors = [self.cached[low:high] for low, high in itertools.pairwise(cuts)]
        for number in range(1, len(sectors) + 1):
            for kept in itertools.product((True, False), repeat=number):
                yield self.durable + b"".join(
                    sector if keep else bytes(len(sector)) for sector, keep in zip(sectors, kept, strict=False)
                )


class SimFile:
    """A file of a `SimDirectory` that is open for writing."""

    def __init__(self, directory: SimDirectory, name: str) -> None:
        self._directory = directory
        self._name = name
        self._node = directory.nodes[name]

    def write(self, data: bytes | memoryview) -> int:
        written = bytes(data[: self._directory.call("write", self._name)])
        self._node.cached += written
        return len(written)

    def overwrite(self, data: bytes) -> None:
        self._directory.call("overwrite", self._name)
        self._node.cached = data + self._node.cached[len(data) :]
        self._node.versions.append(self._node.cached)

    def sync(self) -> None:
        try:
            self._directory.call("sync", self._name)
        except OSError:
            self._node.lose()
            raise
        self._node.sync()

    def close(self) -> None:
        self._directory.call("close", self._name)


class SimLock:
    """The lock of a `SimDirectory`."""

    def __init__(self, directory: SimDirectory) -> None:
        self._directory = directory

    def in_place(self) -> bool:
        return True

    def release(self) -> None:
        self._directory.lock_holder = None


class SimDirectory:
    """A directory on the simulated disk.

    Args:
        image: The files that are there to begin with, all of them durable.

    Attributes:
        nodes: Its files.
        lock_holder: Who has the lock; None for nobody.
        on_call: Is told of every call before it happens: what is called, and on which file. May raise
            OSError for it to fail; for a write it may return how many bytes are written at most.
    """

    def __init__(self, image: Mapping[str, bytes] | None = None) -> None:
        self.nodes = {name: _Node(data, data, entry_durable=True) for name, data in (image or {}).items()}
        self.lock_holder: dict[str, object] | None = None
        self.on_call: Callable[[str, str], int | None] = lambda _call, _name: None

    path: Final = Path("/simulated/log")

    def call(self, call: str, name: str = "") -> int | None:
        """Tell `on_call`."""
        return self.on_call(call, name)

    def names(self) -> list[str]:
        self.call("names")
        return list(self.nodes)

    def read(self, name: str, start: int, size: int) -> bytes:
        self.call("read", name)
        return self._find(name).cached[start : start + size]

    def size(self, name: str) -> int:
        self.call("size", name)
        return len(self._find(name).cached)

    def create(self, name: str) -> SimFile:
        self.call("create", name)
        if name in self.nodes:
            raise FileExistsError(name)
        self.nodes[name] = _Node()
        return SimFile(self, name)

    def open(self, name: str) -> SimFile:
        self.call("open", name)
        self.nodes.setdefault(name, _Node())
        return SimFile(self, name)

    def settle(self, name: str) -> None:
        self.call("settle", name)
        node = self._find(name)
        node.sync()
        node.cached = node.durable
        node.lost.clear()

    def sync(self) -> None:
        self.call("sync directory")
        for node in self.nodes.values():
            node.entry_durable = True

    def lock(self, name: str, holder: Mapping[str, object]) -> SimLock | None:
        self.call("lock", name)
        if self.lock_holder is not None:
            return None
        self.lock_holder = dict(holder)
        return SimLock(self)

    def locked(self, name: str) -> bool:
        self.call("locked", name)
        return self.lock_holder is not None

    def holder(self, name: str) -> dict[str, Any]:
        self.call("holder", name)
        return dict(self.lock_holder or {})

    def close(self) -> None:
        """Nothing: the disk outlives those who open it."""

    def images(self, most: int | None = None) -> Iterator[Image]:
        """Everything that may be found after a loss of power at this moment, or the first `most` of it."""
        choices = [[(name, outcome) for outcome in _outcomes(node, most)] for name, node in self.nodes.items()]
        for chosen in itertools.islice(itertools.product(*choices), most):
            yield {name: data for name, data in chosen if data is not None}

    def _find(self, name: str) -> _Node:
        try:
            return self.nodes[name]
        except KeyError:
            raise FileNotFoundError(name) from None


def _outcomes(node: _Node, most: int | None) -> list[bytes | None]:
    """What may become of a file; None if it is gone. Of a long one there are more than can be counted."""
    found: list[bytes | None] = list(dict.fromkeys(itertools.islice(node.outcomes(), most)))
    return found if node.entry_durable else [*found, None]


class SimStore:
    """A `LogStore` on a `SimDirectory`."""

    def __init__(self, directory: SimDirectory) -> None:
        self._directory = directory

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield the durable events behind seq `after`; see `LogStore.read`."""
        return Log(self._directory).read(after)

    def open_writer(self, holder: str) -> FileWriter:
        """Become the one writer; see `LogStore.open_writer`."""
        return open_writer(self._directory, holder)
