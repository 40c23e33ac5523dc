"""Finds the packets that may match a display filter that documents cannot answer, so that tshark reads only these.

A filter is split at `and`, `or` and `not`. Parts that documents can answer become queries. Every packet may match the
other parts.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from espcap.base.errors import UsageError
from espcap.query import And, Everything, Not, Or, Query
from espcap.query.limits import bounded
from espcap.query.unindexed import HasLong, Kinds, bounds_of, payload_fields, with_long_texts

NOTHING = Not(Everything())

_TOKEN = re.compile(
    r"""(?P<text>r?"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"|(?P<and>&&|and(?![\w.:-]))|(?P<or>\|\||or(?![\w.:-]))|(?P<not>!(?!=)|not(?![\w.:-]))"
    r"|(?P<xor>\^\^|xor(?![\w.:-]))|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<word>[\w.:-]+)|(?P<other>.)",
    re.DOTALL,
)


class _Token(NamedTuple):
    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class _Part:
    """A single condition. Its query is None if documents cannot answer it."""

    query: Query | None


@dataclass(frozen=True)
class _Logic:
    """Parts that are joined by `and`, `or` or `not`."""

    word: str
    parts: "tuple[_Node, ...]"


_Node = _Part | _Logic
_Widen = Callable[[Query], Query]
"""Returns the query for all packets that may meet a condition."""


class Bounds(NamedTuple):
    """The packets that may match a filter."""

    query: Query
    is_exact: bool
    """Whether all these packets match."""


def bounds(text: str, read: Callable[[str], Query], kind: Kinds, has_long: HasLong) -> Bounds:
    """Returns the packets that may match a filter, which is valid for tshark.

    `read` returns the query of a filter and raises UsageError if documents cannot answer it.
    """

    def widen(condition: Query) -> Query:
        return Everything() if payload_fields(condition, kind) else with_long_texts(condition, kind, has_long)

    try:
        tree = _Splitter(text, read).tree()
        least, most = _least_and_most(tree, widen)
        return Bounds(bounded(most), most == least)
    except (UsageError, RecursionError):  # the query is too large, or the syntax is not known here
        return Bounds(Everything(), False)


def _least_and_most(node: _Node, widen: _Widen) -> tuple[Query, Query]:
    """Returns the packets that match for certain, and those that may match."""
    match node:
        case _Part(None):
            return NOTHING, Everything()
        case _Part(query) if query:
            return bounds_of(query, widen)
        case _Logic("not", (part,)):
            least, most = _least_and_most(part, widen)
            return _negated(most), _negated(least)
        case _Logic(word, parts):
            each = [_least_and_most(part, widen) for part in parts]
            return _joined(word, [least for least, _ in each]), _joined(word, [most for _, most in each])
    raise TypeError(node)


def _joined(word: str, parts: list[Query]) -> Query:
    if word == "and":
        return And(tuple(part for part in parts if part != Everything())) if NOTHING not in parts else NOTHING
    return Or(tuple(part for part in parts if part != NOTHING)) if Everything() not in parts else Everything()


def _negated(query: Query) -> Query:
    return query.part if isinstance(query, Not) else Not(query)


class _Splitter:
    """Splits a filter from left to right. Raises UsageError if its parentheses are not balanced."""

    def __init__(self, text: str, read: Callable[[str], Query]) -> None:
        self._text = text
        self._read = read
        self._tokens = [
            _Token(match.lastgroup or "", *match.span()) for match in _TOKEN.finditer(text) if not match[0].isspace()
        ]
        self._next = 0

    def tree(self) -> _Node:
        """Returns the tree of the filter. A filter with `xor`, whose precedence is not known here, is not split."""
        if any(token.kind == "xor" for token in self._tokens):
            return _Part(None)
        node = self._either()
        if self._next < len(self._tokens):
            raise UsageError("the filter cannot be split")
        return node

    def _either(self) -> _Node:
        return self._sequence("or", lambda: self._sequence("and", self._negation))

    def _sequence(self, word: str, part: Callable[[], _Node]) -> _Node:
        parts = [part()]
        while self._take(word):
            parts.append(part())
        return parts[0] if len(parts) == 1 else _Logic(word, tuple(parts))

    def _negation(self) -> _Node:
        if self._take("not"):
            return _Logic("not", (self._negation(),))
        return self._group() or self._condition()

    def _group(self) -> _Node | None:
        """Returns the tree of a text in parentheses; None if they are part of a condition."""
        start = self._next
        if self._take("open") and self._text[self._tokens[start].start] == "(":
            node = self._either()
            if self._take("close") and (self._is_at_end() or self._kind() in ("and", "or", "close")):
                return node
        self._next = start
        return None

    def _condition(self) -> _Node:
        start, depth = self._next, 0
        while not self._is_at_end() and (depth or self._kind() not in ("and", "or", "close")):
            depth += {"open": 1, "close": -1}.get(self._kind(), 0)
            self._next += 1
        if self._next == start:
            raise UsageError("a condition is missing")
        text = self._text[self._tokens[start].start : self._tokens[self._next - 1].end]
        try:
            return _Part(self._read(text))
        except UsageError:
            return _Part(None)

    def _is_at_end(self) -> bool:
        return self._next >= len(self._tokens)

    def _kind(self) -> str:
        return self._tokens[self._next].kind

    def _take(self, kind: str) -> bool:
        if self._is_at_end() or self._kind() != kind:
            return False
        self._next += 1
        return True
