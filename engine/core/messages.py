"""What the kernel hears of the world outside: how hooks ended, what became of a resource, what a task came to.

Those of which there may be very many at once are kept from the collector: no circle can be in plain values.
"""

from __future__ import annotations

from typing import Any, Final, get_args

from msgspec import Struct


class HookDone(Struct, frozen=True, gc=False):
    """The hook of an attempt returned a receipt, or nothing."""

    guid: int
    token: str
    receipt: dict[str, Any] | None


class HookFailed(Struct, frozen=True):
    """The hook of an attempt raised. `error` is what the log keeps of it; `raised` itself is for this process only."""

    guid: int
    token: str
    error: dict[str, Any]
    raised: BaseException | None = None


class Found(Struct, frozen=True):
    """What an earlier controller had started, or was about to, is there."""

    guid: int
    token: str


class NotBegun(Struct, frozen=True):
    """An attempt of an earlier controller never began, and never will."""

    guid: int
    token: str


class Doing(Struct, frozen=True):
    """The hook that runs is doing this."""

    guid: int
    token: str
    what: str


class Remark(Struct, frozen=True):
    """This is the matter with a resource; nothing is any more, if it is empty."""

    guid: int
    what: str


class Lost(Struct, frozen=True):
    """What an earlier controller had begun or had running cannot be found again."""

    guid: int
    token: str
    why: str


class Unanswered(Struct, frozen=True):
    """The host of what an earlier controller had begun or had running does not answer, so nothing is known of it."""

    guid: int
    token: str
    why: str


class EndedByItself(Struct, frozen=True, gc=False):
    """A resource came to its end, with an exit status. `token` names the start that ended, None for the latest."""

    guid: int
    code: int
    token: str | None = None


class FailedByItself(Struct, frozen=True):
    """A resource failed; `code` is its exit status if it had one, `token` and `raised` as above."""

    guid: int
    error: dict[str, Any]
    code: int | None
    token: str | None = None
    raised: BaseException | None = None


class TaskReturned(Struct, frozen=True):
    """The user's function returned, or raised `error`."""

    task: int
    error: str | None


class Tick(Struct, frozen=True):
    """The time that the kernel asked for has come."""


Message = (
    HookDone
    | HookFailed
    | Doing
    | Remark
    | Found
    | NotBegun
    | Lost
    | Unanswered
    | EndedByItself
    | FailedByItself
    | TaskReturned
    | Tick
)

HEARD: Final = frozenset(get_args(Message)) - {Tick}
"""What of them tells something."""
