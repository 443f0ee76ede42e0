"""Traces: what a resource records while it runs."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace that a type offers. `help` is one sentence for people."""

    name: str
    help: str = ""


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
