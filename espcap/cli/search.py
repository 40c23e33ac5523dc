"""The search command: hits as a table or as NDJSON, or counts by the values of a field."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click
import orjson

from espcap.base.text import printable, without_controls
from espcap.cli.options import QueryOptions, SearchOptions, StoreOptions, open_named_store
from espcap.cli.table import PACKET_COLUMNS, packet_row, show_table
from espcap.query import Query
from espcap.searches.nothing import why_nothing
from espcap.searches.searcher import Searcher
from espcap.searches.selection import MOST_VALUES
from espcap.stores import Hit
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry


@dataclass(frozen=True)
class PreparedSearch:
    """What a command is asked for."""

    query: Query
    status: int = 0
    """The exit code: 3 where captures could not be filtered."""


def search(options: SearchOptions) -> int:
    """Runs the command and returns its exit code."""
    searcher = open_searcher(options)
    store = searcher.store
    try:
        asked = wanted(options, searcher)
        query = asked.query
        if options.agg:
            terms = {
                "field": _path(options.agg, query, searcher),
                "size": min(options.size + 1, max(options.size, MOST_VALUES)),
            }
            found = store.search(query, size=0, aggregations={"values": {"terms": terms}})
            tell_why_nothing(searcher, asked, found.total)
            buckets = found.aggregations["values"]["buckets"]
            _show_values(options.agg, buckets[: options.size])
            _tell_other_values(options, len(buckets), found.total)
        else:
            sort = (_path(options.sort.removeprefix("-"), query, searcher), options.sort.startswith("-"))
            found = store.search(query, options.size, options.start, [sort])
            tell_why_nothing(searcher, asked, found.total)
            _show_hits(found.hits, found.total)
            _tell_other_packets(options, len(found.hits), found.total)
        return asked.status
    finally:
        store.close()


def _path(name: str, query: Query, searcher: Searcher) -> str:
    path, notes = searcher.values_of(name, query)
    _tell(notes)
    return path


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"Note: {printable(note)}", err=True)


def open_searcher(options: StoreOptions) -> Searcher:
    """The store that `--node` names, by default the local index, to be asked. Raises StoreError where there is none."""
    program = find_program(options.tshark)
    registry = open_registry(program)
    return Searcher(program, registry, open_named_store(options, registry, default="local")).there()


def wanted(options: QueryOptions, searcher: Searcher) -> PreparedSearch:
    """What QUERY, the display filter and the times ask for together. Notes tell how they were taken."""
    if options.captures:
        from espcap.cli.captures import wanted_of_captures

        return wanted_of_captures(options, searcher)
    asked = searcher.ask(options.query, options.display_filter, options.since, options.until)
    _tell(asked.notes)
    return PreparedSearch(asked.query)


def tell_why_nothing(searcher: Searcher, asked: PreparedSearch, packets: int) -> None:
    """Says why no packets were found, unless there may be some where it could not be looked."""
    if not packets and not asked.status:
        click.echo(f"Note: {printable(why_nothing(searcher.store, asked.query))}", err=True)


def _show_values(field: str, buckets: list[dict[str, Any]]) -> None:
    if sys.stdout.isatty():
        show_table([field, "packets"], ([str(bucket["key"]), f"{bucket['doc_count']:,}"] for bucket in buckets))
    else:
        _lines(buckets)


def _show_hits(hits: list[Hit], total: int) -> None:
    if sys.stdout.isatty():
        show_table(PACKET_COLUMNS, (packet_row(hit.source) for hit in hits))
        click.echo(f"{len(hits):,} of {total:,} packets", err=True)
    else:
        _lines(hit.source for hit in hits)


def _tell_other_packets(options: SearchOptions, shown: int, total: int) -> None:
    """A pipe has no line that says of how many packets it got the first."""
    if total and options.start >= total:
        _tell([f"--from leaves out all {total:,} packets that match"])
    elif shown < total - options.start and not sys.stdout.isatty():
        _tell([f"{shown:,} of {total:,} packets are printed (--size N prints more)"])


def _tell_other_values(options: SearchOptions, values: int, packets: int) -> None:
    """Values that are not shown, or that no packet has."""
    if values > options.size:
        _tell([f"{options.agg} has more than {options.size:,} values (--size prints more)"])
    elif packets and not values:
        _tell([f"none of the {packets:,} packets that match has {options.agg}"])


def _lines(values: Iterable[Any]) -> None:
    for value in values:
        click.echo(without_controls(orjson.dumps(value)))
