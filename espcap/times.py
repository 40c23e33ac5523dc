"""Packets' times: nanoseconds since 1970, and the texts that documents have of them."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import lru_cache

SECOND = 1_000_000_000
DAY = 86400 * SECOND
LATEST = 2**63 - 1
"""The last time that Elasticsearch can hold."""

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = re.compile(r"\d{1,10}\.\d{9}")


_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{9})Z")


def epoch_text(text: str) -> str:
    """Seconds since 1970, `1438233732.662099000`, of the ISO 8601 that `tshark -T json` prints from 4.6 on.

    What is not such a time stays as it is.
    """
    match = _MOMENT.fullmatch(text)
    try:
        moment = datetime.fromisoformat(f"{match[1]}Z") if match else None
    except ValueError:
        moment = None
    if not match or not moment:
        return text
    nanoseconds = (moment - _BEGINNING) // timedelta(seconds=1) * SECOND + int(match[2])
    seconds, fraction = divmod(abs(nanoseconds), SECOND)
    return f"{'-' if nanoseconds < 0 else ''}{seconds}.{fraction:09}"


def parse_epoch(text: str) -> int | None:
    """The nanoseconds behind what tshark prints, `1438233732.662099000`; None where that is no time up to LATEST."""
    nanoseconds = int(text.replace(".", "")) if _EPOCH.fullmatch(text) else None
    return nanoseconds if nanoseconds is not None and nanoseconds <= LATEST else None


def timestamp(nanoseconds: int) -> str:
    """A time as `@timestamp` has it, `2015-07-30T05:22:12.662099000Z`."""
    seconds, fraction = divmod(nanoseconds, SECOND)
    return f"{date_text(seconds)[:19]}.{fraction:09}Z"


@lru_cache(maxsize=4096)
def date_text(seconds: int) -> str:
    """Seconds since 1970 as `sniff_date_utc` has them, `2015-07-30T05:22:12+0000`."""
    return time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(seconds))
