"""A second reader of the log's files, written from the description of the format alone.

It shares no code with the package, is in no hurry, and knows nothing of writers that are alive.
"""

import re
import struct
import zlib
from pathlib import Path

import msgpack

MAGIC = bytes.fromhex("89454c470d0a1a0a")


class Damaged(Exception):
    """Acknowledged events are lost: the file and the byte."""


def read_log(log: Path) -> tuple[list[tuple], int]:
    """The events as (seq, epoch, kind, version, time, guid, cause, data), and how many bytes are torn off segments."""
    segments = read_headers(log)
    synced = read_durable(log)
    if synced and synced[:2] != (0, 0) and synced[:2] not in {s["key"] for s in segments}:
        raise Damaged("durable", 0)
    events: list[tuple] = []
    torn = 0
    for segment, follower in zip(segments, [*segments[1:], None], strict=True):
        torn += read_segment(segment, follower, synced, events)
    return events, torn


def read_headers(log: Path) -> list[dict]:
    segments: list[dict] = []
    for path in sorted(log.iterdir()):
        name = re.fullmatch(r"(\d{8})-(\d{16})\.log", path.name)
        if not name:
            continue
        data = path.read_bytes()
        length = int.from_bytes(data[12:16], "little")
        crc = int.from_bytes(data[length - 4 : length], "little")
        if data[:8] != MAGIC or not 16 < length <= len(data) or zlib.crc32(data[: length - 4]) != crc:
            if len(data) <= 88:
                continue
            raise Damaged(path.name, 0)
        epoch, base, before_epoch, before_base, before_length, _, before_salt = struct.unpack_from("<6QI", data, 32)
        last = segments[-1] if segments else {"key": (0, 0), "salt": 0}
        if (epoch, base) != (int(name[1]), int(name[2])):
            raise Damaged(path.name, 32)
        if (before_epoch, before_base, before_salt) != (*last["key"], last["salt"]):
            raise Damaged(path.name, 48)
        last["length"] = before_length
        key = (epoch, base)
        segments.append({"name": path.name, "key": key, "salt": crc, "data": data, "start": length})
    return segments


def read_durable(log: Path) -> tuple[int, int, int] | None:
    try:
        data = (log / "durable").read_bytes()
    except FileNotFoundError:
        return None
    if len(data) != 32 or zlib.crc32(data[:28]) != int.from_bytes(data[28:], "little"):
        return None
    return struct.unpack_from("<3Q", data)


def read_segment(segment: dict, follower: dict | None, synced: tuple | None, events: list[tuple]) -> int:
    """Add the events of a segment; return how many bytes at its end are torn."""
    data, at = segment["data"], segment["start"]
    end = segment.get("length", len(data))
    known = synced[2] if synced and synced[:2] == segment["key"] else 0
    known = max(known, segment.get("length", 0))
    while at < end:
        step = read_frame(data[:end], at, segment, len(events) + 1)
        if not step:
            if at < known or later_header(data[:end], at, segment, len(events) + 1):
                raise Damaged(segment["name"], at)
            return len(data) - at
        payload, count, at = step
        for record in msgpack.unpackb(payload):
            events.append((len(events) + 1, segment["key"][0], *record))
        assert count == len(msgpack.unpackb(payload))
    if at < known or (follower and follower["key"][1] != len(events) + 1):
        raise Damaged(segment["name"], at)
    if at < len(data) and (
        read_frame(data, at, segment, len(events) + 1) or later_header(data, at, segment, len(events) + 1)
    ):
        raise Damaged(segment["name"], at)
    return len(data) - at


def valid_header(data: bytes, at: int, segment: dict) -> tuple | None:
    header = data[at : at + 32]
    if len(header) < 32 or zlib.crc32(header[:28], segment["salt"]) != int.from_bytes(header[28:], "little"):
        return None
    return struct.unpack("<4sIQIII", header[:28])


def read_frame(data: bytes, at: int, segment: dict, seq: int) -> tuple[bytes, int, int] | None:
    header = valid_header(data, at, segment)
    if not header:
        return None
    marker, length, first, count, crc, zero = header
    if marker != b"CMT\x01" or zero or count == 0 or first != seq:
        raise Damaged(segment["name"], at)
    end = at + 32 + (length + 7) // 8 * 8
    if end > len(data) or zlib.crc32(data[at + 32 : end]) != crc:
        return None
    return data[at + 32 : at + 32 + length], count, end


def later_header(data: bytes, at: int, segment: dict, seq: int) -> bool:
    headers = (valid_header(data, place, segment) for place in range(at + 8, len(data), 8))
    return any(header and header[0] == b"CMT\x01" and header[2] >= seq for header in headers)
