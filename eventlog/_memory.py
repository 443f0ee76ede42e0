"""A log in memory, for tests and simulations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from msgspec import Struct, field

from eventlog._events import Encoder, decode
from eventlog.errors import Locked, WriteFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from eventlog._events import Event


class _Batch(Struct, frozen=True):
    payload: bytes
    first: int
    count: int
    epoch: int


class _Contents(Struct):
    batches: list[_Batch] = field(default_factory=list)
    epoch: int = 0
    last_seq: int = 0
    holder: str | None = None


class MemoryStore:
    """A log that lives as long as this object does.

    Events go through the same bytes as in files, so what is read is a copy, and what files refuse is refused.
    """

    def __init__(self) -> None:
        self._contents = _Contents()

    def read(self, after: int = 0) -> Iterator[Event]:
        """Yield the events behind seq `after`; see `LogStore.read`."""
        for batch in self._contents.batches[:]:
            if batch.first + batch.count > after + 1:
                events = decode(batch.payload, first=batch.first, count=batch.count, epoch=batch.epoch)
                yield from events[max(0, after + 1 - batch.first) :]

    def open_writer(self, holder: str) -> MemoryWriter:
        """Become the one writer; see `LogStore.open_writer`."""
        contents = self._contents
        if contents.holder is not None:
            raise Locked(
                f"the log cannot be written: another writer has it: {contents.holder}",
                holder={"holder": contents.holder},
            )
        contents.holder = holder
        contents.epoch += 1
        return MemoryWriter(contents)


class MemoryWriter:
    """The writer of a `MemoryStore`."""

    def __init__(self, contents: _Contents) -> None:
        self.epoch = contents.epoch
        self.last_seq = contents.last_seq
        self._contents = contents
        self._encoder = Encoder()
        self._open = True

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def append(self, events: Sequence[Event]) -> None:
        """Add events, all or none; see `Writer.append`."""
        if not self._open:
            raise WriteFailed("this writer was closed")
        if not events:
            return
        payload = self._encoder.encode(events, first=self.last_seq + 1, epoch=self.epoch)
        self._contents.batches.append(_Batch(payload, self.last_seq + 1, len(events), self.epoch))
        self.last_seq += len(events)
        self._contents.last_seq = self.last_seq

    def close(self) -> None:
        """End writing, and let others write. Idempotent."""
        if self._open:
            self._open = False
            self._contents.holder = None

    def abandon(self) -> None:
        """The same: memory has no crash to simulate."""
        self.close()
