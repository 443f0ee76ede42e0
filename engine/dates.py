"""Durations and dates as people write them.

A duration is ``"0s"``, ``"1.5m"``, ``"20ms"``, ``"1h30m"``, a number of seconds, or a timedelta. A date is a datetime,
or ``YYYYMMDDHHMMSSffffff`` in local time. All times inside are whole nanoseconds.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.core.errors import UsageError

NS: Final = 1_000_000_000
"""Nanoseconds in a second."""

Duration = str | float | timedelta
Date = str | float | timedelta | datetime

_MAX: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS: Final = {"h": 3600 * NS, "m": 60 * NS, "s": NS, "ms": NS // 1000, "us": NS // 1_000_000, "ns": 1}
_TERM: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|us|ns|s)")
_ABSOLUTE: Final = re.compile(r"\d{20}")
_HELP: Final = 'write "1.5s", "20ms", "1h30m", or seconds as a number'


def to_ns(duration: Duration) -> int:
    """A duration in nanoseconds.

    Raises:
        UsageError: it cannot be read, is negative, or is not finite.
    """
    if isinstance(duration, timedelta):
        nanoseconds = duration // timedelta(microseconds=1) * 1000
    elif isinstance(duration, str):
        nanoseconds = _read(duration)
    elif isinstance(duration, int) and not isinstance(duration, bool):
        nanoseconds = duration * NS
    elif not isinstance(duration, float) or not math.isfinite(duration):
        raise UsageError(f"{duration!r} is no duration; {_HELP}")
    else:
        nanoseconds = _whole(duration * NS, duration)
    if nanoseconds < 0:
        raise UsageError(f"{duration!r} is negative; {_HELP}")
    return _bounded(nanoseconds, duration)


def _whole(nanoseconds: float, given: object) -> int:
    if not math.isfinite(nanoseconds):
        raise UsageError(f"{given!r} is too long; {_HELP}")
    return round(nanoseconds)


def _bounded(nanoseconds: int, given: object) -> int:
    """What the log has room for: some 290 years from 1970, in either direction."""
    if not -_MAX <= nanoseconds <= _MAX:
        raise UsageError(f"{given!r} is more than 290 years away, which is more than can be recorded")
    return nanoseconds


def _read(text: str) -> int:
    terms = _TERM.findall(text)
    if not terms or "".join(number + unit for number, unit in terms) != text:
        raise UsageError(f"{text!r} is no duration; {_HELP}")
    return sum(_whole(float(number) * _UNITS[unit], text) for number, unit in terms)


def to_due(date: Date, now: int) -> int:
    """When a date is, in ns since 1970. A duration counts from `now`.

    Raises:
        UsageError: it cannot be read.
    """
    if isinstance(date, str) and _ABSOLUTE.fullmatch(date):
        try:
            date = datetime.strptime(date, "%Y%m%d%H%M%S%f")
        except ValueError as error:
            raise UsageError(f"{date!r} is no date of the form YYYYMMDDHHMMSSffffff: {error}") from None
    if isinstance(date, datetime):
        return from_datetime(date)
    try:
        return now + to_ns(date)
    except UsageError as error:
        raise UsageError(f"{error}; a moment is a datetime, or YYYYMMDDHHMMSSffffff") from None


def from_datetime(moment: datetime) -> int:
    """A datetime in ns since 1970, exactly; a naive one is local time.

    Raises:
        UsageError: it is too far away to be recorded.
    """
    try:
        aware = moment.astimezone()
    except (OverflowError, ValueError):  # at either end of the years that there are
        aware = moment.replace(tzinfo=UTC)
    return _bounded((aware - _EPOCH) // timedelta(microseconds=1) * 1000, moment.isoformat())


def to_datetime(nanoseconds: int) -> datetime:
    """The aware datetime, in local time, of ns since 1970."""
    return (_EPOCH + timedelta(microseconds=nanoseconds // 1000)).astimezone()
