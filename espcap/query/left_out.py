"""Which conditions of a query ask for what documents leave out, or for texts that are too long for an index."""

from collections.abc import Callable

from espcap.fields.field import Kind
from espcap.query import And, Equals, Matches, Not, Or, Query, Range, Unsearchable, Wildcard, Words
from espcap.query.limits import LONGEST_INDEXED, bounded
from espcap.query.words import TEXT_PATHS

Kinds = Callable[[str], Kind]
"""Tells the kind of a path."""
HasLong = Callable[[str], bool]
"""Tells whether packets have a text at a path that is too long for the index."""

_LONGEST = 64
"""Bytes of a byte field that documents have without --payload."""


def payload_fields(query: Query, kind: Kinds) -> list[str]:
    """The paths of byte fields for which packets with long values may be missed, or found in spite of them."""
    return sorted({path for path in _paths(query, 3 * _LONGEST) if kind(path) is Kind.BYTES})  # aa:bb:cc


def text_fields(query: Query, kind: Kinds) -> list[str]:
    """The paths of texts for which packets with long ones may be missed, or found in spite of them."""
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
    """What a query finds for certain, and what that is with all that it may miss: `widen` says so of a condition."""
    match query:
        case And(parts) | Or(parts):
            least, most = zip(*(bounds_of(part, widen) for part in parts), strict=True) if parts else ((), ())
            return type(query)(least), type(query)(most)
        case Not(part):
            inner_least, inner_most = bounds_of(part, widen)
            return Not(inner_most), Not(inner_least)
    return query, widen(query)


def with_long_texts(query: Query, kind: Kinds, has_long: HasLong) -> Query:
    """A condition, and the packets of which it cannot tell because a text of theirs is too long."""
    paths = [path for path in text_fields(query, kind) if has_long(path)]
    return Or((query, *map(Unsearchable, paths))) if paths else query


def undecided(query: Query, path: str, kind: Kinds, has_long: HasLong) -> Query:
    """The packets with a long text at the path that a query finds or not depending on what is in their long texts.

    Raises UsageError where that is too large a query.
    """

    def widen(condition: Query) -> Query:
        return with_long_texts(condition, kind, has_long)

    least, most = bounds_of(query, widen)
    return bounded(And((Unsearchable(path), most, Not(least))))
