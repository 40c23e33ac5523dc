"""Limits of queries. They are the same for every store and both languages, so that all stores find the same."""

from espcap.base.errors import UsageError, shortened
from espcap.query import And, Equals, Matches, Not, Or, Query, Range, Wildcard, Words
from espcap.query.words import TEXT_PATHS, whole_words_error, words

DEEPEST = 24
"""Levels of And, Or and Not. Elasticsearch allows 30, and one condition takes up to 4 of them."""
MOST = 1000
"""Number of conditions. The smallest Elasticsearch allows 1,024."""
LONGEST_INDEXED = 8191
"""Length in UTF-16 units of the longest indexed text. Documents contain longer texts; searches do not find them.

Elasticsearch allows terms of 32,766 bytes, and a unit can take 4 bytes.
"""
LONGEST_TEXT = 10_000
"""Length in UTF-16 units of the longest text in a query. Elasticsearch fails with more than 32,766 bytes of UTF-8."""
LONGEST_PATTERN = 1000
"""Length of the longest pattern. Elasticsearch allows no longer regular expression (index.max_regex_length)."""
LONGEST_WORDS = 200
"""Length of the longest text that is searched by words. Its regular expression is up to five times as long."""
TOO_DEEP = UsageError("the query is nested too deeply", f"use at most {DEEPEST} levels of parentheses")


def bounded(query: Query) -> Query:
    """Returns the same query. Raises UsageError if it is too large for a store."""
    conditions = _count(query, 0)
    if conditions > MOST:
        message = f"the query has {conditions:,} conditions, and at most {MOST:,} are allowed"
        raise UsageError(
            message, "put quotes around words that follow each other; each word is searched in many fields"
        )
    return query


def _count(query: Query, depth: int) -> int:
    if depth > DEEPEST:
        raise TOO_DEEP
    match query:
        case Range(path) | Wildcard(path) | Matches(path) if path in TEXT_PATHS:
            raise whole_words_error(path)
        case And(parts) | Or(parts):
            return sum(_count(part, depth + 1) for part in parts)
        case Not(part):
            return _count(part, depth + 1)
        case Equals(path, str() as text) | Range(path, str() as text) | Range(path, _, str() as text):
            _check_length(text, path, LONGEST_TEXT, "text")
        case Wildcard(path, pattern) | Matches(path, pattern):
            _check_length(pattern, path, LONGEST_PATTERN, "patterns")
        case Words(path, text):
            _check_length(text, path, LONGEST_WORDS, "words")
            if not words(text):
                raise UsageError(f"{shortened(text)!r} has no word to search for", "words are letters and digits")
    return 1


def _check_length(text: str, path: str, longest: int, noun: str) -> None:
    if len(text.encode("utf-16-le")) > 2 * longest:
        message = f"{path}: {noun} of more than {longest:,} characters cannot be searched for"
        raise UsageError(message, "search for a part of it")


def check_utf8(text: str) -> None:
    """Raises UsageError if text from the shell is not UTF-8."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UsageError(f"{shortened(text)!r} is not UTF-8", "write other bytes as \\xff in a display filter's quotes")
