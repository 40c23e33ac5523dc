from datetime import date

import pytest

from espcap.base.errors import UsageError
from espcap.documents.types import day_of
from espcap.stores import StoredDay
from espcap.stores.retention import beyond_size, older_than, parse_age

NAMES = ["packets-2024-04-30", "packets-2024-05-01", "packets-2024-05-31", "packets-2262-04-11", "packets-undated"]
DAYS = [StoredDay(name, 10, 100) for name in NAMES]


def names(days: list[StoredDay]) -> list[str]:
    return [day.name for day in days]


@pytest.mark.parametrize(("text", "days"), [("1d", 1), ("30d", 30), (" 4w ", 28)])
def test_age(text: str, days: int) -> None:
    assert parse_age(text) == days


@pytest.mark.parametrize("text", ["", "30", "d", "0d", "-1d", "1.5d", "3m", "1 year", "999999d"])
def test_texts_that_are_not_an_age(text: str) -> None:
    with pytest.raises(UsageError, match="is not a number of days or weeks"):
        parse_age(text)


@pytest.mark.parametrize("name", ["packets-undated", "packets-2024-13-01", "packets-2024-05-01-old", "other"])
def test_names_that_are_no_day(name: str) -> None:
    assert day_of(name) is None


@pytest.mark.parametrize(("age", "gone"), [(30, 1), (31, 0), (29, 2), (1, 2), (99_999, 0), (999_999, 0)])
def test_days_go_by_their_name(age: int, gone: int) -> None:
    """On the 31st of May with 30 days kept, the 1st is the oldest that stays."""
    assert names(older_than(DAYS, age, date(2024, 5, 31))) == NAMES[:gone]


@pytest.mark.parametrize(("largest", "gone"), [(500, 0), (499, 1), (300, 2), (100, 4), (0, 4)])
def test_the_oldest_go_until_the_rest_fits(largest: int, gone: int) -> None:
    assert names(beyond_size(DAYS[::-1], largest)) == NAMES[:gone]
