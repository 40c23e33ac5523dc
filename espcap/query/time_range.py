"""Parses the start and the end time of a query: in ISO 8601, or relative to now. Ambiguous times are errors."""

import re

from espcap.base.errors import UsageError, shortened
from espcap.fields.field import Kind
from espcap.query import Everything, Query, Range
from espcap.query.values import Time, span

_EXAMPLES = "write it as 2024-05-01, 2024-05-01T10:30:00 (UTC, or with +02:00), 1h, 30m, 7d, now-1h, today or yesterday"
_AGO = re.compile(r"-?([0-9]{1,6}[smhdw])")
_SPELLED = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\S+?) ?(Z|UTC|[+-]\d\d:?\d\d)?", re.I)


def read_time_range(since: str, until: str) -> Query:
    """Returns the query for packets from one time on and before another. Empty text is no limit.

    Raises UsageError if a text is not a time, or if the end is not later than the start.
    """
    low, high = read_time(since), read_time(until)
    if low is None and high is None:
        return Everything()
    if low is not None and high is not None and low >= high:
        raise UsageError(f"no packet is from {low} on and before {high}", "give an end that is later than the start")
    return Range("@timestamp", low, high, True, False)


def read_time(text: str) -> Time | None:
    """Returns the first point in time that a text means, in UTC unless it names a zone; None for empty text.

    Raises UsageError if the text is not a time.
    """
    text = text.strip()
    if not text:
        return None
    try:
        first, _ = span("", Kind.TIME, _plain(text))
    except UsageError as error:
        raise UsageError(f"{shortened(text)!r} is not a time between 1970 and 2262", _EXAMPLES) from error
    assert isinstance(first, Time)
    return first


def _plain(text: str) -> str:
    """Returns the time in the syntax of query strings: `1h` and `-1h` become `now-1h`."""
    if match := _AGO.fullmatch(text):
        return f"now-{match[1]}"
    if match := _SPELLED.fullmatch(text):
        zone = (match[3] or "").upper().replace("UTC", "Z")
        return f"{match[1]}T{match[2]}{zone}"
    return text.lower()
