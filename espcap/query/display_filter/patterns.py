"""Translates Perl's regular expressions to those of `espcap.query.Matches`, which every store understands.

The latter are case-sensitive, must match the whole text, and `.` is any character. Features of Perl (ignored case, a
match within the text, `.` without line feeds, `\\d`) are written out. Features beyond regular languages, such as
references to groups, are errors.
"""

import re
from collections.abc import Iterable

from espcap.base.errors import UsageError, shortened
from espcap.query.display_filter.grammar import TSHARK_CAN
from espcap.query.limits import TOO_DEEP

LARGEST = 250
"""Largest size of an expression in characters, each repeated part multiplied by its largest count."""
_SPECIAL = set(r"\.+*?()|[]{}^$")
_CLASS_SPECIAL = set(r"\[]^-&~")
_SPACE = " \t\n\v\f\r"
_CLASSES = {"d": "0-9", "w": "A-Za-z0-9_", "s": _SPACE}
_CONTROLS = {"a": "\a", "e": "\x1b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_POSIX = {
    "alpha": "A-Za-z",
    "digit": "0-9",
    "alnum": "A-Za-z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": _SPACE,
    "xdigit": "0-9A-Fa-f",
    "word": "A-Za-z0-9_",
    "punct": r"!-/:-@\[\\\]\^_`{|}\~",
}
_ENDS = "^ and $ can stand only at the ends of the whole expression or of its alternatives"
_REPAIR = "correct the expression"
_QUANTIFIER = re.compile(r"[*+?]|\{\d+(?:,\d*)?\}")
_COUNTS = re.compile(r"\{(\d+)(?:,(\d*))?\}")
_NAMED_GROUP = re.compile(r"\?P?<[A-Za-z_]\w*>")
_FLAGS = re.compile(r"\(\?([is]*)(?:-([is]+))?\)")


def caseless(text: str) -> str:
    """Returns the expression that matches a text and ignores the case of ASCII letters."""
    return "".join(_character(character, caseless=True) for character in text)


def translate(pattern: str) -> str:
    """Returns the expression for the operator `matches`. Raises UsageError if stores cannot search for the pattern."""
    try:
        return _Translator(pattern).translate()
    except RecursionError:
        raise TOO_DEEP from None


def _character(character: str, caseless: bool) -> str:
    if caseless and character.isascii() and character.isalpha():
        return f"[{character.lower()}{character.upper()}]"
    if character == '"':  # an operator in Elasticsearch
        return '["]'
    return f"\\{character}" if character in _SPECIAL else character


