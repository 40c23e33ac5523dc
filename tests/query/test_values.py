"""Texts of queries as values of a kind."""

from ipaddress import ip_address
from typing import Any

import pytest

from espcap.base.errors import UsageError
from espcap.fields.field import Kind
from espcap.query.values import Time, milliseconds_text, span

HOUR = 3600 * 10**9
DAY = 24 * HOUR


@pytest.mark.parametrize(
    ("kind", "text", "low", "high"),
    [
        (Kind.STRING, "0x10", "0x10", "0x10"),
        (Kind.BYTES, "aa:bb", "aa:bb", "aa:bb"),
        (Kind.INTEGER, "0X1f", 31, 31),
        (Kind.INTEGER, "-9223372036854775808", -(2**63), -(2**63)),
        (Kind.UNSIGNED, "18446744073709551615", 2**64 - 1, 2**64 - 1),
        (Kind.FLOAT, "1e-3", 0.001, 0.001),
        (Kind.BOOLEAN, "TRUE", True, True),
        (Kind.BOOLEAN, "0", False, False),
        (Kind.IP, "10.1.2.3/8", ip_address("10.0.0.0"), ip_address("10.255.255.255")),
        (Kind.IP, "::1", ip_address("::1"), ip_address("::1")),
        (Kind.TIME, "1970", 0, 365 * DAY - 1),
        (Kind.TIME, "1970-02", 31 * DAY, 59 * DAY - 1),
        (Kind.TIME, "1970-12", 334 * DAY, 365 * DAY - 1),
        (Kind.TIME, "1970-01-02", DAY, 2 * DAY - 1),
        (Kind.TIME, "1970-01-02T01", DAY + HOUR, DAY + 2 * HOUR - 1),
        (Kind.TIME, "1970-01-02T01:00:00+01:00", DAY, DAY + 10**9 - 1),
        (Kind.TIME, "1970-01-01 00:00:00.5", 500_000_000, 500_000_000),
    ],
)
def test_span(kind: Kind, text: str, low: Any, high: Any) -> None:
    assert span("path", kind, text) == (low, high)


@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        (Kind.INTEGER, "9223372036854775808", "an integer of 64 bits"),
        (Kind.UNSIGNED, "-1", "an unsigned integer of 64 bits"),
        (Kind.FLOAT, "nan", "a number"),
        (Kind.BOOLEAN, "yes", "true or false"),
        (Kind.IP, "10.0.0.256", "an IP address or network such as 10.0.0.0/8"),
        (Kind.TIME, "1969-12-31", "a time between 1970 and 2262 such as 2015-07-30T05:22"),
        (Kind.TIME, "2263", "a time between 1970 and 2262 such as 2015-07-30T05:22"),
        (Kind.TIME, "2023-02-29", "a time between 1970 and 2262 such as 2015-07-30T05:22"),
    ],
)
def test_texts_that_do_not_fit(kind: Kind, text: str, expected: str) -> None:
    with pytest.raises(UsageError) as caught:
        span("a.b", kind, text)
    assert caught.value.message == f"a.b: {text!r} is not {expected}"


def test_relative_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time_ns", lambda: 100 * DAY)
    assert span("", Kind.TIME, "now-1d+2h") == (Time(99 * DAY + 2 * HOUR),) * 2
    assert span("", Kind.TIME, "now-2w") == (Time(86 * DAY),) * 2


def test_texts_of_times() -> None:
    assert str(Time(DAY + 1)) == "1970-01-02T00:00:00.000000001Z"
    assert milliseconds_text(1001.0) == "1970-01-01T00:00:01.001Z"
