"""Reading: which bytes count, what is torn and what is damaged.

**What counts.** While a writer lives, the log ends where its note says that it is synced. Once it is gone
everything intact counts, and is synced before it is shown, since the writer may have died before it could.

**Torn or damaged.** A frame is written only after the one before it was synced. So a crash can spoil only
what follows the last sync: one frame, at the end of the last segment. Where a frame is no good, and

- the note says that the place was synced, or
- a later segment was begun, which names how far this one is good, or
- an intact header of a later frame stands behind it, or
- the frame is intact but not the one that belongs there,

acknowledged events are damaged: Corrupt. Otherwise it is a torn tail: left out, and said.

Where this stops holding: if the very last acknowledged frame is damaged, and the note is lost or older
(it is not synced; a loss of power can leave it half a minute behind), nothing tells that from a write that was
cut short. The same goes for a log that is cut exactly between two frames.
"""

from __future__ import annotations

import errno
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec import Struct

from eventlog import _durable, _frame, _segments
from eventlog._events import Event, decode
from eventlog._segments import Segment, Tail
from eventlog.errors import Corrupt, TornTail, WrongVersion

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from eventlog._disk import Directory
    from eventlog._frame import Commit, Stop
    from eventlog._segments import Key

LOCK: Final = "lock"

_IF_COPIED: Final = (
    "if this is a copy that was made while the log was being written, make it anew, "
    f"or remove {_durable.NAME} from it to read what is there"
)


class Span(Struct, frozen=True):
    """The part of one segment that belongs to the log.

    Attributes:
        segment: Which segment.
        synced: How many of its bytes are known to have been synced.
        stop: How many of its bytes to read; None for all.
        next_base: The seq that the next segment begins with; None for the last.
    """

    segment: Segment
    synced: int
    stop: int | None
    next_base: int | None


class View(Struct, frozen=True):
    """The log as it stands at one moment.

    Attributes:
        spans: Its parts, in order.
        dropped: Segments whose creation was cut short.
        unfinished: The last of these, if no segment was begun after it.
        live: Whether it ends at the writer's note because a writer is at work.
        damage: Why nothing can be read behind these spans; None if they are all.
    """

    spans: list[Span]
    dropped: list[TornTail]
    unfinished: TornTail | None
    live: bool
    damage: Corrupt | WrongVersion | None


def look(directory: Directory, *, writing: bool = False) -> View:
    """See which segments there are, and how much of each counts.

    Args:
        directory: The directory of the log.
        writing: Whether the caller holds the lock, so that nobody else can be at work.
    """
    synced, keys = _note_and_keys(directory)
    live = not writing and directory.locked(LOCK)
    if live and synced:
        keys = [key for key in keys if key <= synced.key]
    unsettled = None if live or not keys else _settle(directory, keys[-1], synced, writing=writing)
    headers, damage = _headers(directory, keys)
    segments = [header for header in headers if isinstance(header, Segment)]
    spans = _spans(segments, synced, live=live)
    if synced and not damage:
        damage = _check_reached(directory, spans, synced)
    dropped = [header for header in headers if isinstance(header, TornTail)]
    unfinished = dropped[-1] if dropped and headers[-1] is dropped[-1] else None
    return View(spans, dropped, unfinished, live, unsettled or damage)


def _note_and_keys(directory: Directory) -> tuple[Tail | None, list[Key]]:
    """The writer's note, then the segments: the segment that the note names is among them.

    A writer leaves a note before it makes a segment. So if there is still no note after the listing, no segment
    of a living writer is on the list. The lock is looked at later still: if it is free, all on the list are final.
    """
    while True:
        synced = _durable.read(directory)
        keys = _segments.keys(directory.names())
        if synced is not None or _durable.read(directory) is None:
            return synced, keys


def _headers(directory: Directory, keys: list[Key]) -> tuple[list[Segment | TornTail], Corrupt | WrongVersion | None]:
    """The headers in order, up to the first that is no good, and what is wrong with that."""
    headers: list[Segment | TornTail] = []
    before = _segments.NOTHING
    for key in keys:
        try:
            header = _segments.read_header(directory, key, last=key == keys[-1])
            if isinstance(header, Segment):
                _segments.check_follows(directory, header, before)
                before = Tail(key, header.header_length, header.salt)
        except (Corrupt, WrongVersion) as error:
            return headers, error
        headers.append(header)
    return headers, None


def _spans(segments: list[Segment], synced: Tail | None, *, live: bool) -> list[Span]:
    spans = []
    for segment, following in pairwise(segments):
        length = following.before.length
        spans.append(Span(segment, length, length, following.key.base))
    for segment in segments[-1:]:
        reached = synced.length if synced and synced.key == segment.key else segment.header_length
        spans.append(Span(segment, reached, reached if live and synced else None, None))
    return spans


def _check_reached(directory: Directory, spans: list[Span], synced: Tail) -> Corrupt | None:
    """See that the segment that the note names is there."""
    known = {span.segment.key: span.segment.salt for span in spans}
    if synced.key == _segments.NOTHING.key or known.get(synced.key) == synced.salt:
        return None
    reason = f"this segment was synced, says {_durable.NAME}, and is not here; {_IF_COPIED}"
    return Corrupt.at(directory.path / synced.key.name, 0, reason, first_seq=synced.key.base)


