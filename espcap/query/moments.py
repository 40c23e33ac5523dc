"""The two times of a query: dates and times of ISO 8601, or relative to now. Nothing is guessed."""

import re

from espcap.base.errors import UsageError, shortened
from espcap.fields.field import Kind
from espcap.query import Everything, Query, Range
from espcap.query.values import Time, span

_EXAMPLES = "write it as 2024-05-01, 2024-05-01T10:30:00 (UTC, or with +02:00), 1h, 30m, 7d, now-1h, today or yesterday"
_AGO = re.compile(r"-?([0-9]{1,6}[smhdw])")
_SPELLED = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\S+?) ?(Z|UTC|[+-]\d\d:?\d\d)?", re.I)


def read_times(since: str, until: str) -> Query:
    """Packets from one time on and before another; empty text is no bound. Raises UsageError."""
    low, high = read_moment(since), read_moment(until)
    if low is None and high is None:
        return Everything()
    if low is not None and high is not None and low >= high:
        raise UsageError(f"no packet is from {low} on and before {high}", "give an end that is later than the start")
    return Range("@timestamp", low, high, True, False)


def read_moment(text: str) -> Time | None:
    """The first moment that a text names, UTC unless it says otherwise; None for empty text. Raises UsageError."""
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
    """The same in the words of a query string: `1h` and `-1h` are `now-1h`."""
    if match := _AGO.fullmatch(text):
        return f"now-{match[1]}"
    if match := _SPELLED.fullmatch(text):
        zone = (match[3] or "").upper().replace("UTC", "Z")
        return f"{match[1]}T{match[2]}{zone}"
    return text.lower()
