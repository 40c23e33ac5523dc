"""Parses Elasticsearch's query string syntax (Lucene) into the query tree.

Conditions without an operator between them must all match, as with AND, but OR binds stronger. AND, OR, NOT, `&&`,
`||`, `!`, `+` and `-` are plain Boolean operators.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import InvalidOperation

from luqum import tree
from luqum.exceptions import ParseError

from espcap.base.errors import UsageError, shortened
from espcap.fields.field import Kind
from espcap.query import And, Equals, Everything, Exists, Matches, Not, Or, Query, Range, Wildcard, Words
from espcap.query.limits import TOO_DEEP, bounded, check_utf8
from espcap.query.luqum_parser import parse as parse_lucene
from espcap.query.values import span
from espcap.query.word_paths import WORD_PATHS
from espcap.query.words import TEXT_PATHS, expression_of_word, words

DEFAULT_PATHS = (
    "protocol",
    *("stack.link", "stack.network", "stack.transport", "stack.application"),
    *("source.ip", "destination.ip", "source.mac", "destination.mac", "source.port", "destination.port"),
    *("file_name", "network.community_id"),
)
"""Paths in which a word without a field is searched as a whole value, if it fits the kind of the path."""


@dataclass(frozen=True)
class SearchedPaths:
    """The paths in which a word without a field is searched."""

    values: tuple[str, ...] = DEFAULT_PATHS
    """As a whole value, if it fits the kind of the path."""
    words: tuple[str, ...] = tuple(WORD_PATHS)
    """By its words."""
    protocols: str = "protocols"
    """As the name of a protocol; empty for documents without this path."""


PACKET_PATHS = SearchedPaths()

_PROTOCOL_PATHS = ("protocol", "protocols")
_HEX = "[0-9A-Fa-f]"
_ADDRESSES = rf"(?:{_HEX}{{2}}:){{5}}{_HEX}{{2}}|[0-9A-Fa-f:]*::[0-9A-Fa-f:.]*|(?:{_HEX}{{1,4}}:){{7}}{_HEX}{{1,4}}"
_ADDRESS = rf"(?<![^\s(])(?P<address>{_ADDRESSES})(?![^\s)])"
_OPERATORS = re.compile(rf'"(?:\\.|[^"\\])*"|\\.|{_ADDRESS}|&&|\|\||(?<![^\s(])!(?=\S)|(?<=[<>=])-', re.DOTALL)
_WORDS = {"&&": " AND ", "||": " OR ", "!": "NOT ", "-": r"\-"}  # luqum has none of these, and cannot parse >=-5
_MACS = ("source.mac", "destination.mac")
_MAC = re.compile(r"(?:[0-9A-Fa-f]{2}[:-]){5}[0-9A-Fa-f]{2}")
_FIRST_PARTS = re.compile(r"(\d{1,3}(?:\.\d{1,3}){0,2})(?:\.\*)+", re.ASCII)
_UNSUPPORTED = {
    tree.Fuzzy: "fuzzy words (~)",
    tree.Proximity: "proximity (~)",
    tree.Boost: "boosts (^)",
    tree.Regex: "regular expressions (/)",
}


def parse(  # noqa: PLR0913 - most have defaults
    text: str,
    kind: Callable[[str], Kind],
    field: Callable[[str], str] = str,
    exists: Callable[[str], Query] = Exists,
    current: Callable[[str], str] = str,
    *,
    searched: SearchedPaths = PACKET_PATHS,
) -> Query:
    """Returns the query of a query string. Empty text matches everything.

    `kind` returns the kind of values at a path, `field` the path of a field's name, `exists` that of `_exists_` for a
    name, and `current` the current name of a protocol. `searched` has the paths for words without a field. `field` and
    `exists` raise UsageError for unknown names.

    Raises UsageError if the syntax is invalid or not supported, or if a value does not fit its field.
    """
    if not text.strip():
        return Everything()
    check_utf8(text)
    try:
        plain = _OPERATORS.sub(_plain, text)
        return bounded(_Builder(kind, field, exists, current, searched).build(_parsed(plain)))
    except ParseError as error:
        hint = "put quotes around values that contain spaces or colons, and close quotes and parentheses"
        reason = str(error).removeprefix("Syntax error in input : ").rstrip("!")
        raise UsageError(f"query {shortened(text)!r}: {shortened(reason)}", hint) from error
    except RecursionError:
        raise TOO_DEEP from None


def _parsed(plain: str) -> tree.Item:
    """Returns luqum's tree. Raises ParseError, also if the text after ^ or ~ is not a number, as in `tcp^..`."""
    try:
        return parse_lucene(plain)
    except ParseError:  # a subclass of ValueError
        raise
    except (ValueError, InvalidOperation) as error:
        raise ParseError("the text after ^ or ~ is not a number") from error


def _plain(match: re.Match[str]) -> str:
    """Returns the text as luqum can parse it: IPv6 and MAC addresses are in quotes, and operators are words."""
    return f'"{match[0]}"' if match["address"] else _WORDS.get(match[0], match[0])


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _pattern(text: str) -> str:
    """Returns a pattern without backslashes that only the query string syntax needs."""
    return re.sub(r"\\([^*?\\])", r"\1", text)


