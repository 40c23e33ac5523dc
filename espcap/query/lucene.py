"""Reads Elasticsearch's query string (Lucene).

Words side by side must all match (the default operator is AND), and bind looser than OR. AND, OR, NOT, `&&`, `||`, `!`,
`+` and `-` are plain Boolean algebra.
"""

import re
from collections.abc import Callable

from luqum import tree
from luqum.exceptions import ParseError

from espcap.errors import UsageError, shortened
from espcap.fields import Kind
from espcap.query import And, Equals, Everything, Exists, Not, Or, Query, Range, Wildcard
from espcap.query.limits import TOO_DEEP, bounded, refuse_surrogates
from espcap.query.luqum_parser import parse as parse_lucene
from espcap.query.values import span

DEFAULT_PATHS = (
    "protocol",
    *("stack.link", "stack.network", "stack.transport", "stack.application"),
    *("source.ip", "destination.ip", "source.mac", "destination.mac", "source.port", "destination.port"),
    *("file_name", "network.community_id"),
)
"""Where a word without a field is looked for, as far as it fits the path's kind."""

_OPERATORS = re.compile(r'"(?:\\.|[^"\\])*"|\\.|&&|\|\||(?<![^\s(])!(?=\S)|(?<=[<>=])-', re.DOTALL)
_WORDS = {"&&": " AND ", "||": " OR ", "!": "NOT ", "-": r"\-"}  # luqum knows neither these nor >=-5
_UNSUPPORTED = {
    tree.Fuzzy: "fuzzy words (~)",
    tree.Proximity: "proximity (~)",
    tree.Boost: "boosts (^)",
    tree.Regex: "regular expressions (/)",
}


def parse(
    text: str,
    kind: Callable[[str], Kind],
    field: Callable[[str], str] = str,
    exists: Callable[[str], Query] = Exists,
) -> Query:
    """Reads a query string; `kind` tells the kind of a path. Empty text is everything.

    `field` gives the path of what a user calls a field, and `exists` the query of `_exists_` with it; both may refuse.
    Raises UsageError for wrong or unsupported syntax and for a value that does not fit its field.
    """
    if not text.strip():
        return Everything()
    refuse_surrogates(text)
    try:
        plain = _OPERATORS.sub(lambda match: _WORDS.get(match[0], match[0]), text)
        return bounded(_Builder(kind, field, exists).build(parse_lucene(plain)))
    except ParseError as error:
        hint = "put quotes around values that have spaces or colons, and close what is open"
        reason = str(error).removeprefix("Syntax error in input : ").rstrip("!")
        raise UsageError(f"query {shortened(text)!r}: {shortened(reason)}", hint) from error
    except RecursionError:
        raise TOO_DEEP from None


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _has_wildcard(text: str) -> bool:
    return any(token in "*?" for token in re.findall(r"\\.|[*?]", text, flags=re.DOTALL))


def _literal(node: tree.Item) -> str:
    """The text of a word, a quoted phrase or a number with a sign."""
    if isinstance(node, tree.Phrase):
        return _unescape(node.value[1:-1])
    if isinstance(node, tree.Prohibit):
        return f"-{_literal(node.a)}"
    if isinstance(node, tree.Word):
        return _unescape(node.value)
    raise UsageError(
        f"query: {shortened(str(node).strip())!r} cannot stand here", "put quotes around values that have colons"
    )


def _end(node: tree.Item) -> str | None:
    return None if isinstance(node, tree.Word) and node.value == "*" else _literal(node)


