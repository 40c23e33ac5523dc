"""The search command: prints packets as a table or as NDJSON, or counts them by the values of a field."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click
import orjson

from espcap.base.text import printable, without_controls
from espcap.cli.opening import open_named_store
from espcap.cli.options.querying import QueryOptions, SearchOptions
from espcap.cli.options.storing import StoreOptions
from espcap.cli.table import PACKET_COLUMNS, packet_row, show_table
from espcap.query import Query
from espcap.searches.no_packets import explain_no_packets
from espcap.searches.searcher import Searcher
from espcap.stores import MOST_BUCKETS, Hit
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry


@dataclass(frozen=True)
class PreparedSearch:
    """The query of a command, and whether all captures could be filtered for it."""

    query: Query
    status: int = 0
    """The exit code: 3 if packets of some captures could not be filtered."""


def search(options: SearchOptions) -> int:
    """Runs the command and returns its exit code."""
    searcher = open_searcher(options)
    store = searcher.store
    try:
        prepared = prepare_search(options, searcher)
        query = prepared.query
        if options.agg:
            terms = {
                "field": _path(options.agg, query, searcher),
                "size": min(options.size + 1, max(options.size, MOST_BUCKETS)),
            }
            found = store.search(query, size=0, aggregations={"values": {"terms": terms}})
            explain_if_empty(searcher, prepared, found.total)
            buckets = found.aggregations["values"]["buckets"]
            _show_values(options.agg, buckets[: options.size])
            _note_other_values(options, len(buckets), found.total)
        else:
            sort = (_path(options.sort.removeprefix("-"), query, searcher), options.sort.startswith("-"))
            found = store.search(query, options.size, options.start, [sort])
            explain_if_empty(searcher, prepared, found.total)
            _show_hits(found.hits, found.total)
            _note_other_packets(options, len(found.hits), found.total)
        return prepared.status
    finally:
        store.close()


def _path(name: str, query: Query, searcher: Searcher) -> str:
    path, notes = searcher.values_of(name, query)
    _print_notes(notes)
    return path


def _print_notes(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"Note: {printable(note)}", err=True)


def open_searcher(options: StoreOptions) -> Searcher:
    """Opens the store that `--node` names, by default the local index. Raises StoreError if it does not exist."""
    program = find_program(options.tshark)
    registry = open_registry(program)
    return Searcher(program, registry, open_named_store(options, registry, default="local")).require_existing()


def prepare_search(options: QueryOptions, searcher: Searcher) -> PreparedSearch:
    """Returns the query for packets that match QUERY, the display filter and the times. Prints notes on them."""
    if options.captures:
        from espcap.cli.captures import prepare_with_captures

        return prepare_with_captures(options, searcher)
    question = searcher.prepare(options.query, options.display_filter, options.since, options.until)
    _print_notes(question.notes)
    return PreparedSearch(question.query)


def explain_if_empty(searcher: Searcher, prepared: PreparedSearch, packets: int) -> None:
    """Prints why no packets were found, unless captures that could not be filtered may contain some."""
    if not packets and not prepared.status:
        click.echo(f"Note: {printable(explain_no_packets(searcher.store, prepared.query))}", err=True)


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


def _note_other_packets(options: SearchOptions, shown: int, total: int) -> None:
    """Prints a note if more packets match than a pipe gets. On a terminal, the line below the table says so."""
    if total and options.start >= total:
        _print_notes([f"--from skips all {total:,} packets that match"])
    elif shown < total - options.start and not sys.stdout.isatty():
        _print_notes([f"{shown:,} of {total:,} packets are printed (--size N prints more)"])


def _note_other_values(options: SearchOptions, values: int, packets: int) -> None:
    """Prints a note if the field has more values than are printed, or no packet has the field."""
    if values > options.size:
        _print_notes([f"{options.agg} has more than {options.size:,} values (--size prints more)"])
    elif packets and not values:
        _print_notes([f"none of the {packets:,} packets that match has {options.agg}"])


def _lines(values: Iterable[Any]) -> None:
    for value in values:
        click.echo(without_controls(orjson.dumps(value)))
