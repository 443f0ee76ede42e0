"""Durations and dates, as people write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from engine import UsageError
from engine.dates import from_datetime, to_datetime, to_due, to_ns

MS, S, M, H = 10**6, 10**9, 60 * 10**9, 3600 * 10**9


@pytest.mark.parametrize(
    ("written", "ns"),
    [
        ("0s", 0),
        ("1.5m", 90 * S),
        ("20ms", 20 * MS),
        ("1h30m", 90 * M),
        ("1h2m3s4ms5us6ns", H + 2 * M + 3 * S + 4 * MS + 5006),
        ("0.1s", 100 * MS),
        (0, 0),
        (2, 2 * S),
        (0.25, 250 * MS),
        (1e-9, 1),
        (timedelta(days=1, microseconds=1), 24 * H + 1000),
    ],
)
def test_a_duration(written, ns):
    assert to_ns(written) == ns


@pytest.mark.parametrize("written", ["", "5", "s", "1x", "1s 2s", "-1s", "1..5s", "1e3s", None, [], True, b"1s"])
def test_what_is_no_duration(written):
    with pytest.raises(UsageError, match="is no duration; write"):
        to_ns(written)


@pytest.mark.parametrize("written", [-1, -0.5, timedelta(-1)])
def test_a_duration_is_not_negative(written):
    with pytest.raises(UsageError, match="is negative"):
        to_ns(written)


FAR = {
    "nan": float("nan"),
    "inf": float("inf"),
    "1e300": 1e300,
    "10**400": 10**400,
    "text": "9" * 400 + "h",
    "1e12": 1e12,
}


@pytest.mark.parametrize("written", FAR.values(), ids=FAR)
def test_a_duration_can_be_recorded(written):
    with pytest.raises(UsageError):
        to_ns(written)


def test_a_duration_counts_from_now():
    assert to_due("1.5s", 7) == 1_500_000_007


def test_a_datetime_is_that_moment():
    moment = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=2)))
    assert to_due(moment, 0) == 1767315845678901000


def test_a_naive_datetime_is_local_time():
    naive = datetime(2026, 7, 2, 3, 4, 5, 678901)
    assert to_due(naive, 0) == to_due("20260702030405678901", 0) == from_datetime(naive.astimezone(UTC))


@pytest.mark.parametrize("written", ["20261302030405678901", "00000000000000000000"])
def test_twenty_digits_that_are_no_date(written):
    with pytest.raises(UsageError, match="is no date of the form YYYYMMDDHHMMSSffffff"):
        to_due(written, 0)


def test_what_is_no_moment_at_all():
    with pytest.raises(UsageError, match=r"is no duration.*a moment is a datetime, or YYYYMMDDHHMMSSffffff"):
        to_due("tomorrow", 0)


@pytest.mark.parametrize("moment", [datetime.min, datetime.max, datetime(2400, 1, 1, tzinfo=UTC)])
def test_a_moment_can_be_recorded(moment):
    with pytest.raises(UsageError, match="more than can be recorded"):
        to_due(moment, 0)


@pytest.mark.parametrize("ns", [0, 1767323045678901000, 999, 2**62])
def test_a_time_and_back(ns):
    shown = to_datetime(ns)
    assert shown.tzinfo is not None
    assert from_datetime(shown) == ns // 1000 * 1000
