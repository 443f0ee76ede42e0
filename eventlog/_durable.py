"""How far the log has been synced: a note that the writer leaves for readers after each sync.

The note is advisory: it is not synced itself, and everything can be read without it. Being written after
the sync it speaks of, it can be behind the truth, never ahead. So what it covers must be intact; and
while a writer lives, what it does not cover may not be durable yet.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final
from zlib import crc32

from eventlog._segments import Key, Tail

if TYPE_CHECKING:
    from eventlog._disk import Directory

NAME: Final = "durable"

_BODY: Final = struct.Struct("<QQQI")  # epoch, base, length and salt of the segment
_CRC: Final = struct.Struct("<I")
_LENGTH: Final = _BODY.size + _CRC.size


def compose(tail: Tail) -> bytes:
    """The content of the file: everything up to and with `tail` is synced."""
    body = _BODY.pack(*tail.key, tail.length, tail.salt)
    return body + _CRC.pack(crc32(body))


def read(directory: Directory) -> Tail | None:
    """What the note says; None if there is none that is whole.

    A writer may change it under the reader's hands. Then a second look differs from the first.
    """
    seen = None
    while (data := _content(directory)) != seen:
        if len(data) == _LENGTH and _CRC.pack(crc32(data[: _BODY.size])) == data[_BODY.size :]:
            epoch, base, length, salt = _BODY.unpack_from(data)
            return Tail(Key(epoch, base), length, salt)
        seen = data
    return None


def _content(directory: Directory) -> bytes:
    try:
        return directory.read(NAME, 0, _LENGTH)
    except FileNotFoundError:
        return b""
