"""What can be said about something that was begun: the answers of a `probe`.

Nothing here is a guess. What cannot be known, because nobody answers, is not an outcome but an error
(`engine.rm.transport.TransportLost`).
"""

from msgspec import Struct

__all__ = ["Alive", "Ended", "Gone", "NeverBegan", "Outcome"]


class Alive(Struct, frozen=True):
    """It runs, or is on its way to."""


class Ended(Struct, frozen=True):
    """It ran and ended by itself or by a signal, and its exit status was recorded.

    Attributes:
        code: The exit status, 0 to 255; 128 + n after signal n.
    """

    code: int


class Gone(Struct, frozen=True):
    """It does not run any more, and how it ended is lost.

    Attributes:
        why: What is known about it, for a person to read.
    """

    why: str


class NeverBegan(Struct, frozen=True):
    """It did not begin, and under this token it never will."""


Outcome = Alive | Ended | Gone | NeverBegan