class _Translator:
    """Translates an expression from left to right."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._position = 0
        self._size = 0
        self._caseless, self._dot_all = True, False

    def translate(self) -> str:
        self._flags()
        alternatives = [self._anchored()]
        while self._take("|"):
            alternatives.append(self._anchored())
        if self._at(")"):
            raise self._wrong("a closing parenthesis has no opening one", _REPAIR)
        if self._position < len(self._pattern):
            raise self._wrong(_ENDS)
        return alternatives[0] if len(alternatives) == 1 else "|".join(f"({each})" for each in alternatives)

    def _flags(self) -> None:
        while match := _FLAGS.match(self._pattern, self._position):
            on, off = match[1], match[2] or ""
            self._caseless = ("i" in on or self._caseless) and "i" not in off
            self._dot_all = ("s" in on or self._dot_all) and "s" not in off
            self._position = match.end()

    def _anchored(self) -> str:
        """Translates one alternative, which can match anywhere in a text unless it has `^` or `$`."""
        start = "" if self._take("^") or self._take(r"\A") else ".*"
        middle = self._sequence()
        if self._take("$") or self._take(r"\Z"):
            return f"{start}{middle}\n?"
        return start + middle + ("" if self._take(r"\z") else ".*")

    def _sequence(self) -> str:
        parts = []
        while self._position < len(self._pattern) and not self._at("|", ")", "$", r"\Z", r"\z"):
            before = self._size
            atom = self._atom()
            parts.append(self._quantified(atom, max(1, self._size - before)))
        return "".join(parts)

    def _atom(self) -> str:
        character = self._next()
        self._size += character != "("
        match character:
            case ".":
                return "." if self._dot_all else "[^\n]"
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case "^":
                raise self._wrong(_ENDS)
            case "*" | "+" | "?":
                raise self._wrong(f"{character} has nothing to repeat", _REPAIR)
        return _character(character, self._caseless)

    def _group(self) -> str:
        if match := _NAMED_GROUP.match(self._pattern, self._position):
            self._position = match.end()
        if self._at("?") and not self._take("?:"):
            raise self._wrong("groups that start with (? are not supported, except (?:…), and (?i) at the start")
        alternatives = [self._sequence()]
        while self._take("|"):
            alternatives.append(self._sequence())
        if self._at("$", r"\Z", r"\z"):
            raise self._wrong(_ENDS)
        if not self._take(")"):
            raise self._wrong("a parenthesis is not closed", _REPAIR)
        filled = "|".join(each for each in alternatives if each)
        return f"({filled})" + ("" if all(alternatives) else "?") if filled else ""

    def _quantified(self, atom: str, size: int) -> str:
        match = _QUANTIFIER.match(self._pattern, self._position)
        if not match:
            return atom
        self._position = match.end()
        self._size += size * (self._largest_count(match[0]) - 1)
        if self._size > LARGEST:
            raise self._wrong("it has too many repetitions")
        if self._take("+"):
            raise self._wrong("possessive quantifiers are not supported")
        self._take("?")  # lazy and greedy repetitions match the same texts
        if _QUANTIFIER.match(self._pattern, self._position):
            raise self._wrong(f"{match[0]} is repeated")
        return f"({atom}){match[0]}" if atom.endswith("?") else atom + match[0] if atom else ""

    def _largest_count(self, quantifier: str) -> int:
        counts = _COUNTS.fullmatch(quantifier)
        if not counts:
            return 1
        if counts[2] and int(counts[2]) < int(counts[1]):
            raise self._wrong(f"the numbers of {quantifier} are out of order", _REPAIR)
        return max(1, int(counts[1]), int(counts[2] or 0))

    def _escape(self) -> str:
        character = self._next()
        if character.lower() in _CLASSES:
            return f"[{'^' if character.isupper() else ''}{_CLASSES[character.lower()]}]"
        return _character(self._named(character), self._caseless)

    def _named(self, character: str) -> str:
        """Returns the character that an escape means."""
        if character in _CONTROLS:
            return _CONTROLS[character]
        if character == "x" and (
            match := re.compile(r"\{([0-9A-Fa-f]{1,6})\}|([0-9A-Fa-f]{1,2})").match(self._pattern, self._position)
        ):
            self._position = match.end()
            return chr(int(match[1] or match[2], 16))
        if character.isalnum():
            raise self._wrong(f"\\{character} is not supported")
        return character

    def _class(self) -> str:
        negated = "^" if self._take("^") else ""
        members: list[tuple[str, str] | str] = []
        while not self._at("]") or not members:
            members.append(self._member())
        self._position += 1
        inside = "".join(self._expanded(members))
        return f"[{negated}{inside}]"

    def _member(self) -> tuple[str, str] | str:
        """Returns the ends of a range, or a set such as that of `\\d`."""
        if match := re.compile(r"\[:([a-z]+):\]").match(self._pattern, self._position):
            self._position = match.end()
            if match[1] not in _POSIX:
                raise self._wrong(f"{match[0]} is not supported")
            return _POSIX[match[1]]
        character = self._next()
        if character == "\\":
            character = self._next()
            if character in _CLASSES:
                return _CLASSES[character]
            character = self._named(character)
        if self._at("-") and not self._at("-]"):
            self._position += 1
            last = self._next()
            last = self._named(self._next()) if last == "\\" else last
            if last < character:
                raise self._wrong(f"the range {character}-{last} is out of order", _REPAIR)
            return character, last
        return character, character

    def _expanded(self, members: Iterable[tuple[str, str] | str]) -> Iterable[str]:
        for member in members:
            if isinstance(member, str):
                yield member
                continue
            yield _span(*member)
            if self._caseless:
                for least, greatest, turn in (("a", "z", str.upper), ("A", "Z", str.lower)):
                    low, high = max(member[0], least), min(member[1], greatest)
                    if low <= high:
                        yield _span(turn(low), turn(high))

    def _next(self) -> str:
        if self._position >= len(self._pattern):
            raise self._wrong("it ends too early", _REPAIR)
        self._position += 1
        return self._pattern[self._position - 1]

    def _at(self, *texts: str) -> bool:
        return self._pattern.startswith(texts, self._position)

    def _take(self, text: str) -> bool:
        if not self._at(text):
            return False
        self._position += len(text)
        return True

    def _wrong(self, reason: str, hint: str = TSHARK_CAN) -> UsageError:
        return UsageError(f"regular expression {shortened(self._pattern)!r}: {reason}", hint)


def _span(low: str, high: str) -> str:
    """Returns a range without escaped ends: in Lucene, an escaped character cannot be the end of a range."""
    first, last = [], []
    while low < high and low in _CLASS_SPECIAL:
        first.append(f"\\{low}")
        low = chr(ord(low) + 1)
    while low < high and high in _CLASS_SPECIAL:
        last.append(f"\\{high}")
        high = chr(ord(high) - 1)
    end = f"\\{low}" if low in _CLASS_SPECIAL else low
    return "".join([*first, end if low == high else f"{low}-{high}", *last])
