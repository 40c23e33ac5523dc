"""Searches texts by their words instead of as whole values.

A word is a sequence of letters and digits. Every character that is not ASCII counts as a letter. Case is ignored.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any

from espcap.base.errors import UsageError

TEXT_PATHS = frozenset(["info"])
"""Paths whose values are indexed as words and therefore cannot be sorted or counted."""
SEPARATORS = r"\x00-/:-@\[-`{-\x7f"
"""Characters between words, as the inside of a class of a regular expression."""

_WORD = re.compile(f"[^{SEPARATORS}]+")
_BETWEEN = "[\0-/:-@\\[\\\\\\]\\^_`{-\x7f]"  # the syntax of `Matches` has no \x and no escaped ends of ranges
_WILDCARDS = {"*": ".*", "?": "."}
_HINT = "search it by words"


def words(text: str) -> list[str]:
    """Returns the words of a text in lower case."""
    lower = text.lower() if text.isascii() else "".join(map(str.lower, text))  # letter by letter, as indices do
    return _WORD.findall(lower)


def expression_of_words(text: str) -> str:
    """Returns the regular expression (`Matches`) for values that contain the words of `text` one after the other."""
    middle = f"{_BETWEEN}+".join("".join(map(_caseless, word)) for word in words(text))
    return f"(.*{_BETWEEN})?{middle}({_BETWEEN}.*)?"


def expression_of_word(pattern: str) -> str:
    """Returns the regular expression for a word with wildcards, which can match several words: `goog*`, `v?.1`."""
    return f"(.*{_BETWEEN})?{expression_of_wildcards(pattern, _escaped)}({_BETWEEN}.*)?"


def expression_of_wildcards(pattern: str, escape: Callable[[str], str]) -> str:
    """Returns the regular expression for a pattern of `Wildcard`. `escape` returns that for one other character."""
    tokens = re.findall(r"\\.|.", pattern, re.DOTALL)
    return "".join(_WILDCARDS.get(token) or escape(token[-1]) for token in tokens)


def _escaped(letter: str) -> str:
    if letter == '"':
        return '["]'
    return f"\\{letter}" if letter in r"\.+*?()|[]{}^$" else _caseless(letter)


def _caseless(letter: str) -> str:
    forms = sorted({form for form in (letter, letter.lower(), letter.upper()) if len(form) == 1})
    return f"[{''.join(forms)}]" if len(forms) > 1 else letter


def whole_words_error(path: str) -> UsageError:
    """Returns the error for a range or a pattern on a path that is indexed as words."""
    return UsageError(f"{path} is searched by whole words", f'write words that it contains: {path}:"GET /index"')


def check_sortable(paths: Iterable[str]) -> None:
    """Raises UsageError if one of the paths is indexed as words."""
    for path in paths:
        if path in TEXT_PATHS:
            raise UsageError(f"{path} is indexed by its words: it cannot be sorted or counted", _HINT)


def fields_of(aggregations: dict[str, Any]) -> list[str]:
    """Returns the paths in the aggregations of a search request."""
    found = []
    for key, value in aggregations.items():
        if isinstance(value, dict):
            found += fields_of(value)
        elif key == "field":
            found.append(str(value))
    return found
