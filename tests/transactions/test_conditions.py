"""Conditions on the values of a message."""

import pytest

from espcap.base.errors import UsageError
from espcap.query import And, Equals, Everything, Exists, Matches, Not, Or, Query, Range, Unsearchable, Wildcard, Words
from espcap.transactions.conditions import compile_query

NAMES = {"layers.a.n": "a.n", "layers.a.t": "a.t", "layers.a.b": "a.b"}
VALUES: dict[str, list[object]] = {"a.n": [1, 7], "a.t": ["GET /x"], "a.b": [False]}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (Everything(), True),
        (Equals("layers.a.n", 7), True),
        (Equals("layers.a.n", 2), False),
        (Equals("layers.a.b", False), True),
        (Not(Equals("layers.a.n", 2)), True),
        (And((Exists("layers.a.t"), Equals("layers.a.n", 1))), True),
        (And((Exists("layers.a.t"), Equals("layers.a.n", 3))), False),
        (Or((Equals("layers.a.n", 3), Exists("layers.a.b"))), True),
        (Or(()), False),
        (Exists("layers.a"), True),
        (Range("layers.a.n", 6, None), True),
        (Range("layers.a.n", 7, None, include_low=False), False),
        (Range("layers.a.n", None, 1), True),
        (Range("layers.a.n", 2, 6), False),
        (Wildcard("layers.a.t", "GET*"), True),
        (Wildcard("layers.a.t", "POST*"), False),
        (Matches("layers.a.t", "GET /[a-z]"), True),
        (Matches("layers.a.t", "GET"), False),
        (Equals("payload_fields", "a.t"), False),
        (Unsearchable("layers.a.t"), False),
    ],
)
def test_conditions(query: Query, expected: bool) -> None:
    assert compile_query(query, NAMES)(VALUES) is expected


@pytest.mark.parametrize("query", [Equals("layers.b.n", 1), Words("layers.a.t", "get")])
def test_texts_that_cannot_be_a_condition(query: Query) -> None:
    with pytest.raises(UsageError, match="cannot be used in a declaration"):
        compile_query(query, NAMES)


def test_a_message_without_values() -> None:
    assert not compile_query(Equals("layers.a.n", 1), NAMES)({})
    assert compile_query(Not(Exists("layers.a.n")), NAMES)({})
