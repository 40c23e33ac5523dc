"""What documents say of a display filter that only captures can answer: the packets that can pass, all of them.

A filter is taken apart at `and`, `or` and `not`. Parts that documents answer stay as they are; of others all packets
can pass, and under a `not` the packets are kept that may fail.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from espcap.base.errors import UsageError
from espcap.query import And, Everything, Not, Or, Query
from espcap.query.left_out import HasLong, Kinds, bounds_of, payload_fields, with_long_texts
from espcap.query.limits import bounded

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
    """A condition by itself. None where documents do not answer it."""

    query: Query | None


@dataclass(frozen=True)
class _Logic:
    word: str
    parts: "tuple[_Node, ...]"


_Node = _Part | _Logic
_Widen = Callable[[Query], Query]
"""A condition, and what it may miss."""


class Bounds(NamedTuple):
    """What can pass a filter."""

    query: Query
    is_exact: bool
    """Whether all that this finds pass."""


def bounds(text: str, read: Callable[[str], Query], kind: Kinds, has_long: HasLong) -> Bounds:
    """What can pass a filter that tshark takes.

    `read` gives the query of a filter, and raises UsageError where documents do not answer it.
    """

    def widen(condition: Query) -> Query:
        return Everything() if payload_fields(condition, kind) else with_long_texts(condition, kind, has_long)

    try:
        tree = _Splitter(text, read).tree()
        passes, can_pass = _least_and_most(tree, widen)
        return Bounds(bounded(can_pass), can_pass == passes)
    except (UsageError, RecursionError):  # too large, or in words that are not known here
        return Bounds(Everything(), False)


def _least_and_most(node: _Node, widen: _Widen) -> tuple[Query, Query]:
    """What passes for certain, and what can pass."""
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


# The text


class _Splitter:
    """Reads a filter from left to right. Raises UsageError where its parentheses are not in order."""

    def __init__(self, text: str, read: Callable[[str], Query]) -> None:
        self._text = text
        self._read = read
        self._tokens = [
            _Token(match.lastgroup or "", *match.span()) for match in _TOKEN.finditer(text) if not match[0].isspace()
        ]
        self._next = 0

    def tree(self) -> _Node:
        """The whole filter. What binds as nothing else here does (`xor`) is not taken apart."""
        if any(token.kind == "xor" for token in self._tokens):
            return _Part(None)
        node = self._either()
        if self._next < len(self._tokens):
            raise UsageError("the filter cannot be taken apart")
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
        """What is in parentheses, unless they are part of a condition."""
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
