"""Times of packets: nanoseconds since 1970 (UTC), and how tshark and documents write them."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000_000
DAY = 86400 * SECOND
LATEST = 2**63 - 1
"""The latest time that Elasticsearch can hold, in nanoseconds since 1970."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = re.compile(r"\d{1,10}\.\d{9}")
_MOMENT = re.compile(r"(\d{4,})(-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9,10}|-\d{8})Z")
_CYCLE = 400
"""Years after which the Gregorian calendar repeats."""
_CYCLE_SECONDS = 146_097 * 86_400


def epoch_text(text: str) -> str:
    """Converts an ISO 8601 time, which `tshark -T json` prints from 4.6 on, to seconds since 1970.

    Returns a text such as `1438233732.662099000`. A damaged fraction becomes what `tshark -T fields` prints for it. Any
    other text is returned unchanged.
    """
    match = _MOMENT.fullmatch(text)
    seconds = _seconds(int(match[1]), match[2]) if match else None
    if not match or seconds is None:
        return text
    fraction = int(match[3])
    if fraction >= SECOND:
        return f"{seconds}.({fraction} nanosec"
    if fraction < 0:
        return f"-{seconds}.{-fraction:09}"
    whole, rest = divmod(abs(seconds * SECOND + fraction), SECOND)
    return f"{'-' if seconds < 0 else ''}{whole}.{rest:09}"


def _seconds(year: int, rest: str) -> int | None:
    """Seconds since 1970 of a time in any year; None if the date does not exist, such as 30 February."""
    cycles, year = divmod(year, _CYCLE)
    try:
        moment = datetime.fromisoformat(f"{2000 + year}{rest}Z")
    except ValueError:
        return None
    return (moment - _BEGINNING) // timedelta(seconds=1) + (cycles - 2000 // _CYCLE) * _CYCLE_SECONDS


def parse_epoch(text: str) -> int | None:
    """Converts tshark's seconds since 1970, such as `1438233732.662099000`, to nanoseconds.

    Returns None if the text is not such a time or the time is later than LATEST.
    """
    nanoseconds = int(text.replace(".", "")) if _EPOCH.fullmatch(text) else None
    return nanoseconds if nanoseconds is not None and nanoseconds <= LATEST else None


def timestamp(nanoseconds: int) -> str:
    """Nanoseconds since 1970 as the text of `@timestamp`: `2015-07-30T05:22:12.662099000Z`."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    return f"{date_text(seconds)[:19]}.{fraction:09}Z"


@lru_cache(maxsize=4096)
def date_text(seconds: int) -> str:
    """Seconds since 1970 as the text of `sniff_date_utc`: `2015-07-30T05:22:12+0000`."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(seconds))