def _settle(directory: Directory, key: Key, synced: Tail | None, *, writing: bool) -> Corrupt | None:
    """See that what will be read of the last segment, its header included, is on the disk; say why if it cannot be.

    Earlier ones are: whoever begins a segment does this first. A writer gets the error of the system, as everywhere.
    """
    reached = synced.length if synced and synced.key == key else 0
    try:
        if directory.size(key.name) > reached:
            directory.settle(key.name)
    except OSError as error:
        if writing:
            raise
        return Corrupt.at(directory.path / key.name, reached, f"the disk cannot sync it: {error}")
    return None


class Ending(NamedTuple):
    """Where the part of a segment ends that belongs to the log.

    Attributes:
        length: The byte behind its last frame.
        seq: The seq that comes next.
        torn: What follows there and was never acknowledged.
    """

    length: int
    seq: int
    torn: TornTail | None


def commits(directory: Directory, span: Span, *, start: int, seq: int) -> Generator[Commit, None, Ending]:
    """Yield the frames of a span, and return how it ends.

    Args:
        directory: The directory of the log.
        span: Which part of it.
        start: Where in the segment to begin: the boundary of a frame.
        seq: The seq that the frame there must have.

    Raises:
        Corrupt: Acknowledged events are damaged.
    """
    data = _load(directory, span, start)
    stop = yield from _frame.walk(data, salt=span.segment.salt, seq=seq, origin=start)
    if stop.reason:
        return _judge_flaw(directory, span, stop, data[stop.byte - start :])
    if stop.byte < span.synced:
        raise _corrupt(directory, span, stop, f"it ends here, {span.synced - stop.byte} bytes too early")
    if span.next_base is None:
        return Ending(stop.byte, stop.seq, None)
    if span.next_base != stop.seq:
        raise _corrupt(directory, span, stop, f"the next segment begins with event {span.next_base}")
    return _judge_rest(directory, span, stop)


def check(directory: Directory, span: Span, visit: Callable[[Commit], None] | None = None) -> Ending:
    """Check all frames of a span, and show each to `visit`.

    Raises:
        Corrupt: Acknowledged events are damaged.
    """
    frames = commits(directory, span, start=span.segment.header_length, seq=span.segment.key.base)
    while True:
        try:
            commit = next(frames)
        except StopIteration as end:
            ending: Ending = end.value
            return ending
        if visit:
            visit(commit)


def events(directory: Directory, span: Span, commit: Commit) -> list[Event]:
    """The events of a frame.

    Raises:
        Corrupt: Its checksum is right, and yet it does not hold what it says.
    """
    key = span.segment.key
    try:
        return decode(commit.payload, first=commit.first, count=commit.number, epoch=key.epoch)
    except ValueError as error:
        path = directory.path / key.name
        raise Corrupt.at(path, commit.start, str(error), first_seq=commit.first) from error


def _load(directory: Directory, span: Span, start: int) -> bytes:
    name = span.segment.key.name
    try:
        if span.stop is None and directory.size(name) > _segments.LARGEST:
            raise Corrupt.at(directory.path / name, _segments.LARGEST, "no segment is larger than this")
        return directory.read(name, start, (span.stop or _segments.LARGEST) - start)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise Corrupt.at(directory.path / name, start, "the disk cannot read it") from error


def _judge_flaw(directory: Directory, span: Span, stop: Stop, rest: bytes) -> Ending:
    beyond = 1 if stop.tearable else 0  # what is intact but does not belong here is itself a later frame, or a copy
    later = _frame.next_header(rest, salt=span.segment.salt, seq=stop.seq, start=beyond)
    follows = later is not None or span.next_base is not None
    if stop.byte < span.synced or follows or not stop.tearable:
        raise _corrupt(directory, span, stop, stop.reason, intact_after=follows)
    path = directory.path / span.segment.key.name
    return Ending(stop.byte, stop.seq, TornTail.at(path, stop.byte, len(rest)))


def _judge_rest(directory: Directory, span: Span, stop: Stop) -> Ending:
    """See what lies behind the end that the next segment names: at most a torn tail that recovery left there."""
    name = span.segment.key.name
    rest = directory.read(name, stop.byte, _segments.LARGEST)
    if not rest:
        return Ending(stop.byte, stop.seq, None)
    salt = span.segment.salt
    whole = next(_frame.walk(rest, salt=salt, seq=stop.seq, origin=0), None)
    if whole or _frame.next_header(rest, salt=salt, seq=stop.seq, start=1) is not None:
        raise _corrupt(directory, span, stop, "events were added here after another writer took over")
    return Ending(stop.byte, stop.seq, TornTail.at(directory.path / name, stop.byte, len(rest)))


def _corrupt(directory: Directory, span: Span, stop: Stop, reason: str, *, intact_after: bool | None = None) -> Corrupt:
    path = directory.path / span.segment.key.name
    follows = span.next_base is not None if intact_after is None else intact_after
    if stop.byte < span.synced and not follows:
        reason = f"{reason}, and {_durable.NAME} says that it was synced; {_IF_COPIED}"
    return Corrupt.at(path, stop.byte, reason, first_seq=stop.seq, intact_after=follows)
