"""Translates conditions on strings to regular expressions for tantivy. An expression must match the whole string."""

import re
from dataclasses import replace
from os.path import commonprefix

from espcap.query import Matches, Range, Wildcard, Words
from espcap.query.words import expression_of_wildcards, expression_of_words

_SPECIAL = re.compile(r"([\\.+*?()|\[\]{}^$])")
_LAST = 0x10FFFF
_LONGEST_BOUND = 8
"""Characters of a bound that are used. With more, an expression would exceed tantivy's limit of 1,000 states."""


def expression_of(query: Wildcard | Matches | Words | Range) -> str | None:
    """Returns the expression for the strings that meet the condition; None if no string can meet it."""
    match query:
        case Matches(_, pattern):
            return pattern
        case Words(_, text):
            return expression_of_words(text)
        case Range():
            return "|".join(found) if (found := _in_range(query)) else None
    return expression_of_wildcards(query.pattern, literal)


def split_range(query: Range) -> tuple[Range, list[str]]:
    """Returns a range with short bounds, and the starts of strings for which that range does not decide.

    These starts are the first characters of long bounds.
    """
    low, high = query.low, query.high
    starts = [bound[:_LONGEST_BOUND] for bound in (low, high) if isinstance(bound, str) and len(bound) > _LONGEST_BOUND]
    if isinstance(low, str) and len(low) > _LONGEST_BOUND:
        query = replace(query, low=f"{low[:_LONGEST_BOUND]}{chr(_LAST)}")
    if isinstance(high, str) and len(high) > _LONGEST_BOUND:
        query = replace(query, high=high[:_LONGEST_BOUND], include_high=False)
    return query, starts


def literal(text: str) -> str:
    """Returns the expression that matches only this text."""
    return _SPECIAL.sub(r"\\\1", text)


def _in_range(query: Range) -> list[str]:
    """Returns expressions that together match the strings of a range. Strings are compared by code points."""
    if query.high is None:
        return _from("", str(query.low), query.include_low)
    if query.low is None:
        return _up_to("", str(query.high), query.include_high)
    bounds = str(query.low), str(query.high)
    shared = commonprefix(bounds)  # noqa: RUF071 - compares characters, not names
    low, high = (bound.removeprefix(shared) for bound in bounds)
    if not high:
        return [literal(shared)] if not low and query.include_low and query.include_high else []
    if not low:
        return _up_to(shared, high, query.include_high)[not query.include_low :]
    if low > high:
        return []
    between = _any_of(shared, ord(low[0]) + 1, ord(high[0]) - 1)
    above = _from(shared + low[0], low[1:], query.include_low)
    return [*above, *between, *_up_to(shared + high[0], high[1:], query.include_high)]


def _from(prefix: str, low: str, include_low: bool) -> list[str]:
    """Returns expressions for strings that are the prefix and then a string that is at least `low`."""
    found = [f"{literal(prefix + low)}{'.*' if include_low else '.+'}"]
    for at, letter in enumerate(low):
        found += _any_of(prefix + low[:at], ord(letter) + 1, _LAST)
    return found


def _up_to(prefix: str, high: str, include_high: bool) -> list[str]:
    """Returns expressions for strings that are the prefix and then a string up to `high`. The first is the prefix."""
    found = []
    for at, letter in enumerate(high):
        found += [literal(prefix + high[:at]), *_any_of(prefix + high[:at], 0, ord(letter) - 1)]
    return [*found, literal(prefix + high)] if include_high else found


def _any_of(prefix: str, first: int, last: int) -> list[str]:
    """Returns the expression for strings with one of these code points after the prefix, except surrogates."""
    first = 0xE000 if 0xD800 <= first <= 0xDFFF else first
    last = 0xD7FF if 0xD800 <= last <= 0xDFFF else last
    return [rf"{literal(prefix)}[\x{{{first:x}}}-\x{{{last:x}}}].*"] if first <= last else []
