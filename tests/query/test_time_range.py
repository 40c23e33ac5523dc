"""The times of --since and --until."""

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest

from espcap.base.errors import UsageError
from espcap.query import Everything, Range
from espcap.query.time_range import read_time, read_time_range

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2024-05-01", "2024-05-01T00:00:00.000000000Z"),
        ("2024-05", "2024-05-01T00:00:00.000000000Z"),
        ("2024-05-01T10:30", "2024-05-01T10:30:00.000000000Z"),
        ("2024-05-01 10:30:05.25", "2024-05-01T10:30:05.250000000Z"),
        ("2024-05-01T10:30:00.123456789Z", "2024-05-01T10:30:00.123456789Z"),
        ("2024-05-01t10:30z", "2024-05-01T10:30:00.000000000Z"),
        ("2024-05-01 10:30 UTC", "2024-05-01T10:30:00.000000000Z"),
        ("2024-05-01T10:30+02:00", "2024-05-01T08:30:00.000000000Z"),
        ("2024-05-01 10:30 -0130", "2024-05-01T12:00:00.000000000Z"),
        (str(datetime(2024, 5, 1, 10, 30, tzinfo=timezone(timedelta(hours=2)))), "2024-05-01T08:30:00.000000000Z"),
        (str(datetime(2024, 5, 1, 10, 30, 0, 5)), "2024-05-01T10:30:00.000005000Z"),
    ],
)
def test_iso(text: str, moment: str) -> None:
    assert str(read_time(text)) == moment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", 0),
        *(("1h", 3600), ("-1h", 3600), ("now-1h", 3600), ("NOW-1h", 3600), (" 30m ", 1800), ("-30m", 1800)),
        *(("7d", 7 * 86_400), ("2w", 14 * 86_400), ("90s", 90), ("now-1d-1h", 90_000), ("now+1h", -3600)),
    ],
)
def test_before_now(text: str, seconds: int) -> None:
    moment = read_time(text)
    assert moment is not None
    assert abs(time.time() - seconds - moment / SECOND) < 60


@pytest.mark.parametrize(("text", "days"), [("today", 0), ("Yesterday", 1)])
def test_days(text: str, days: int) -> None:
    before = datetime.now(UTC) - timedelta(days=days)
    moment = str(read_time(text))
    after = datetime.now(UTC) - timedelta(days=days)
    assert moment in {f"{day:%Y-%m-%d}T00:00:00.000000000Z" for day in (before, after)}


@pytest.mark.parametrize(
    "text",
    [
        *("10", "05:22", "1", "1438233732.66", "30 July 2015", "July", "Monday", "noon", "last week", "1 hour", "h"),
        *("yesteryear", "tomorrow", "2024-13-01", "2024-02-30", "2024-05-01T25:00", "01/05/2024", "2024/05/01"),
        *("1969-12-31", "2263-01-01", "9999-01-01", "now-99999w", "+1h", "1h30m", "\0", "٣h", "1y", "2024-05-01T"),
    ],
)
def test_all_other_texts_are_errors(text: str) -> None:
    with pytest.raises(UsageError, match="is not a time between") as caught:
        read_time(text)
    for example in ("2024-05-01T10:30:00", "1h", "now-1h", "yesterday"):
        assert example in caught.value.hint


def test_both() -> None:
    first, last = read_time("2024-05-01"), read_time("2024-05-02")
    assert read_time_range("2024-05-01", "2024-05-02") == Range("@timestamp", first, last, True, False)
    assert read_time_range("", "2024-05-02") == Range("@timestamp", None, last, True, False)
    assert read_time_range(" ", "") == Everything()
    assert read_time("") is None


def test_an_end_before_the_start() -> None:
    with pytest.raises(UsageError, match=r"no packet is from 2024-05-02.* on and before 2024-05-01"):
        read_time_range("2024-05-02", "2024-05-01")
