"""The files of a log: their names, their headers, and how each names the one before it."""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Final, NamedTuple
from zlib import crc32

from msgspec import Struct

from eventlog._events import MAX_PAYLOAD
from eventlog.errors import Corrupt, TornTail, WrongVersion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from eventlog._disk import Directory

MAGIC: Final = b"\x89ELG\r\n\x1a\n"
MAJOR: Final = 1
MINOR: Final = 0

# Magic, major, minor, header length; id; epoch, base; epoch, base and length of the predecessor; when this one was
# made; the salt of the predecessor.
_HEAD: Final = struct.Struct("<8sHHI16sQQQQQQI")
_PREFIX: Final = struct.Struct("<8sHHI")
_CRC: Final = struct.Struct("<I")
HEADER_LENGTH: Final = _HEAD.size + _CRC.size
_LONGEST_HEADER: Final = 4096  # a later minor version may add fields, up to here

FULL: Final = 32 << 20
"""A segment that has reached this many bytes gets no more frames."""

LARGEST: Final = FULL + MAX_PAYLOAD + 4096
"""More bytes than any segment has."""

_NAME: Final = re.compile(r"(\d{8})-(\d{16})\.log")


class Key(NamedTuple):
    """Which segment: keys sort as the log runs."""

    epoch: int
    base: int

    @property
    def name(self) -> str:
        """The name of its file."""
        return f"{self.epoch:08d}-{self.base:016d}.log"

    @property
    def index_name(self) -> str:
        """The name of the file that says where in it events begin."""
        return f"{self.epoch:08d}-{self.base:016d}.idx"


class Tail(NamedTuple):
    """How far a segment is good.

    Attributes:
        key: Which segment.
        length: How many of its bytes belong to the log.
        salt: Its salt.
    """

    key: Key
    length: int
    salt: int


NOTHING: Final = Tail(Key(0, 0), 0, 0)
"""What comes before the first segment of a log."""


class Segment(Struct, frozen=True):
    """What the header of a segment says.

    Attributes:
        key: Its epoch, and the seq of its first event.
        before: How far its predecessor belongs to the log.
        salt: Seeds the checksums of its frame headers: the checksum of this header.
        header_length: Where its first frame begins.
    """

    key: Key
    before: Tail
    salt: int
    header_length: int


def new_header(key: Key, before: Tail, *, id_: bytes, created: int) -> bytes:
    """The bytes that a segment begins with.

    Args:
        key: The new segment.
        before: How far its predecessor belongs to the log.
        id_: Sixteen random bytes.
        created: Nanoseconds since 1970, UTC.
    """
    version = (MAGIC, MAJOR, MINOR, HEADER_LENGTH)
    head = _HEAD.pack(*version, id_, *key, *before.key, before.length, created, before.salt)
    return head + _CRC.pack(crc32(head))


def parse_header(header: bytes) -> Segment:
    """What a header says that is known to be whole."""
    _, _, _, length, _, epoch, base, *before, _, before_salt = _HEAD.unpack_from(header)
    before_epoch, before_base, before_length = before
    (salt,) = _CRC.unpack_from(header, length - _CRC.size)
    tail = Tail(Key(before_epoch, before_base), before_length, before_salt)
    return Segment(Key(epoch, base), tail, salt, length)


def keys(names: Iterable[str]) -> list[Key]:
    """The segments among the names of a directory, in order."""
    found = (_NAME.fullmatch(name) for name in names)
    return sorted(Key(int(match[1]), int(match[2])) for match in found if match)


def read_header(directory: Directory, key: Key, *, last: bool) -> Segment | TornTail:
    """The header of a segment, or what to say of one whose creation was cut short.

    A frame is written only after the header was synced. So a file that is longer than a header had a whole one.

    Raises:
        Corrupt: The header is damaged, or belongs to another file.
        WrongVersion: It is of a later major version.
    """
    name = key.name
    data = directory.read(name, 0, _LONGEST_HEADER)
    length = _checked_length(data)
    if length is None:
        if len(data) <= HEADER_LENGTH:
            return TornTail.at(directory.path / name, 0, len(data))
        reason = "the checksum of the segment header does not match"
        raise Corrupt.at(directory.path / name, 0, reason, first_seq=key.base, intact_after=not last)
    _, major, minor, _ = _PREFIX.unpack_from(data)
    if major != MAJOR:
        message = f"the log is in format {major}.{minor}; this version reads {MAJOR}.*, a later netreel reads it"
        path = directory.path / name
        raise WrongVersion(f"{path}: {message}", path=path, byte=8)
    segment = parse_header(data[:length])
    if segment.key != key:
        reason = f"the header is that of {segment.key.name}"
        raise Corrupt.at(directory.path / name, 32, reason, first_seq=key.base, intact_after=not last)
    return segment


def _checked_length(data: bytes) -> int | None:
    """The length of a header whose magic and checksum are right. All versions of the format begin alike."""
    if len(data) < _PREFIX.size:
        return None
    magic, _, _, length = _PREFIX.unpack_from(data)
    if magic != MAGIC or not _PREFIX.size + _CRC.size <= length <= len(data):
        return None
    (checksum,) = _CRC.unpack_from(data, length - _CRC.size)
    return length if crc32(data[: length - _CRC.size]) == checksum else None


def check_follows(directory: Directory, segment: Segment, before: Tail) -> None:
    """Check that a segment names `before` as its predecessor, however long that is.

    Raises:
        Corrupt: One is missing, is not of this log, or was not there when this one was begun.
    """
    if (segment.before.key, segment.before.salt) != (before.key, before.salt):
        raise Corrupt.at(
            directory.path / segment.key.name,
            48,
            f"it follows {_described(segment.before)}, but what is there before it is {_described(before)}",
            first_seq=segment.key.base,
            intact_after=True,
        )


def _described(tail: Tail) -> str:
    return "nothing" if tail == NOTHING else f"{tail.key.name} (salt {tail.salt:08x})"
