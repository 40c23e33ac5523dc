"""Summarizes the packets of a view: packets over time, protocols, top sources and top destinations."""

from dataclasses import dataclass
from typing import Any

from espcap.base.text import quoted
from espcap.query import Query
from espcap.searches.searcher import Searcher
from espcap.searches.summary import TABLES, count_over_time

STEPS = 150
"""The most time steps in the histogram."""
ROWS = 10
"""Number of lines in each table."""
TITLES = {"protocols": "Protocols", "sources": "Top sources", "destinations": "Top destinations"}


@dataclass(frozen=True)
class TableLine:
    """A line of a table."""

    value: str
    packets: int
    bytes: int

    @property
    def quoted(self) -> str:
        """The value in quotes, for a query string."""
        return quoted(self.value)

    @property
    def size(self) -> str:
        """The bytes with a suitable unit, such as `1.2 MB`."""
        return size_text(self.bytes)


@dataclass(frozen=True)
class Table:
    """The most frequent values of a path."""

    title: str
    path: str
    lines: list[TableLine]


def size_text(number: int) -> str:
    """Returns a number of bytes with a suitable unit, such as `1.2 MB`."""
    size, units = float(number), iter(("B", "kB", "MB", "GB", "TB", "PB"))
    unit = next(units)
    while size >= 1000:
        size, unit = size / 1000, next(units)
    return f"{size:.3g} {unit}"


def histogram(searcher: Searcher, query: Query) -> dict[str, Any]:
    """Returns `{"packets", "bytes", "first", "last", "interval", "over_time": [{"time", "packets", "bytes"}]}`."""
    request = {"times": {"stats": {"field": "@timestamp"}}, "bytes": {"sum": {"field": "network.bytes"}}}
    store = searcher.store
    answer = store.search(query, size=0, aggregations=request)
    totals = {"packets": answer.total, "bytes": int(answer.aggregations["bytes"]["value"])}
    return totals | count_over_time(store, query, answer.aggregations["times"], STEPS)


def tables(searcher: Searcher, query: Query) -> list[Table]:
    """Returns the tables of protocols, sources and destinations."""
    sums = {"bytes": {"sum": {"field": "network.bytes"}}}
    request = {name: {"terms": {"field": TABLES[name], "size": ROWS}, "aggs": sums} for name in TITLES}
    found = searcher.store.search(query, size=0, aggregations=request).aggregations
    return [Table(title, TABLES[name], _lines(found[name]["buckets"])) for name, title in TITLES.items()]


def _lines(buckets: list[dict[str, Any]]) -> list[TableLine]:
    return [TableLine(str(bucket["key"]), bucket["doc_count"], int(bucket["bytes"]["value"])) for bucket in buckets]
