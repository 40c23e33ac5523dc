"""The words of texts, and regular expressions for them."""

import re

import pytest

from espcap.base.errors import UsageError
from espcap.query.words import (
    check_sortable,
    expression_of_wildcards,
    expression_of_word,
    expression_of_words,
    fields_of,
    words,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("53 → 80", ["53", "→", "80"]),
        ("GET /index.html", ["get", "index", "html"]),
        ("[SYN, ACK] Größe_ß", ["syn", "ack", "größe", "ß"]),
        ("a\tb\0c\x7fd", ["a", "b", "c", "d"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "value", "is_found"),
    [
        ("get index", "GET /index.html", True),
        ("get index", "xGET /index", False),
        ("get index", "GET /indexes", False),
        ("get index", "GET the index", False),
        ("index get", "GET /index", False),
        ("größe", "die GRÖßE!", True),
        ("b", "a\nb\nc", True),
    ],
)
def test_expression_of_words(text: str, value: str, is_found: bool) -> None:
    assert bool(re.compile(expression_of_words(text), re.DOTALL).fullmatch(value)) is is_found


@pytest.mark.parametrize(
    ("pattern", "value", "is_found"),
    [
        ("goog*", "www.Google.com", True),
        ("goog*", "agoogle", False),
        ("v?.1", "TLSv2 v3.1", True),
        ("v?.1", "v.1", False),
        (r"a\*", "a*", True),
        (r"a\*", "ab", False),
        ("(x", "(x y", True),
    ],
)
def test_expression_of_word(pattern: str, value: str, is_found: bool) -> None:
    assert bool(re.compile(expression_of_word(pattern), re.DOTALL).fullmatch(value)) is is_found


def test_wildcards_that_are_escaped() -> None:
    assert expression_of_wildcards(r"a*b?c\*d\?e\\f", lambda letter: f"<{letter}>") == (
        r"<a>.*<b>.<c><*><d><?><e><\><f>"
    )


def test_sortable_paths() -> None:
    check_sortable(["protocol", "layers.ip.src"])
    with pytest.raises(UsageError, match=r"^info is indexed by its words: it cannot be sorted or counted$"):
        check_sortable(["protocol", "info"])


def test_fields_of_aggregations() -> None:
    inner = {"bytes": {"sum": {"field": "network.bytes"}}}
    request = {"names": {"terms": {"field": "protocol", "size": 3}, "aggs": inner}, "t": {"stats": {"field": "a.b"}}}
    assert fields_of(request) == ["protocol", "network.bytes", "a.b"]
