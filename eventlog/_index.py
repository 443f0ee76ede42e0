"""Where in a segment events begin, so that reading can start in the middle.

The index is advisory: it is not synced, may be removed at any time, and what is read by it is checked all the
same. Each entry has a checksum of its own that is seeded with the salt of the segment.
"""

from __future__ import annotations

import contextlib
import struct
from typing import TYPE_CHECKING, Final
from zlib import crc32

if TYPE_CHECKING:
    from eventlog._disk import Directory, File
    from eventlog._segments import Key, Segment

SPACING: Final = 64 << 10
"""Bytes of the segment from one entry to the next, at least."""

_BODY: Final = struct.Struct("<QQ")  # seq, offset
_ENTRY: Final = struct.Struct("<QQII")  # the same, checksum, zero
_LARGEST: Final = 1 << 20


class IndexWriter:
    """Writes the index of one segment as that grows. A failure ends the index, and nothing else."""

    def __init__(self, directory: Directory, key: Key, salt: int) -> None:
        self._directory = directory
        self._name = key.index_name
        self._salt = salt
        self._file: File | None = None
        self._next = SPACING

    def add(self, seq: int, offset: int) -> None:
        """Say that event `seq` will begin at `offset`, if that is worth an entry."""
        if offset < self._next:
            return
        self._next = offset + SPACING
        body = _BODY.pack(seq, offset)
        with contextlib.suppress(OSError):
            if self._file is None:
                self._file = self._directory.create(self._name)
            self._file.write(body + struct.pack("<II", crc32(body, self._salt), 0))

    def close(self) -> None:
        """Give the file up."""
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()


def find(directory: Directory, segment: Segment, seq: int) -> tuple[int, int]:
    """A frame at or before event `seq`: where it begins, and the seq that it begins with."""
    best = (segment.header_length, segment.key.base)
    if seq <= segment.key.base:
        return best
    try:
        data = directory.read(segment.key.index_name, 0, _LARGEST)
    except FileNotFoundError:
        return best
    for found, offset, checksum, _ in _ENTRY.iter_unpack(data[: len(data) - len(data) % _ENTRY.size]):
        if crc32(_BODY.pack(found, offset), segment.salt) == checksum and found <= seq:
            best = max(best, (offset, found))
    return best
