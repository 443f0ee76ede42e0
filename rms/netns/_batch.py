"""Changes of networks on a host: what is asked of the process that holds them (`holder.py`), and what it says.

Many resources ask in one request. Lines of ``ip`` are said to the kernel by the holder itself, as far as it knows them;
for all others it calls the tool: ``ip -batch`` and ``tc -batch`` say which lines they refuse, and do the others.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from msgspec import Struct
from msgspec.structs import asdict

from engine.rm.transport import CommandFailed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Place(Struct, frozen=True):
    """A network namespace: that of a process of this host.

    Attributes:
        pid: its number on the host.
        start_time: field 22 of its /proc/PID/stat, which tells it from a later one with the same number.
    """

    pid: int
    start_time: str

    @property
    def file(self) -> str:
        """By which ``ip`` finds it, whichever numbers processes have where that runs."""
        return f"/proc/{self.pid}/ns/net"


class Lines(Struct, frozen=True):
    """What a tool is to do in one place.

    Attributes:
        place: where; None is the namespace of the emulation itself, in which its switches are.
        tool: the program, which has an option ``-batch``.
        lines: what it is told, one command each.
    """

    place: Place | None
    tool: Literal["ip", "tc", "bridge"]
    lines: tuple[str, ...]


class Change(Struct, frozen=True):
    """What one resource asks for: one thing after the other."""

    steps: tuple[Lines, ...]


class Make(Struct, frozen=True):
    """A node that is to be made: namespaces of its own, and a process that holds them."""

    guid: int
    hostname: str
    forwarding: bool = False


class End(Struct, frozen=True):
    """A node whose first process is to be killed, and with it all others that are in it."""

    place: Place


class Question(Struct, frozen=True):
    """A command that only looks.

    Attributes:
        place: where; None is the emulation itself.
        words: the program, and its arguments.
    """

    place: Place | None
    words: tuple[str, ...]


class Ask(Struct, frozen=True):
    """Commands that are to run one after the other, for what they say."""

    questions: tuple[Question, ...]


Asked = Change | Make | End | Ask
Answer = Place | list[str] | CommandFailed | None


def encode(asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """Changes as plain values for the holder."""
    return [_encoded(each) for each in asked]


def _encoded(asked: Asked) -> dict[str, Any]:
    match asked:
        case Change(steps):
            return {"steps": [[_words(step.place), step.tool, list(step.lines)] for step in steps]}
        case Make():
            return {"node": asdict(asked)}
        case End(place):
            return {"end": _words(place)}
        case Ask(questions):
            return {"ask": [[_words(each.place), list(each.words)] for each in questions]}


def _words(place: Place | None) -> list[Any] | None:
    return None if place is None else [place.pid, place.start_time]


def decode(host: str, told: Sequence[Mapping[str, Any]]) -> list[Answer]:
    """What came of each change: who a node is, what commands have said, an error, or nothing if all is well."""
    return [_decoded(host, each) for each in told]


def _decoded(host: str, told: Mapping[str, Any]) -> Answer:
    if "error" in told:
        return CommandFailed(host, *told["error"])
    if "node" in told:
        return Place(*told["node"])
    return told.get("said")