def _value(path: str, text: str) -> str:
    """Returns a value as documents contain it: MAC addresses with hyphens and in upper case."""
    return text.replace(":", "-").upper() if path in _MACS and _MAC.fullmatch(text) else text


def _check_not_identifier(path: str) -> None:
    """Raises UsageError if a pattern or range is on `_id`, which stores do not index as a value."""
    if path == "_id":
        raise UsageError("_id is searched as a whole value", "capture_id:4334b* finds the packets of a capture")


def _has_wildcard(text: str) -> bool:
    return any(token in "*?" for token in re.findall(r"\\.|[*?]", text, flags=re.DOTALL))


def _network(text: str) -> str:
    """Returns the network of the first parts of an IPv4 address: 192.168.0.0/16 for `192.168.*`; empty for others."""
    match = _FIRST_PARTS.fullmatch(text)
    if not match or text.count(".") > 3:
        return ""
    parts = match[1].split(".")
    return f"{'.'.join([*parts, *['0'] * (4 - len(parts))])}/{8 * len(parts)}"


def _literal(node: tree.Item) -> str:
    """Returns the text of a word, a quoted phrase or a number with a sign. Raises UsageError for other nodes."""
    if isinstance(node, tree.Phrase):
        return _unescape(node.value[1:-1])
    if isinstance(node, tree.Prohibit):
        return f"-{_literal(node.a)}"
    if isinstance(node, tree.Word):
        return _unescape(node.value)
    raise UsageError(
        f"query: {shortened(str(node).strip())!r} cannot stand here", "put quotes around values that contain colons"
    )


def _end(node: tree.Item) -> str | None:
    return None if isinstance(node, tree.Word) and node.value == "*" else _literal(node)


class _Builder:
    def __init__(
        self,
        kind: Callable[[str], Kind],
        field: Callable[[str], str],
        exists: Callable[[str], Query],
        current: Callable[[str], str],
        searched: SearchedPaths,
    ) -> None:
        self._kind = kind
        self._path_of = field
        self._exists = exists
        self._current = current
        self._searched = searched

    def build(self, node: tree.Item, path: str | None = None) -> Query:
        """Returns the query of a node of luqum's tree; `path` is that of the field to which the node belongs."""
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
                "put quotes around values that contain colons",
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
        self._check_supported(node)
        parts = [part for path in self._searched.values if (part := self._fitting(node, path)) is not None]
        return Or((*parts, *self._in_texts(node)))

    def _in_texts(self, node: tree.Item) -> Iterator[Query]:
        """Yields queries for a word or phrase in texts. Patterns skip paths that are indexed only by words."""
        if isinstance(node, tree.Word) and _has_wildcard(node.value):
            pattern = _pattern(node.value)
            if self._searched.protocols:
                yield Wildcard(self._searched.protocols, pattern.lower())
            for path in self._searched.words:
                if path not in TEXT_PATHS and self._kind(path) is Kind.STRING:
                    yield Matches(path, expression_of_word(pattern))
            return
        text = _literal(node)
        if self._searched.protocols:
            yield Equals(self._searched.protocols, self._current(text.lower()))
        if words(text):
            yield from (Words(path, text) for path in self._searched.words if self._kind(path) is Kind.STRING)

    def _fitting(self, node: tree.Item, path: str) -> Query | None:
        try:
            return self._leaf(node, path)
        except UsageError:
            return None

    def _leaf(self, node: tree.Item, path: str) -> Query:
        self._check_supported(node)
        match node:
            case tree.Range():
                return self._range(path, _end(node.low), _end(node.high), node.include_low, node.include_high)
            case tree.From():
                return self._range(path, _end(node.a), None, node.include, True)
            case tree.To():
                return self._range(path, None, _end(node.a), True, node.include)
            case tree.Word() if _has_wildcard(node.value):
                return self._wildcard(path, node.value)
        text = _value(path, _literal(node))
        low, high = span(path, self._kind(path), self._current(text) if path in _PROTOCOL_PATHS else text)
        return Equals(path, low) if low == high else Range(path, low, high)

    def _range(self, path: str, low: str | None, high: str | None, include_low: bool, include_high: bool) -> Query:
        _check_not_identifier(path)
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
            return Exists(path) if path != "_id" else Everything()
        _check_not_identifier(path)
        kind = self._kind(path)
        if kind is Kind.IP and (network := _network(text)):
            return Range(path, *span(path, kind, network))
        if kind not in (Kind.STRING, Kind.BYTES):
            hint = "write a network such as 10.0.0.0/8" if kind is Kind.IP else "write a range such as [80 TO 443]"
            raise UsageError(f"{path}: wildcards fit text, and this field is of type {kind}", hint)
        return Wildcard(path, _pattern(text))

    def _check_supported(self, node: tree.Item) -> None:
        if type(node) in _UNSUPPORTED:
            hint = "put quotes around text that contains these characters, or write wildcards (* and ?)"
            raise UsageError(
                f"query: {_UNSUPPORTED[type(node)]} are not supported: {shortened(str(node).strip())}", hint
            )
