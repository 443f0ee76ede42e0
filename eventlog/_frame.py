"""The frame: one append, whole or absent. The layout is in the docstring of the package."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from msgspec import Struct

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

MARKER: Final = b"CMT\x01"
ALIGNMENT: Final = 8

_HEAD: Final = struct.Struct("<4sIQIII")  # marker, payload length, first seq, events, payload CRC, zero
_CRC: Final = struct.Struct("<I")
_HEADER: Final = struct.Struct("<4sIQIIII")  # the same and the CRC of the above
HEADER_LENGTH: Final = _HEADER.size


class Commit(NamedTuple):
    """One intact frame: the events of one append.

    Attributes:
        payload: The encoded events, with the padding behind them taken off.
        first: The seq of the first event.
        number: How many events there are.
        start: Where in the segment the frame begins.
        end: Where it ends.
    """

    payload: memoryview
    first: int
    number: int
    start: int
    end: int


class Stop(Struct, frozen=True):
    """Why a walk over frames came to its end.

    Attributes:
        byte: Where in the segment.
        seq: The seq that the next event has.
        reason: What is wrong with the frame there; empty if there is none.
        tearable: Whether a write that was cut short can leave this.
    """

    byte: int
    seq: int
    reason: str = ""
    tearable: bool = True


def frame(payload: bytes, *, first: int, count: int, salt: int) -> bytes:
    """The bytes of one frame, ready to be written at a multiple of eight."""
    padded = payload + bytes(-len(payload) % ALIGNMENT)
    head = _HEAD.pack(MARKER, len(payload), first, count, crc32(padded), 0)
    return b"".join((head, _CRC.pack(crc32(head, salt)), padded))


def walk(data: bytes, *, salt: int, seq: int, origin: int) -> Generator[Commit, None, Stop]:
    """Yield the intact frames one after the other, and return what stopped it.

    Args:
        data: Bytes of a segment, from the boundary of a frame on.
        salt: The salt of the segment.
        seq: The seq that the first event must have.
        origin: Where in the segment `data` begins.
    """
    view = memoryview(data)
    start = 0
    while start < len(data):
        found = _frame_at(view, start, salt, seq, origin)
        if isinstance(found, Stop):
            return found
        yield found
        start = found.end - origin
        seq += found.number
    return Stop(origin + start, seq)


def scan(data: bytes, *, salt: int, seq: int) -> Iterator[Commit]:
    """Yield every intact frame of a segment from event `seq` on, and step over what is damaged."""
    view = memoryview(data)
    start = next_header(data, salt=salt, seq=seq, start=0)
    while start is not None:
        first = _HEAD.unpack_from(data, start)[2]
        found = _frame_at(view, start, salt, first, 0)
        if isinstance(found, Commit):
            yield found
            start, seq = found.end, first + found.number
        else:
            start += 1
        start = next_header(data, salt=salt, seq=seq, start=start)


def _frame_at(view: memoryview, start: int, salt: int, seq: int, origin: int) -> Commit | Stop:
    """The frame at `start`, or why there is none."""
    body = start + HEADER_LENGTH
    if body > len(view):
        return Stop(origin + start, seq, "a frame header is cut off")
    marker, length, first, number, checksum, zero, header_checksum = _HEADER.unpack_from(view, start)
    if crc32(view[start : body - _CRC.size], salt) != header_checksum:
        return Stop(origin + start, seq, "the checksum of a frame header does not match")
    if marker != MARKER or zero or not number:
        return Stop(origin + start, seq, f"a frame of an unknown kind, {marker!r}", tearable=False)
    if first != seq:
        return Stop(origin + start, seq, f"a frame begins with event {first} instead of {seq}", tearable=False)
    end = body + length + -length % ALIGNMENT
    if crc32(view[body:end]) != checksum:
        return Stop(origin + start, seq, f"a payload of {length} bytes is cut off or does not match its checksum")
    return Commit(view[body : body + length], first, number, origin + start, origin + end)


def next_header(data: bytes, *, salt: int, seq: int, start: int) -> int | None:
    """Where the next intact frame header stands that begins with event `seq` or a later one; None if none does.

    Args:
        data: Bytes of a segment, from the boundary of a frame on.
        salt: The salt of the segment.
        seq: Headers of earlier events do not count: a payload may quote the log itself.
        start: Where in `data` to begin.
    """
    while (start := data.find(MARKER, start)) >= 0 and start + HEADER_LENGTH <= len(data):
        head, (checksum,) = data[start : start + _HEAD.size], _CRC.unpack_from(data, start + _HEAD.size)
        if start % ALIGNMENT == 0 and crc32(head, salt) == checksum and _HEAD.unpack(head)[2] >= seq:
            return start
        start += 1
    return None
