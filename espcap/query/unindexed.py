"""Finds conditions of a query on values that documents leave out, or on texts that are too long to be indexed."""

from collections.abc import Callable

from espcap.fields.field import Kind
from espcap.query import And, Equals, Matches, Not, Or, Query, Range, Unsearchable, Wildcard, Words
from espcap.query.limits import LONGEST_INDEXED, bounded
from espcap.query.words import TEXT_PATHS

Kinds = Callable[[str], Kind]
"""Returns the kind of values at a path."""
HasLong = Callable[[str], bool]
"""Returns whether packets have a text at a path that is too long for the index."""

_LONGEST = 64
"""Bytes of the longest byte field that documents contain without --payload."""


def payload_fields(query: Query, kind: Kinds) -> list[str]:
    """Returns the paths of byte fields with long values for which a query may find wrong packets."""
    paths = _paths(query, 3 * _LONGEST)  # aa:bb:cc
    return sorted({path for path in paths if kind(path) is Kind.BYTES})


def time_fields(query: Query, kind: Kinds) -> list[str]:
    """Returns the paths of times in fields that a query compares."""
    paths = {path for path in _paths(query, 0) if path.startswith("layers.") and kind(path) is Kind.TIME}
    return sorted(paths)


def text_fields(query: Query, kind: Kinds) -> list[str]:
    """Returns the paths of texts with long values for which a query may find wrong packets."""
    paths = _paths(query, LONGEST_INDEXED + 1)
    return sorted({path for path in paths if kind(path) is Kind.STRING and path not in TEXT_PATHS})


def _paths(query: Query, longest: int) -> list[str]:
    match query:
        case And(parts) | Or(parts):
            return [path for part in parts for path in _paths(part, longest)]
        case Not(part):
            return _paths(part, longest)
        case Equals(path, str() as value) if len(value.encode("utf-16-le")) >= 2 * longest:
            return [path]
        case Range(path) | Wildcard(path) | Matches(path) | Words(path):
            return [path]
    return []


def bounds_of(query: Query, widen: Callable[[Query], Query]) -> tuple[Query, Query]:
    """Returns a query for packets that match for certain, and one for all packets that may match.

    `widen` returns the query for all packets that may meet a condition.
    """
    match query:
        case And(parts) | Or(parts):
            least, most = zip(*(bounds_of(part, widen) for part in parts), strict=True) if parts else ((), ())
            return type(query)(least), type(query)(most)
        case Not(part):
            inner_least, inner_most = bounds_of(part, widen)
            return Not(inner_most), Not(inner_least)
    return query, widen(query)


def with_long_texts(query: Query, kind: Kinds, has_long: HasLong) -> Query:
    """Returns a query for packets that meet a condition, or may meet it because they have a text that is too long."""
    paths = [path for path in text_fields(query, kind) if has_long(path)]
    return Or((query, *map(Unsearchable, paths))) if paths else query


def undecided(query: Query, path: str, kind: Kinds, has_long: HasLong) -> Query:
    """Returns a query for packets with a long text at the path, if this text decides whether they match.

    Raises UsageError if this query is too large.
    """

    def widen(condition: Query) -> Query:
        return with_long_texts(condition, kind, has_long)

    least, most = bounds_of(query, widen)
    return bounded(And((Unsearchable(path), most, Not(least))))
