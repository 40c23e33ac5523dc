"""Pages of a sorted list, each a question of its own: where the last one ended is part of it.

So the ten-thousandth page costs what the first does. Packets with the same values of the sort and the same time are the
only ones to count off.
"""

from dataclasses import dataclass
from typing import Any

from espcap.fields.registry import Registry
from espcap.query import And, Equals, Everything, Exists, Not, Or, Query, Range
from espcap.query.paths import PATHS
from espcap.query.values import Value, span
from espcap.searches.searcher import Searcher
from espcap.stores import Hit, Store

TIME = "@timestamp"
MOST_COUNTED = 10_000
"""Packets that can be left out at most: Elasticsearch refuses more."""


_OF_ONE_VALUE = frozenset(PATHS) - {"protocols", "payload_fields"} | {"layers.frame.number"}
"""Paths at which a packet has one value at most."""


@dataclass(frozen=True)
class Cursor:
    """Where a page ended: the value of the sort and the time of its last packet, empty where it has none."""

    value: str = ""
    time: str = ""
    skip: int = 0
    """How many packets with these were there so far."""


@dataclass(frozen=True)
class Page:
    """Some packets, and how many there are in all."""

    hits: list[Hit]
    total: int
    next: Cursor | None
    """None at the end."""


def page(searcher: Searcher, query: Query, sort: tuple[str, bool], after: Cursor | None, size: int) -> Page:
    """The packets after those that came before, in the order of a path (and whether it descends), then of time."""
    path, descending = sort
    order = [sort] if path == TIME else [sort, (TIME, False)]
    if _may_have_several(path):
        return _counted_off(searcher.store, query, order, after.skip if after else 0, size)
    rest = _rest(path, descending, after, searcher.registry) if after else Everything()
    found = searcher.store.search(And((query, rest)), size, after.skip if after else 0, order)
    cursor = _cursor(found.hits, path, descending, after) if len(found.hits) == size else None
    if path == TIME and after and after.time and len(found.hits) < size:
        cursor = Cursor()  # what has no time comes last
    return Page(found.hits, found.total, cursor)


def _may_have_several(path: str) -> bool:
    return path not in _OF_ONE_VALUE


def _counted_off(store: Store, query: Query, order: list[tuple[str, bool]], start: int, size: int) -> Page:
    """By a path that may have several values in a packet, which stands where one of them belongs."""
    found = store.search(query, size, start, order)
    end = start + len(found.hits)
    return Page(found.hits, found.total, Cursor(skip=end) if end < min(found.total, MOST_COUNTED - size) else None)


def _rest(path: str, descending: bool, after: Cursor, registry: Registry) -> Query:
    """Everything from the first packet on that has the cursor's values."""
    if path == TIME:
        return _from(after.time, descending, registry) if after.time else Not(Exists(TIME))
    later = Or((_from(after.time, False, registry), Not(Exists(TIME)))) if after.time else Not(Exists(TIME))
    if not after.value:
        return And((Not(Exists(path)), later))
    value = _value(path, after.value, registry)
    beyond = Range(path, None, value, True, False) if descending else Range(path, value, None, False, True)
    return Or((beyond, And((Equals(path, value), later)), Not(Exists(path))))


def _from(time: str, descending: bool, registry: Registry) -> Query:
    value = _value(TIME, time, registry)
    return Range(TIME, None, value) if descending else Range(TIME, value, None)


def _value(path: str, text: str, registry: Registry) -> Value:
    return span(path, registry.kind(path), text)[0]


def _cursor(hits: list[Hit], path: str, descending: bool, before: Cursor | None) -> Cursor | None:
    keys = [(_first(hit.source, path, descending), _first(hit.source, TIME, False)) for hit in hits]
    value, time = keys[-1]
    skip = sum(key == keys[-1] for key in keys)
    if before and (before.value, before.time) == (value, time):
        skip += before.skip
    return Cursor(value, time, skip) if skip < MOST_COUNTED else None


def _first(document: Any, path: str, descending: bool) -> str:
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    values = document if isinstance(document, list) else [document]
    present = [value for value in values if value is not None]
    value = (max if descending else min)(present) if present else ""
    return str(value).lower() if isinstance(value, bool) else str(value)
