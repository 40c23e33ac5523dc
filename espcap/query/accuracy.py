"""Reports packets that a query may wrongly find, or not find, because their values are not indexed."""

from collections.abc import Callable, Iterator, Sequence

from espcap.base.errors import UsageError
from espcap.fields.registry import Registry
from espcap.query import And, Exists, Not, Or, Query, Range, Unsearchable
from espcap.query.limits import LONGEST_INDEXED
from espcap.query.unindexed import HasLong, payload_fields, text_fields, time_fields, undecided

_PAYLOAD = "documents contain values of more than 64 bytes only with --payload, and at most 2,730 bytes are indexed"
_TOO_LONG = f"{{}}: {{:,}} packets have a text of more than {LONGEST_INDEXED:,} characters, which"
_NOT_SEARCHED = f"{_TOO_LONG} is not indexed; espcap search --captures -Y FILTER searches it"
_OUT_OF_RANGE = "{}: {:,} packets have a time before 1970 or after 2262, which is not searched; documents have it"
_NOT_ORDERED = f"{_TOO_LONG} cannot be sorted or counted"


Count = Callable[[Query], int]
"""Returns the number of packets that match a query."""


def accuracy_notes(query: Query, registry: Registry, count: Count) -> Iterator[str]:
    """Yields notes on fields for which the query may find too many or too few packets."""
    for path in payload_fields(query, registry.kind):
        yield f"{path}: {_PAYLOAD}"
    for path in time_fields(query, registry.kind):
        if packets := count(And((Exists(path), Not(Range(path, None, None))))):
            yield _OUT_OF_RANGE.format(path, packets)
    paths = having_long(text_fields(query, registry.kind), count)
    for path in paths:
        if packets := count(_undecided(query, path, registry, paths.__contains__)):
            yield _NOT_SEARCHED.format(path, packets)


def _undecided(query: Query, path: str, registry: Registry, has_long: HasLong) -> Query:
    try:
        return undecided(query, path, registry.kind, has_long)
    except UsageError:
        return Unsearchable(path)


def order_notes(query: Query, path: str, count: Count) -> Iterator[str]:
    """Yields a note if sorting or counting by a path leaves out packets that match, as their texts are too long."""
    if packets := count(And((query, Unsearchable(path)))):
        yield _NOT_ORDERED.format(path, packets)


def having_long(paths: Sequence[str], count: Count) -> list[str]:
    """Returns the paths at which packets have texts that are too long for the index."""
    if not paths or not count(Or(tuple(map(Unsearchable, paths)))):
        return []
    middle = len(paths) // 2
    return [*paths] if not middle else having_long(paths[:middle], count) + having_long(paths[middle:], count)
