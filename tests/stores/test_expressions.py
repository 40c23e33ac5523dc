"""Regular expressions for conditions on strings: they match the strings that Python's comparison selects."""

import itertools
import re
from typing import Any

import pytest

from espcap.query import Range, Wildcard
from espcap.stores.local.expressions import expression_of, literal, split_range

STRINGS = [
    *("", "a", "aa", "ab", "abc", "b", "ba", "c", "A", "0", "-", ".", "a.b", "a*b", "é", "\u20ac", "\U0001f600"),
    "a\U0010ffff",
]


def matches(expression: str | None, text: str) -> bool:
    """Whether the expression matches the whole text. A code point is `\\x{61}` in tantivy, `\\U00000061` in Python."""
    if expression is None:
        return False
    python = re.sub(r"\\x\{([0-9a-f]+)\}", lambda found: f"\\U{int(found[1], 16):08x}", expression)
    return bool(re.fullmatch(python, text, re.DOTALL))


def is_within(text: str, query: Range) -> bool:
    low, high = query.low, query.high
    above = low is None or text > str(low) or (query.include_low and text == low)
    return above and (high is None or text < str(high) or (query.include_high and text == high))


BOUNDS: list[Any] = [None, "a", "ab", "abc", "b", "\u20ac", "a.b"]


@pytest.mark.parametrize(("include_low", "include_high"), [(True, True), (True, False), (False, True), (False, False)])
def test_ranges(include_low: bool, include_high: bool) -> None:
    for low, high in itertools.product(BOUNDS, repeat=2):
        if low is None and high is None:
            continue
        query = Range("p", low, high, include_low, include_high)
        found = [text for text in STRINGS if matches(expression_of(query), text)]
        assert found == [text for text in STRINGS if is_within(text, query)], query


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("a*", ["a", "aa", "ab", "abc", "a.b", "a*b", "a\U0010ffff"]),
        ("a?b", ["a.b", "a*b"]),
        (r"a\*b", ["a*b"]),
        ("a.b", ["a.b"]),
        ("?", ["a", "b", "c", "A", "0", "-", ".", "é", "\u20ac", "\U0001f600"]),
    ],
)
def test_wildcards(pattern: str, expected: list[str]) -> None:
    expression = expression_of(Wildcard("p", pattern))
    assert [text for text in STRINGS if matches(expression, text)] == expected


def test_literals() -> None:
    text = r"\.+*?()|[]{}^$a"
    assert matches(literal(text), text)
    assert [each for each in STRINGS if matches(literal("a.b"), each)] == ["a.b"]


def test_long_bounds() -> None:
    """The short range decides on all strings except those that start as a bound."""
    query = Range("p", "aaaaaaaab", "ccccccccd", True, True)
    short, starts = split_range(query)
    assert starts == ["aaaaaaaa", "cccccccc"]
    for text in [*STRINGS, "aaaaaaaaa", "aaaaaaaac", "bbbbbbbbbbbbb", "cccccccce", "ccccccca", "dddddddddd"]:
        if not text.startswith(tuple(starts)):
            assert is_within(text, short) == is_within(text, query), text
