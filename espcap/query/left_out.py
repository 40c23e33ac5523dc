"""Which conditions of a query ask for what documents leave out."""

from collections.abc import Callable

from espcap.fields import Kind
from espcap.query import And, Equals, Matches, Not, Or, Query, Range, Wildcard, Words

_LONGEST = 64
"""Bytes of a byte field that documents have without --payload."""


def payload_fields(query: Query, kind: Callable[[str], Kind]) -> list[str]:
    """The paths of byte fields for which packets with long values may be missed, or found in spite of them."""
    return sorted({path for path in _paths(query) if kind(path) is Kind.BYTES})


def _paths(query: Query) -> list[str]:
    match query:
        case And(parts) | Or(parts):
            return [path for part in parts for path in _paths(part)]
        case Not(part):
            return _paths(part)
        case Equals(path, str() as value) if len(value) >= 3 * _LONGEST:  # in the form aa:bb:cc
            return [path]
        case Range(path) | Wildcard(path) | Matches(path) | Words(path):
            return [path]
    return []
