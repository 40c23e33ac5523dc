"""Selects the days of packets to delete: by age, or until the rest is small enough. Deletes nothing itself."""

import re
from collections.abc import Sequence
from datetime import date, timedelta

from espcap.base.errors import UsageError
from espcap.documents.types import day_of
from espcap.stores import StoredDay

_UNITS = {"d": 1, "w": 7}


def parse_age(text: str) -> int:
    """Returns the number of days in `30d` or `4w`. Raises UsageError if the text is not an age."""
    match = re.fullmatch(r"(\d{1,5})([dw])", text.strip())
    if not match or not int(match[1]):
        raise UsageError(f"{text!r} is not a number of days or weeks", "write --keep 30d or --keep 4w")
    return int(match[1]) * _UNITS[match[2]]


def older_than(days: Sequence[StoredDay], age: int, today: date) -> list[StoredDay]:
    """Returns the indices of days that are more than `age` days before today."""
    oldest = (today - timedelta(age)) if age < today.toordinal() else date.min
    return [day for day in days if (name := day_of(day.name)) and name < oldest]


def loaded_before(days: Sequence[StoredDay], age: int, now: float) -> list[StoredDay]:
    """Returns the indices in which nothing was stored for `age` days before `now` (seconds since 1970)."""
    latest = now - age * 86_400
    return [day for day in days if day_of(day.name) and day.loaded is not None and day.loaded < latest]


def beyond_size(days: Sequence[StoredDay], largest: int) -> list[StoredDay]:
    """Returns the oldest days, as many as must be deleted for the rest to have at most `largest` bytes."""
    total = sum(day.bytes for day in days)
    gone = []
    for day in sorted((day for day in days if day_of(day.name)), key=lambda day: day.name):
        if total <= largest:
            break
        total -= day.bytes
        gone.append(day)
    return gone
