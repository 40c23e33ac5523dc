"""Packets that match a query, one after the other or as Arrow tables of some columns, in the order of time."""

import sys
from collections.abc import Iterator, Sequence
from typing import Any, cast

from espcap.base.errors import EspcapError, UsageError
from espcap.query import Query
from espcap.searches.paging import TIME, page
from espcap.searches.searcher import Searcher
from espcap.stores import ColumnStore

DEFAULT_COLUMNS = (
    *("@timestamp", "source.ip", "source.port", "destination.ip", "destination.port", "protocol", "network.bytes"),
    *("capture_id", "layers.frame.number", "info"),
)
"""The columns of a table if none are named."""
_PAGE_SIZE = 1000
"""Number of packets in one request to a store."""


def columns_of(searcher: Searcher, names: Sequence[str]) -> list[str]:
    """Returns the paths of fields, each once. Raises UsageError if a field does not exist."""
    paths = [searcher.path(name) for name in names] or list(DEFAULT_COLUMNS)
    twice = [name for name, path in zip(names, paths, strict=False) if paths.count(path) > 1]
    if twice:
        raise UsageError(f"the column {twice[0]} is named twice", "name each column once")
    return paths


def pages(
    searcher: Searcher, query: Query, sort: tuple[str, bool] = (TIME, False), most: int = sys.maxsize
) -> Iterator[list[dict[str, Any]]]:
    """Yields the documents of the first `most` packets that match, page by page.

    Raises EspcapError if the store cannot read further in this order.
    """
    if sort == (TIME, False) and most == sys.maxsize and hasattr(searcher.store, "pages"):
        yield from cast(ColumnStore, searcher.store).pages(query, _PAGE_SIZE)
        return
    size = max(1, min(most, _PAGE_SIZE))
    part = page(searcher, query, sort, None, size)
    given, total = 0, min(part.total, most)
    while part.hits and given < most:
        yield [hit.source for hit in part.hits]
        given += len(part.hits)
        if part.next is None:
            break
        size = max(1, min(most - given, _PAGE_SIZE))
        part = page(searcher, query, sort, part.next, size)
    if given < total and len(part.hits) == size:
        message = f"only the first {given:,} of {total:,} {searcher.of.name} can be read in this order"
        raise EspcapError(message, "narrow the query, or sort by @timestamp")


def tables(
    searcher: Searcher,
    query: Query,
    paths: Sequence[str],
    sort: tuple[str, bool] = (TIME, False),
    most: int = sys.maxsize,
) -> Iterator[Any]:
    """Yields Arrow tables with the columns `paths` of the first `most` packets; see `espcap.stores.tables`.

    Raises as `pages`.
    """
    if sort == (TIME, False) and most == sys.maxsize and hasattr(searcher.store, "tables"):
        yield from cast(ColumnStore, searcher.store).tables(query, paths)
        return
    from espcap.stores.tables import documents_table

    for sources in pages(searcher, query, sort, most):
        yield documents_table(sources, paths, searcher.registry.kind)
