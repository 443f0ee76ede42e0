"""What is wrong with a description: everything that can be seen at once, each with its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.core.errors import UnknownResourceType, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN: Final = 10


class BadDescription(UsageError):
    """A description that cannot be taken. Nothing was made of it.

    Attributes:
        problems: what is wrong, each in one line with its place: the file, and in it the line or the JSON path.
    """

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        more = len(self.problems) - _SHOWN
        super().__init__("; ".join(self.problems[:_SHOWN]) + (f"; and {more} more" if more > 0 else ""))


class UnknownTypes(BadDescription, UnknownResourceType):
    """A description with resource types that are not known here."""


def at(place: object, message: object) -> str:
    """A problem in one line."""
    text = " ".join(str(message).split())
    return f"{place}: {text}" if str(place) else text
