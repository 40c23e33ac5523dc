"""Words: what a text is searched by where whole values are of no use.

A word is a run of letters and digits; every character beyond ASCII is taken for a letter. Case does not count.
"""

import re
from collections.abc import Iterable
from typing import Any

from espcap.base.errors import UsageError

TEXT_PATHS = frozenset(["info"])
"""Paths whose values are indexed as words, and so are neither sorted nor counted."""
SEPARATORS = r"\x00-/:-@\[-`{-\x7f"
"""What is between words, as the inside of a class of a regular expression."""

_WORD = re.compile(f"[^{SEPARATORS}]+")
_BETWEEN = (
    "[\0-/:-@\\[\\\\\\]\\^_`{-\x7f]"  # for `Matches`, which knows no \x, and no escaped end of a range everywhere
)
_WILDCARDS = {"*": ".*", "?": "."}
_HINT = "search it by words"


def words(text: str) -> list[str]:
    """The words of a text in lower case."""
    lower = text.lower() if text.isascii() else "".join(map(str.lower, text))  # each letter by itself, as in indices
    return _WORD.findall(lower)


def expression(text: str) -> str:
    """The regular expression (`Matches`) of values in which the words of `text` stand one after the other."""
    middle = f"{_BETWEEN}+".join("".join(map(_caseless, word)) for word in words(text))
    return f"(.*{_BETWEEN})?{middle}({_BETWEEN}.*)?"


def pattern_of_word(pattern: str) -> str:
    """The same (`Matches`) for one word with wildcards, each of which may stand for several words: `goog*`, `v?.1`."""
    tokens = re.findall(r"\\.|.", pattern, re.DOTALL)
    middle = "".join(_WILDCARDS.get(token) or _escaped(token[-1]) for token in tokens)
    return f"(.*{_BETWEEN})?{middle}({_BETWEEN}.*)?"


def _escaped(letter: str) -> str:
    if letter == '"':
        return '["]'
    return f"\\{letter}" if letter in r"\.+*?()|[]{}^$" else _caseless(letter)


def _caseless(letter: str) -> str:
    forms = sorted({form for form in (letter, letter.lower(), letter.upper()) if len(form) == 1})
    return f"[{''.join(forms)}]" if len(forms) > 1 else letter


def whole_words(path: str) -> UsageError:
    """What to raise for a range or a pattern of such a path."""
    return UsageError(f"{path} is searched by whole words", f'write words as they stand in it: {path}:"GET /index"')


def refuse_texts(paths: Iterable[str]) -> None:
    """Raises UsageError where one of the paths has words only."""
    for path in paths:
        if path in TEXT_PATHS:
            raise UsageError(f"{path} is indexed by its words: it can be neither sorted nor counted", _HINT)


def fields_of(aggregations: dict[str, Any]) -> list[str]:
    """The paths that the aggregations of a request name."""
    found = []
    for key, value in aggregations.items():
        if isinstance(value, dict):
            found += fields_of(value)
        elif key == "field":
            found.append(str(value))
    return found
