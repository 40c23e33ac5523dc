"""Converts text of a query into values of fields: numbers, addresses, networks, and points and spans of time."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, IPv6Address, ip_network
from math import isfinite

from espcap.base.errors import UsageError, shortened
from espcap.base.times import SECOND, timestamp
from espcap.fields.field import Kind

Address = IPv4Address | IPv6Address


class Time(int):
    """A point in time: nanoseconds since 1970, UTC. Its text is RFC 3339 with nine decimals."""

    def __str__(self) -> str:
        return timestamp(self)


def milliseconds_text(milliseconds: float) -> str:
    """Returns a time in milliseconds since 1970 as RFC 3339 with three decimals."""
    return f"{str(Time(int(milliseconds) * 1_000_000))[:23]}Z"


Value = bool | int | float | str | Time | Address
Span = tuple[Value, Value]
"""The smallest and the greatest value that a text means: for a network, a day, or a single number."""

_DATE = r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?)?"
_CLOCK = r"(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:\.(?P<fraction>\d{1,9}))?)?)?"
_TIME = re.compile(rf"{_DATE}(?:[T ]{_CLOCK}(?P<zone>Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_NOW = re.compile(r"now((?:[+-]\d{1,6}[smhdw])*)", re.ASCII)
_DAYS = {"today": 0, "yesterday": 1}
"""How many days ago the day began, in UTC."""
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_UNITS = {"second": timedelta(seconds=1), "minute": timedelta(minutes=1), "hour": timedelta(hours=1)}


def span(path: str, kind: Kind, text: str) -> Span:
    """Returns the values that `text` means for a field of this kind. Raises UsageError if it does not fit the kind."""
    read, expected = _READERS.get(kind, (_text, ""))
    try:
        return read(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{path}: {shortened(text)!r} is not {expected}") from error


def _text(text: str) -> Span:
    return text, text


def _integer_between(least: int, greatest: int) -> Callable[[str], Span]:
    def read(text: str) -> Span:
        number = int(text, 16) if text[:2].lower() == "0x" else int(text)
        if not least <= number <= greatest:
            raise ValueError(text)
        return number, number

    return read


def _float(text: str) -> Span:
    number = float(text)
    if not isfinite(number):
        raise ValueError(text)
    return number, number


def _boolean(text: str) -> Span:
    if (lower := text.lower()) not in _BOOLEANS:
        raise ValueError(text)
    return _BOOLEANS[lower], _BOOLEANS[lower]


def _network(text: str) -> Span:
    network = ip_network(text, strict=False)
    return network[0], network[-1]


def _time(text: str) -> Span:
    if text in _DAYS:
        text = f"{datetime.now(UTC) - timedelta(days=_DAYS[text]):%Y-%m-%d}"
    first, last = _now(match[1]) if (match := _NOW.fullmatch(text)) else _calendar(text)
    if not 0 <= first <= last < 2**63:
        raise ValueError(text)
    return Time(first), Time(last)


def _now(steps: str) -> tuple[int, int]:
    moment = time.time_ns()
    for sign, count, unit in re.findall(r"([+-])(\d+)([smhdw])", steps):
        moment += int(sign + count) * _SECONDS[unit] * SECOND
    return moment, moment


def _calendar(text: str) -> tuple[int, int]:
    match = _TIME.fullmatch(text)
    if not match:
        raise ValueError(text)
    parts = {name: value for name, value in match.groupdict().items() if value}
    zone = parts.pop("zone", "Z")
    fraction = parts.pop("fraction", "")
    numbers = {name: int(value) for name, value in parts.items()}
    start = datetime(**({"month": 1, "day": 1} | numbers), tzinfo=datetime.strptime(zone, "%z").tzinfo)
    if fraction:
        moment = _nanoseconds(start) + int(fraction.ljust(9, "0"))
        return moment, moment
    return _nanoseconds(start), _nanoseconds(_next(start, list(numbers)[-1])) - 1


def _next(start: datetime, unit: str) -> datetime:
    """Returns the start of the next year, month, day, …"""
    if unit == "year":
        return start.replace(year=start.year + 1)
    if unit == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + _UNITS.get(unit, timedelta(days=1))


def _nanoseconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1) * SECOND


_READERS: dict[Kind, tuple[Callable[[str], Span], str]] = {
    Kind.INTEGER: (_integer_between(-(2**63), 2**63 - 1), "an integer of 64 bits"),
    Kind.UNSIGNED: (_integer_between(0, 2**64 - 1), "an unsigned integer of 64 bits"),
    Kind.FLOAT: (_float, "a number"),
    Kind.BOOLEAN: (_boolean, "true or false"),
    Kind.IP: (_network, "an IP address or network such as 10.0.0.0/8"),
    Kind.TIME: (_time, "a time between 1970 and 2262 such as 2015-07-30T05:22"),
}
