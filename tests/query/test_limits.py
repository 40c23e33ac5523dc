"""Queries that are too large for a store."""

import pytest

from espcap.base.errors import UsageError
from espcap.query import And, Equals, Matches, Not, Or, Query, Range, Wildcard, Words
from espcap.query.limits import DEEPEST, LONGEST_PATTERN, LONGEST_TEXT, LONGEST_WORDS, MOST, bounded, check_utf8

ONE = Equals("a", 1)


def nested(levels: int) -> Query:
    query: Query = ONE
    for _ in range(levels):
        query = Not(query)
    return query


@pytest.mark.parametrize(
    "query",
    [
        nested(DEEPEST),
        Or((ONE,) * MOST),
        And((Or((ONE,) * (MOST - 1)), ONE)),
        Equals("a", "x" * LONGEST_TEXT),
        Wildcard("a", "x" * LONGEST_PATTERN),
        Words("info", "x" * LONGEST_WORDS),
    ],
)
def test_the_largest(query: Query) -> None:
    assert bounded(query) is query


@pytest.mark.parametrize(
    ("query", "message"),
    [
        (nested(DEEPEST + 1), "the query is nested too deeply"),
        (And((Or((ONE,) * MOST), ONE)), "the query has 1,001 conditions, and at most 1,000 are allowed"),
        (Equals("a", "x" * (LONGEST_TEXT + 1)), "a: text of more than 10,000 characters cannot be searched for"),
        (Equals("a", "\U0001f600" * 5001), "a: text of more than 10,000 characters cannot be searched for"),
        (Range("a", None, "x" * 10_001), "a: text of more than 10,000 characters cannot be searched for"),
        (Matches("a", "x" * 1001), "a: patterns of more than 1,000 characters cannot be searched for"),
        (Words("a", "x" * 201), "a: words of more than 200 characters cannot be searched for"),
        (Words("a", "-+-"), "'-+-' has no word to search for"),
        (Not(Wildcard("info", "x*")), "info is searched by whole words"),
    ],
)
def test_too_large(query: Query, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        bounded(query)
    assert caught.value.message == message


def test_text_that_is_not_utf8() -> None:
    check_utf8("ä\U0001f600")
    with pytest.raises(UsageError, match="is not UTF-8"):
        check_utf8("a\udcff")
