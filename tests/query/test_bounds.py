"""What can pass a filter that documents cannot answer: never less than what passes."""

import random
from itertools import product

import pytest

from espcap.base.errors import UsageError
from espcap.fields.field import Kind
from espcap.query import And, Equals, Everything, Exists, Not, Or, Query, Unsearchable, Wildcard
from espcap.query.display_filter.bounds import NOTHING, Bounds, bounds

A, B, H = Exists("a"), Exists("b"), Wildcard("h", "*x*")
H_OR_LONG = Or((H, Unsearchable("h")))
KNOWN: dict[str, Query] = {
    "a": A,
    "b": B,
    "a not in {1}": Not(Equals("a", 1)),
    'h contains ") and (x"': H,
    'i contains "x"': Wildcard("i", "*x*"),
    "p contains 01": Wildcard("p", "*01*"),
}
KINDS = {"h": Kind.STRING, "i": Kind.STRING, "p": Kind.BYTES}


def read(text: str) -> Query:
    if text not in KNOWN:
        raise UsageError(text)
    return KNOWN[text]


def bounds_of(text: str) -> Bounds:
    return bounds(text, read, lambda path: KINDS.get(path, Kind.INTEGER), lambda path: path == "h")


@pytest.mark.parametrize(
    ("text", "query", "is_exact"),
    [
        ("a", A, True),
        ("a&&b", And((A, B)), True),
        ("a and not b", And((A, Not(B))), True),
        ("a not in {1} || b", Or((Not(Equals("a", 1)), B)), True),
        ('a && frame contains "x"', And((A,)), False),
        ('a || frame contains "x"', Everything(), False),
        ('!(a || frame contains "x")', Not(Or((A,))), False),
        ('!(a && frame contains "x")', Everything(), False),
        ('!(a && !(frame contains "x")) and b', And((B,)), False),
        ("a and b[0:2] == 01:02 or b and {a + 1} == 2", Or((And((A,)), And((B,)))), False),
        ("a and (b[0] & 1) == 1", And((A,)), False),
        ("len(a) > 5 and b", And((B,)), False),
        ('h contains ") and (x" and a', And((H_OR_LONG, A)), False),
        ('not h contains ") and (x"', Not(H), False),
        ('!!(h contains ") and (x")', H_OR_LONG, False),
        ('i contains "x" and a', And((Wildcard("i", "*x*"), A)), True),
        ("p contains 01 and a", And((A,)), False),
        ("a xor b and a", Everything(), False),
        ("a and", Everything(), False),
        ("(a", Everything(), False),
        ("(" * 5000 + "a" + ")" * 5000, Everything(), False),
    ],
)
def test_bounds(text: str, query: Query, is_exact: bool) -> None:
    found = bounds_of(text)
    assert found == Bounds(query, is_exact)


def _formula(source: random.Random, depth: int) -> str:
    if depth == 0 or source.random() < 0.2:
        return source.choice(["a", "b", "x == x", "y[0] == 1"])
    match source.choice(["not", "and", "or"]):
        case "not":
            return f"{source.choice(['!', 'not '])}({_formula(source, depth - 1)})"
        case word:
            sign = source.choice({"and": [" and ", "&&"], "or": [" or ", " || "]}[word])
            parts = [_formula(source, depth - 1) for _ in range(2)]
            return sign.join(f"({part})" if source.random() < 0.7 else part for part in parts)


def _holds(query: Query, facts: dict[str, bool]) -> bool:
    match query:
        case And(parts):
            return all(_holds(part, facts) for part in parts)
        case Or(parts):
            return any(_holds(part, facts) for part in parts)
        case Not(part):
            return not _holds(part, facts)
        case Exists(path):
            return facts[path]
    assert query == Everything()
    return True


def _passes(text: str, facts: dict[str, bool]) -> bool:
    words = text.replace("x == x", "x").replace("y[0] == 1", "y")
    for sign, word in (("&&", " and "), ("||", " or "), ("!", " not ")):
        words = words.replace(sign, word)
    return bool(eval(words, {}, facts))  # Python's logic binds as that of display filters


def test_nothing_that_passes_is_left_out() -> None:
    """Of random filters, whatever the parts are that documents do not answer; and not all of them find everything."""
    source, narrow = random.Random(4), 0
    for _ in range(2000):
        text = _formula(source, 4)
        found = bounds_of(text)
        narrow += found.query not in (Everything(), NOTHING)
        for values in product((False, True), repeat=4):
            facts = dict(zip("abxy", values, strict=True))
            can_pass = _holds(found.query, facts)
            assert can_pass or not _passes(text, facts), text
            assert not found.is_exact or can_pass == _passes(text, facts), text
    assert narrow > 500
