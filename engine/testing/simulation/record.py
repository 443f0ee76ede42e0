"""What really happened in a simulated world, whatever any log says of it: for oracles to judge by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

if TYPE_CHECKING:
    from collections.abc import Iterator


class Happening(Struct, frozen=True):
    """Something that happened.

    Attributes:
        time: when, in ns since 1970.
        kind: what, such as "process.began"; the table is in docs/simulation.md.
        where: the host, or the program.
        token: the attempt that it is about; "" for none.
        facts: what else there is to say.
    """

    time: int
    kind: str
    where: str
    token: str = ""
    facts: dict[str, Any] = field(default_factory=dict)


class Record:
    """All that happened, in order."""

    def __init__(self) -> None:
        self._happenings: list[Happening] = []

    def __iter__(self) -> Iterator[Happening]:
        return iter(self._happenings)

    def __len__(self) -> int:
        return len(self._happenings)

    def note(self, happening: Happening) -> None:
        """Add what has just happened."""
        self._happenings.append(happening)

    def of(self, *kinds: str, token: str | None = None, where: str | None = None) -> list[Happening]:
        """What happened of these kinds (of all, if none is named), to a token, at a place."""
        return [
            each
            for each in self._happenings
            if (not kinds or each.kind in kinds)
            and (token is None or each.token == token)
            and (where is None or each.where == where)
        ]
