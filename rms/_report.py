"""What the launch script says of an attempt, and what that means."""

import time
from collections.abc import Mapping
from typing import Final, Self

from msgspec import Struct

from engine.rm.outcomes import Alive, Gone, NeverBegan, Outcome
from rms._journal import parse_end

__all__ = ["Process", "Report", "Started"]

_TICKS: Final = 100  # in which Linux tells start times to programs, in a second


class Started(Struct, frozen=True):
    """A command that has begun, as a stranger would find it again.

    Attributes:
        pid: The process, which leads a session and a process group of its own.
        start_time: Field 22 of its /proc/PID/stat, in ticks since the host's boot: with the pid, who it is.
        boot_id: The boot of the host that both are of.
    """

    pid: int
    start_time: str
    boot_id: str


class Process(Struct, frozen=True):
    """A process of this boot of the host; its start time is as in `Started`."""

    pid: int
    start_time: str


def _facts(output: bytes) -> dict[str, dict[str, str]]:
    """By token what was said of each attempt, the last word last; under "" what was said before any was named."""
    its: dict[str, str] = {}
    facts = {"": its}
    for line in output.decode(errors="replace").splitlines():
        name, _, text = line.partition(" ")
        if name == "attempt":
            its = facts.setdefault(text, {})
        else:
            its[name] = text
    return facts


def _booted(facts: Mapping[str, str]) -> float:
    """When the host's start times count from, in seconds by the monotonic clock of this machine."""
    return time.monotonic() - int(facts["now"]) / _TICKS


class Report(Struct, frozen=True):
    """What the marks of an attempt said, and which of its two processes lived.

    Attributes:
        claimed: Whether somebody has taken the attempt.
        rebooted: Whether that was in another boot of the host.
        started: Who the command is, if it has begun.
        end: How it ended, as the mark has it; empty if it has not.
        supervisor: Its supervisor, if that lives.
        command: The command itself, if it lives. A look at many leaves that out while the supervisor lives.
        began: When the command began, in seconds by the monotonic clock of this machine; None if it has not, or that is
            not known.
        reply: What a start that went wrong had to say.
    """

    claimed: bool
    rebooted: bool
    started: Started | None
    end: str
    supervisor: Process | None
    command: Process | None
    began: float | None
    reply: str

    @classmethod
    def parse(cls, output: bytes) -> Self:
        """The report on the only attempt that was asked after."""
        facts = _facts(output)[""]
        return cls._begun(*facts["began"].split()) if "began" in facts else cls._of(facts, _booted(facts))

    @classmethod
    def parse_all(cls, output: bytes) -> dict[str, Self]:
        """The reports on several attempts, by token."""
        facts = _facts(output)
        booted = _booted(facts[""])
        return {token: cls._of(its, booted) for token, its in facts.items() if token}

    @classmethod
    def of_ended(cls, who: str, end: str) -> Self:
        """The report on an attempt that has ended, by the journal: who began, if anybody, and the end."""
        words = who.split()
        started = Started(int(words[0]), words[1], words[2]) if words else None
        return cls(True, False, started, end, None, None, None, "")

    @classmethod
    def _of(cls, facts: Mapping[str, str], booted: float) -> Self:
        claim, started = facts["claim"].split(), facts["started"].split()
        return cls(
            claimed=bool(claim),
            rebooted=bool(claim) and claim[3] != facts["boot"],
            started=Started(int(started[0]), started[1], claim[3]) if started and claim else None,
            end=facts["end"],
            supervisor=Process(int(claim[1]), claim[2]) if facts["supervisor"] else None,
            command=Process(int(started[0]), started[1]) if facts["command"] else None,
            began=booted + int(started[1]) / _TICKS if started else None,
            reply=facts.get("reply", ""),
        )

    @classmethod
    def _begun(cls, pid: str, start_time: str, supervisor: str, its_start_time: str, boot: str) -> Self:
        """What a command says of itself when it has begun: its marks need not be asked."""
        return cls(
            claimed=True,
            rebooted=False,
            started=Started(int(pid), start_time, boot),
            end="",
            supervisor=Process(int(supervisor), its_start_time),
            command=Process(int(pid), start_time),
            began=time.monotonic(),
            reply="",
        )

    @property
    def alive(self) -> Process | None:
        """The process whose end is the next news."""
        return self.supervisor or self.command

    @property
    def age(self) -> float:
        """Seconds since the command began; 0 if it has not."""
        return 0.0 if self.began is None else time.monotonic() - self.began

    @property
    def settled(self) -> bool:
        """Whether a mere look says it all: it lives, or has ended."""
        return bool(self.alive or self.end)

    @property
    def undecided(self) -> bool:
        return self.supervisor is not None and self.started is None and not self.end

    def outcome(self) -> Outcome:
        if self.end:
            return parse_end(self.end)
        if self.rebooted:
            return Gone("the host has rebooted since, or is another one, and no exit status was recorded before")
        if self.alive:
            return Alive()
        if self.started:
            return Gone("it has ended, but its supervisor was killed before it, so the exit status is lost")
        return NeverBegan()