class _Builder:
    def __init__(
        self, kind: Callable[[str], Kind], field: Callable[[str], str], exists: Callable[[str], Query]
    ) -> None:
        self._kind = kind
        self._path_of = field
        self._exists = exists

    def build(self, node: tree.Item, path: str | None = None) -> Query:
        """The tree of luqum's tree; `path` is the field that the part belongs to."""
        match node:
            case tree.SearchField():
                return self._field(node, path)
            case tree.AndOperation() | tree.UnknownOperation():
                return And(tuple(self.build(part, path) for part in node.children))
            case tree.OrOperation():
                return Or(tuple(self.build(part, path) for part in node.children))
            case tree.Not() | tree.Prohibit():
                return Not(self.build(node.a, path))
            case tree.Group() | tree.FieldGroup() | tree.Plus():
                return self.build(node.children[0], path)
        return self._leaf(node, path) if path else self._anywhere(node)

    def _field(self, node: tree.SearchField, outer: str | None) -> Query:
        name = _unescape(node.name)
        if outer is not None:
            raise UsageError(
                f"query: {shortened(f'{outer}:{name}')}: has two colons",
                "put quotes around values that have colons",
            )
        if name == "_exists_":
            return self._exists(_literal(node.expr))
        if name == "*" and isinstance(node.expr, tree.Word) and node.expr.value == "*":
            return Everything()
        if _has_wildcard(node.name):
            raise UsageError(f"query: {shortened(node.name)}: the name of a field cannot have wildcards")
        path = self._path_of(name)
        if isinstance(node.expr, tree.Prohibit):  # a negative number
            return self._leaf(node.expr, path)
        return self.build(node.expr, path)

    def _anywhere(self, node: tree.Item) -> Query:
        if isinstance(node, tree.Word) and node.value == "*":
            return Everything()
        if isinstance(node, tree.Range | tree.From | tree.To):
            raise UsageError(
                f"query: {shortened(str(node).strip())} needs a field", "write for example source.port:[80 TO 443]"
            )
        self._refuse_unsupported(node)
        return Or(tuple(part for path in DEFAULT_PATHS if (part := self._fitting(node, path)) is not None))

    def _fitting(self, node: tree.Item, path: str) -> Query | None:
        try:
            return self._leaf(node, path)
        except UsageError:
            return None

    def _leaf(self, node: tree.Item, path: str) -> Query:
        self._refuse_unsupported(node)
        match node:
            case tree.Range():
                return self._range(path, _end(node.low), _end(node.high), node.include_low, node.include_high)
            case tree.From():
                return self._range(path, _end(node.a), None, node.include, True)
            case tree.To():
                return self._range(path, None, _end(node.a), True, node.include)
            case tree.Word() if _has_wildcard(node.value):
                return self._wildcard(path, node.value)
        low, high = span(path, self._kind(path), _literal(node))
        return Equals(path, low) if low == high else Range(path, low, high)

    def _range(self, path: str, low: str | None, high: str | None, include_low: bool, include_high: bool) -> Query:
        kind = self._kind(path)
        if kind is Kind.BOOLEAN:
            raise UsageError(f"{path}: a range does not fit true and false")
        least = None if low is None else span(path, kind, low)[0 if include_low else 1]
        greatest = None if high is None else span(path, kind, high)[1 if include_high else 0]
        if least is None and greatest is None:
            return Exists(path)
        return Range(path, least, greatest, include_low, include_high)

    def _wildcard(self, path: str, text: str) -> Query:
        if set(text) == {"*"}:
            return Exists(path)
        kind = self._kind(path)
        if kind not in (Kind.STRING, Kind.BYTES):
            hint = "write a network such as 10.0.0.0/8" if kind is Kind.IP else "write a range such as [80 TO 443]"
            raise UsageError(f"{path}: wildcards fit text, and this field is of type {kind}", hint)
        return Wildcard(path, re.sub(r"\\([^*?\\])", r"\1", text))

    def _refuse_unsupported(self, node: tree.Item) -> None:
        if type(node) in _UNSUPPORTED:
            hint = "put quotes around text that has these characters, or write wildcards (* and ?)"
            raise UsageError(
                f"query: {_UNSUPPORTED[type(node)]} are not supported: {shortened(str(node).strip())}", hint
            )
