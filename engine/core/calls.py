"""A call of the user's script, and what the log keeps of it so that the script can be run again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import replace

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.core.events import Entry


class ScriptCall(Struct):
    """A call that is being answered.

    Attributes:
        thread: the thread of the script; "" for its main one.
        number: which call of that thread it is, from 1 on; 0 for one that is not told again.
        name: of the function that the script called.
        at: where, as `engine.core.events.Entry` has it.
        mark: what the log is to have beside the first event that comes of it; asked for once, if any does.
        seq: the event behind which it was decided.
        made: whether any event came of it.
    """

    thread: str
    number: int
    name: str
    at: str
    mark: Callable[[ScriptCall], Any]
    seq: int = 0
    made: bool = False

    def sign(self, entries: list[Entry], first: int, seq: int) -> None:
        """See behind which event it was decided, and mark the first of those that came of it.

        Args:
            entries: of the turn so far.
            first: the place that its first one has there.
            seq: the event behind which it was decided.
        """
        self.seq = seq
        if len(entries) > first:
            self.made = True
            entries[first] = replace(entries[first], call=self.mark(self))
