"""Checking a whole log, and telling what was found."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

from msgspec import Struct, field

from eventlog import _reader
from eventlog._log import open_directory
from eventlog.errors import Corrupt, TornTail, WrongVersion

if TYPE_CHECKING:
    import os

    from eventlog._disk import Directory
    from eventlog._frame import Commit
    from eventlog._reader import Span


class Report(Struct):
    """What a log holds.

    Attributes:
        events: How many events are intact, up to the end or the damage.
        segments: How many segments that is.
        torn: What a crash cut short at the end; None if nothing.
        dropped: What earlier crashes cut short, and writers left behind when they went on.
        corrupt: Why the log cannot be read to its end; None if it can.
    """

    events: int = 0
    segments: int = 0
    torn: TornTail | None = None
    dropped: list[TornTail] = field(default_factory=list)
    corrupt: Corrupt | WrongVersion | None = None

    @property
    def ok(self) -> bool:
        """Whether everything that was ever acknowledged is there, as far as can be told."""
        return self.corrupt is None

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "ok": self.ok,
            "events": self.events,
            "segments": self.segments,
            "torn": _torn(self.torn) if self.torn else None,
            "dropped": [_torn(torn) for torn in self.dropped],
            "corrupt": _corrupt(self.corrupt) if self.corrupt else None,
        }


def _torn(torn: TornTail) -> dict[str, Any]:
    return {"file": str(torn.path), "byte": torn.byte, "bytes": torn.dropped}


def _corrupt(error: Corrupt | WrongVersion) -> dict[str, Any]:
    place = {"message": str(error), "file": str(error.path), "byte": error.byte}
    if isinstance(error, Corrupt):
        place |= {"first_seq": error.first_seq, "intact_after": error.intact_after}
    return place


def verify(run_dir: str | os.PathLike[str]) -> Report:
    """Check every byte of a run's log. Damage is reported, never raised.

    Raises:
        NoLog: The directory is not that of a run.
    """
    with closing(open_directory(run_dir)) as directory:
        return examine(directory)


def examine(directory: Directory) -> Report:
    """Check every byte of the log in a directory; see `verify`."""
    report = Report()
    try:
        _fill(directory, report)
    except (Corrupt, WrongVersion) as error:
        report.corrupt = error
    return report


def _fill(directory: Directory, report: Report) -> None:
    view = _reader.look(directory)
    report.dropped = [torn for torn in view.dropped if torn is not view.unfinished]
    report.torn = view.unfinished
    for span in view.spans:
        report.segments += 1

        def count(commit: Commit, span: Span = span) -> None:
            report.events += len(_reader.events(directory, span, commit))

        torn = _reader.check(directory, span, visit=count).torn
        at_the_end = span is view.spans[-1] and not (view.unfinished or view.damage)
        if torn and at_the_end:
            report.torn = torn
        elif torn:
            report.dropped.append(torn)
    if view.damage:
        raise view.damage
