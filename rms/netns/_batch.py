"""Changes of networks on a host, of many resources in one round trip and with few processes.

A batch is one shell script (`batch.sh` has what it begins with). Each network namespace in which something is to be
changed takes one process of each tool, whatever the number of lines: ``ip -batch`` and ``tc -batch`` say which of them
they refuse, and do the others.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Final, Literal

from engine.rm.transport import CommandFailed
from rms import shell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

TEXT: Final = resources.files("rms.netns").joinpath("batch.sh").read_text("utf-8")

_SECTION: Final = re.compile(r"^@ (\d+)\n(.*?)^= (\d+)\n", re.DOTALL | re.MULTILINE)
_REFUSED: Final = re.compile(r"(.*?)^Command failed -:(\d+)\n", re.DOTALL | re.MULTILINE)
_NODE: Final = re.compile(r"^node (\d+) (\d+) (\d+)$", re.MULTILINE)
_NO_NODE: Final = re.compile(r"^no node (\d+): (.*)$", re.MULTILINE)
_NO_NAMESPACE: Final = re.compile(r"^unshare: (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Place:
    """A network namespace: that of a process of this host.

    Attributes:
        pid: its number on the host.
        start_time: field 22 of its /proc/PID/stat, which tells it from a later one with the same number.
    """

    pid: int
    start_time: str


@dataclass(frozen=True, slots=True)
class Lines:
    """What a tool is to do in one place.

    Attributes:
        place: where; None is the namespace of the emulation itself, in which its switches are.
        tool: the program, which has an option ``-batch``.
        lines: what it is told, one command each.
    """

    place: Place | None
    tool: Literal["ip", "tc", "bridge"]
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """What one resource asks for: one thing after the other."""

    steps: tuple[Lines, ...]


@dataclass(frozen=True, slots=True)
class Make:
    """A node that is to be made: namespaces of its own, and a process that holds them."""

    guid: int
    hostname: str
    forwarding: bool = False


@dataclass(frozen=True, slots=True)
class End:
    """A node whose first process is to be killed, and with it all others that are in it."""

    place: Place


Asked = Change | Make | End
Answer = Place | CommandFailed | None


class Batch:
    """Some changes as a script, and what it says as answers.

    Args:
        host: its name, for errors.
        asked: the changes; those of one batch do not depend on each other.
    """

    def __init__(self, host: str, asked: Sequence[Asked]) -> None:
        self._host = host
        self._asked = asked
        self._sections: list[list[tuple[int, str]]] = []  # for each process: whose line it is, and the line
        self._text: list[str] = []

    def script(self) -> str:
        """Shell text that ends in a line that says so: of one that is cut nothing is run."""
        depth = max((len(it.steps) for it in self._asked if isinstance(it, Change)), default=0)
        for level in range(depth):
            for (place, tool), lines in self._at(level).items():
                self._add(place, tool, lines)
        self._text += [f"end {it.place.pid} {it.place.start_time}\n" for it in self._asked if isinstance(it, End)]
        makes = [it for it in self._asked if isinstance(it, Make)]
        if makes:
            words = (shell.words((str(it.guid), it.hostname, "forwarding" * it.forwarding)) for it in makes)
            self._text.append("make_nodes <<'@'\n" + "".join(f"make {each}\n" for each in words) + "@\n")
        return "{\n" + "".join(self._text) + "}\n"

    def _at(self, level: int) -> dict[tuple[Place | None, str], list[tuple[int, str]]]:
        """What is to be done by those that have done so much already, by place and tool."""
        found: dict[tuple[Place | None, str], list[tuple[int, str]]] = {}
        for index, it in enumerate(self._asked):
            if isinstance(it, Change) and level < len(it.steps):
                step = it.steps[level]
                found.setdefault((step.place, step.tool), []).extend((index, line) for line in step.lines)
        return found

    def _add(self, place: Place | None, tool: str, lines: list[tuple[int, str]]) -> None:
        enter = "here" if place is None else f"at {place.pid} {place.start_time}"
        number = len(self._sections)
        self._sections.append(lines)
        text = "".join(f"{line}\n" for _, line in lines)
        self._text.append(f"echo '@ {number}'\n{enter} {tool} -force -batch - 2>&1 <<'@'\n{text}@\necho \"= $?\"\n")

    def answers(self, said: str) -> list[Answer]:
        """What came of each change: a place for a node, an error, or nothing if all is well."""
        errors: dict[int, CommandFailed] = {}
        for number, text, code in _SECTION.findall(said):
            if code != "0":
                for index, error in self._errors(self._sections[int(number)], text, int(code)):
                    errors.setdefault(index, error)
        refusal = _NO_NAMESPACE.search(said)
        unmade: str = refusal[1] if refusal else "its first process did not begin"
        nodes = {int(guid): Place(int(pid), start) for guid, pid, start in _NODE.findall(said)}
        reasons: dict[int, str] = {int(guid): why for guid, why in _NO_NODE.findall(said)}
        return [
            self._node(it, nodes, reasons.get(it.guid, unmade)) if isinstance(it, Make) else errors.get(index)
            for index, it in enumerate(self._asked)
        ]

    def _errors(self, lines: list[tuple[int, str]], text: str, code: int) -> Iterator[tuple[int, CommandFailed]]:
        refused = _REFUSED.findall(text)
        for why, number in refused:
            index, line = lines[int(number) - 1]
            yield index, CommandFailed(self._host, line, code, why)
        if not refused:
            for index, line in lines:
                yield index, CommandFailed(self._host, line, code, text)

    def _node(self, make: Make, nodes: Mapping[int, Place], why_not: str) -> Place | CommandFailed:
        return nodes.get(make.guid) or CommandFailed(self._host, f"making node #{make.guid}", 1, why_not)
