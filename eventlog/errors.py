"""What can be wrong with a log.

Every error says which file and, where that helps, which byte of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class LogError(Exception):
    """Everything that the log says.

    Attributes:
        path: The file or directory that it is about; None where there is none.
        byte: The offset in that file; None where none is to blame.
    """

    def __init__(self, message: str, *, path: Path | None = None, byte: int | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.byte = byte


class TornTail(LogError):
    """The last write was cut short by a crash. Nothing in it was ever acknowledged.

    Reading does not raise it: it is what `Log.torn` holds.

    Attributes:
        dropped: How many bytes were left out.
    """

    def __init__(self, message: str, *, path: Path | None = None, byte: int | None = None, dropped: int = 0) -> None:
        super().__init__(message, path=path, byte=byte)
        self.dropped = dropped

    @classmethod
    def at(cls, path: Path, byte: int, dropped: int) -> TornTail:
        """Say that `path` holds nothing of use from `byte` on."""
        message = f"{path}, byte {byte}: the last write was cut short; its {dropped} bytes are left out"
        return cls(message, path=path, byte=byte, dropped=dropped)


class Corrupt(LogError):
    """Events that were acknowledged are damaged or missing.

    Attributes:
        reason: What is wrong at that byte.
        first_seq: The first event that is affected; None where that cannot be told.
        intact_after: Whether intact events follow the damage; `Log.salvage` reads them.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path | None = None,
        byte: int | None = None,
        reason: str = "",
        first_seq: int | None = None,
        intact_after: bool = False,
    ) -> None:
        super().__init__(message, path=path, byte=byte)
        self.reason = reason
        self.first_seq = first_seq
        self.intact_after = intact_after

    @classmethod
    def at(
        cls, path: Path, byte: int, reason: str, *, first_seq: int | None = None, intact_after: bool = False
    ) -> Corrupt:
        """Say what is wrong at `byte` of `path`, and what can still be read."""
        lost = "" if first_seq is None else f" Events from {first_seq} on are affected."
        rest = " Intact events follow: salvage reads them." if intact_after else ""
        message = f"{path}, byte {byte}: the log is damaged: {reason}.{lost}{rest}"
        return cls(message, path=path, byte=byte, reason=reason, first_seq=first_seq, intact_after=intact_after)


class WrongVersion(LogError):
    """The log is intact, and in a format that this version cannot read."""


class Locked(LogError):
    """Somebody else writes this log, or has taken it over.

    Attributes:
        holder: What the lock file says about them: `pid`, `host`, `since`, `holder`; may be empty.
    """

    def __init__(
        self,
        message: str,
        *,
        path: Path | None = None,
        byte: int | None = None,
        holder: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message, path=path, byte=byte)
        self.holder = dict(holder or {})


class NoLog(LogError, FileNotFoundError):
    """There is no log where one was looked for."""


class WriteFailed(LogError):
    """A write, a sync or a close failed, now or earlier; `__cause__` is what the system said.

    What was being appended may or may not be found by the next recovery; nothing further is
    accepted, because a sync that failed may report success when it is tried again.
    """
