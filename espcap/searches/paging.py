"""Pages of a sorted list of packets. The query of a page contains the position at which the page before ended.

Therefore the ten-thousandth page is as fast as the first. Only packets with the same sort value and the same time are
skipped by their number.
"""

from dataclasses import dataclass
from typing import Any

from espcap.fields.field import PATHS
from espcap.fields.registry import Registry
from espcap.query import And, Equals, Everything, Exists, Not, Or, Query, Range
from espcap.query.values import Value, span
from espcap.searches.searcher import Searcher
from espcap.stores import Hit, Store

TIME = "@timestamp"
MOST_COUNTED = 10_000
"""The most packets that can be skipped: Elasticsearch rejects more."""


_OF_ONE_VALUE = frozenset(PATHS) - {"protocols", "payload_fields"} | {"layers.frame.number"}
"""Paths at which a packet has at most one value."""


@dataclass(frozen=True)
class Cursor:
    """The end of a page: the sort value and the time of its last packet; empty if the packet does not have them."""

    value: str = ""
    time: str = ""
    skip: int = 0
    """Number of packets so far with this value and this time."""


@dataclass(frozen=True)
class Page:
    """The packets of one page, and the number of packets after the page before."""

    hits: list[Hit]
    total: int
    next: Cursor | None
    """None on the last page."""


def page(searcher: Searcher, query: Query, sort: tuple[str, bool], after: Cursor | None, size: int) -> Page:
    """Returns the page after `after`, or the first, of at most `size` packets.

    `sort` is a path and whether its order is descending. Packets with the same value are sorted by time.
    """
    path, descending = sort
    order = [sort] if path == TIME else [sort, (TIME, False)]
    if _may_have_several(path):
        return _page_by_number(searcher.store, query, order, after.skip if after else 0, size)
    rest = _rest(path, descending, after, searcher.registry) if after else Everything()
    found = searcher.store.search(And((query, rest)), size, after.skip if after else 0, order)
    cursor = _cursor(found.hits, path, descending, after) if len(found.hits) == size else None
    if path == TIME and after and after.time and len(found.hits) < size:
        cursor = Cursor()  # packets without a time come last
    return Page(found.hits, found.total, cursor)


def _may_have_several(path: str) -> bool:
    return path not in _OF_ONE_VALUE


def _page_by_number(store: Store, query: Query, order: list[tuple[str, bool]], start: int, size: int) -> Page:
    """Returns a page that is sorted by a path at which packets can have several values; earlier packets are skipped."""
    found = store.search(query, size, start, order)
    end = start + len(found.hits)
    return Page(found.hits, found.total, Cursor(skip=end) if end < min(found.total, MOST_COUNTED - size) else None)


def _rest(path: str, descending: bool, after: Cursor, registry: Registry) -> Query:
    """Returns the query for all packets from the first one with the cursor's values on."""
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
