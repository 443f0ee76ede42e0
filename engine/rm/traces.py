"""Traces: what a resource records while it runs."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from msgspec import Struct

from engine.core.errors import UsageError


class Trace(Struct, frozen=True):
    """A trace that a type offers.

    Attributes:
        name: what it is asked for by.
        help: one sentence for people.
        enabled: whether it is recorded if nobody says otherwise.
    """

    name: str
    help: str = ""
    enabled: bool = True


class TraceAttr(StrEnum):
    """What is asked of a trace."""

    ALL = "all"
    """The whole content, as text."""
    STREAM = "stream"
    """One block of it, as text."""
    PATH = "path"
    """Where it is, on its host."""
    SIZE = "size"
    """How many bytes it has."""
    BYTES = "bytes"
    """The whole content, as it is."""


class Readable(Protocol):
    """Whoever has a trace: the manager of a resource, or what was collected of it."""

    def trace_path(self, name: str) -> str | None:
        """Where a trace is, on its host; None if it is no file, or there is none of that name yet."""

    def trace_size(self, name: str) -> int | None:
        """How many bytes a trace has; None if there is none of that name yet."""

    def read_trace(self, name: str, offset: int = 0, size: int | None = None) -> bytes | None:
        """Bytes of a trace; None if there is none of that name yet."""


def read_trace(source: Readable, name: str, attr: TraceAttr, block: int, offset: int) -> str | bytes | int | None:
    """What is asked of a trace, texts as such; see `read_raw`."""
    return read_text(read_raw(source, name, attr, block, offset), attr)


def read_text(raw: str | bytes | int | None, attr: TraceAttr) -> str | bytes | int | None:
    """What was read of a trace, as a text if that is asked."""
    if not isinstance(raw, bytes) or attr is TraceAttr.BYTES:
        return raw
    return raw.decode("utf-8", errors="replace")


def read_raw(source: Readable, name: str, attr: TraceAttr, block: int, offset: int) -> str | bytes | int | None:
    """What is asked of a trace, its content as bytes; None where there is none of that name yet.

    Args:
        source: whoever has it.
        name: the trace.
        attr: what is asked.
        block: bytes in a block, for STREAM.
        offset: how many blocks to skip, for STREAM.

    Raises:
        UsageError: a number makes no sense.
        ValueError: the name cannot be one of a trace.
    """
    for number, least in ((block, 1), (offset, 0)):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise UsageError(f"block is in bytes, from 1 on, and offset in blocks, from 0 on; not {number!r}")
    if attr is TraceAttr.PATH:
        return None if source.trace_size(name) is None else source.trace_path(name)
    if attr is TraceAttr.SIZE:
        return source.trace_size(name)
    start, size = (offset * block, block) if attr is TraceAttr.STREAM else (0, None)
    return source.read_trace(name, start, size)
