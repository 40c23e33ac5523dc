"""Bounds of queries, the same for every store and language, so that all answer alike."""

from espcap.base.errors import UsageError, shortened
from espcap.query import And, Equals, Matches, Not, Or, Query, Range, Wildcard, Words
from espcap.query.words import TEXT_PATHS, whole_words, words

DEEPEST = 24
"""Levels of And, Or and Not. Elasticsearch takes 30, and a condition has up to 4 there."""
MOST = 1000
"""Conditions. Elasticsearch takes 1,024 on the smallest of nodes."""
LONGEST_INDEXED = 8191
"""Characters of a text in an index, in UTF-16 units: documents have longer texts too, and searches do not see them.

Elasticsearch has up to 4 bytes for each of them, in a term of at most 32,766 bytes.
"""
LONGEST_TEXT = 10_000
"""Characters of text, in UTF-16 units: below the 32,766 bytes of UTF-8 at which Elasticsearch fails."""
LONGEST_PATTERN = 1000
"""Characters of a pattern; Elasticsearch takes no longer regular expression (index.max_regex_length)."""
LONGEST_WORDS = 200
"""Characters of words; the regular expression for them is up to five times as long."""
TOO_DEEP = UsageError("the query is nested too deeply", f"use at most {DEEPEST} levels of parentheses")


def bounded(query: Query) -> Query:
    """The same query. Raises UsageError where it is too large for a store."""
    conditions = _count(query, 0)
    if conditions > MOST:
        message = f"the query has {conditions:,} conditions, and at most {MOST:,} can be searched for"
        raise UsageError(
            message, "put quotes around words that stand one after the other; each word is looked for in many fields"
        )
    return query


def _count(query: Query, depth: int) -> int:
    if depth > DEEPEST:
        raise TOO_DEEP
    match query:
        case Range(path) | Wildcard(path) | Matches(path) if path in TEXT_PATHS:
            raise whole_words(path)
        case And(parts) | Or(parts):
            return sum(_count(part, depth + 1) for part in parts)
        case Not(part):
            return _count(part, depth + 1)
        case Equals(path, str() as text) | Range(path, str() as text) | Range(path, _, str() as text):
            _refuse_longer(text, path, LONGEST_TEXT, "text")
        case Wildcard(path, pattern) | Matches(path, pattern):
            _refuse_longer(pattern, path, LONGEST_PATTERN, "patterns")
        case Words(path, text):
            _refuse_longer(text, path, LONGEST_WORDS, "words")
            if not words(text):
                raise UsageError(f"{shortened(text)!r} has no word to search for", "words are letters and digits")
    return 1


def _refuse_longer(text: str, path: str, longest: int, what: str) -> None:
    if len(text.encode("utf-16-le")) > 2 * longest:
        message = f"{path}: {what} of more than {longest:,} characters cannot be searched for"
        raise UsageError(message, "ask for a part of it")


def refuse_surrogates(text: str) -> None:
    """Raises UsageError where text is no UTF-8, as it came from the shell."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UsageError(f"{shortened(text)!r} is not UTF-8", "write other bytes as \\xff in a display filter's quotes")
