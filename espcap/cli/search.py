"""The search command: prints packets as a table or as NDJSON, or counts them by the values of a field."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import click
import orjson

from espcap.base.errors import UsageError
from espcap.base.text import printable, without_controls
from espcap.cli.opening import open_named_store
from espcap.cli.options.querying import ListOptions, QueryOptions, SearchOptions
from espcap.cli.options.storing import StoreOptions
from espcap.cli.table import TABLES, show_table
from espcap.documents.types import PACKETS, DocumentType, type_named
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
    return search_type(options, type_named(options.type))


def search_type(options: ListOptions, of: DocumentType) -> int:
    """Searches documents of a type, and returns the exit code."""
    _check_aggregation(options)
    searcher = open_searcher(options, of)
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
            _show_values(options.agg, buckets[: options.size], of)
            _note_other_values(options, len(buckets), found.total, of)
        else:
            sort = (_path(options.sort.removeprefix("-"), query, searcher), options.sort.startswith("-"))
            found = store.search(query, options.size, options.start, [sort])
            explain_if_empty(searcher, prepared, found.total)
            _show_hits(found.hits, found.total, of)
            _note_others(options, len(found.hits), found.total, of)
        return prepared.status
    finally:
        store.close()


def _check_aggregation(options: ListOptions) -> None:
    """Prints a note if --agg leaves other options unused. Raises UsageError if it names no field."""
    if options.agg is None:
        return
    if not options.agg.strip():
        raise UsageError("--agg has no field", "name one, such as --agg protocol")
    unused = [("--sort", options.sort != "@timestamp"), ("--from", options.start > 0)]
    for name in (name for name, is_given in unused if is_given):
        _print_notes([f"--agg does not use {name}: the most frequent values come first"])


def _path(name: str, query: Query, searcher: Searcher) -> str:
    path, notes = searcher.values_of(name, query)
    _print_notes(notes)
    return path


def _print_notes(notes: Iterable[str]) -> None:
    for note in notes:
        click.echo(f"Note: {printable(note)}", err=True)


def open_searcher(options: StoreOptions, of: DocumentType = PACKETS) -> Searcher:
    """Opens the store that `--node` names, by default the local index. Raises StoreError if it does not exist."""
    program = find_program(options.tshark)
    registry = open_registry(program)
    searcher = Searcher(program, registry, open_named_store(options, registry, default="local"))
    return searcher.require_existing().of_type(of)


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
        click.echo(f"Note: {printable(explain_no_packets(searcher.store, prepared.query, searcher.of))}", err=True)


def _show_values(field: str, buckets: list[dict[str, Any]], of: DocumentType) -> None:
    if sys.stdout.isatty():
        show_table([field, of.name], ([str(bucket["key"]), f"{bucket['doc_count']:,}"] for bucket in buckets))
    else:
        _lines(buckets)


def _show_hits(hits: list[Hit], total: int, of: DocumentType) -> None:
    if sys.stdout.isatty():
        columns, row = TABLES[of]
        show_table(columns, (row(hit.source) for hit in hits))
        click.echo(f"{len(hits):,} of {total:,} {of.name}", err=True)
    else:
        _lines(hit.source for hit in hits)


def _note_others(options: ListOptions, shown: int, total: int, of: DocumentType) -> None:
    """Prints a note if more documents match than a pipe gets. On a terminal, the line below the table says so."""
    if total and options.start >= total:
        _print_notes([f"--from skips all {total:,} {of.name} that match"])
    elif shown < total - options.start and not sys.stdout.isatty():
        _print_notes([f"{shown:,} of {total:,} {of.name} are printed (--size N prints more)"])


def _note_other_values(options: ListOptions, values: int, found: int, of: DocumentType) -> None:
    """Prints a note if the field has more values than are printed, or no document has the field."""
    if values > options.size:
        _print_notes([f"{options.agg} has more than {options.size:,} values (--size prints more)"])
    elif found and not values:
        _print_notes([f"none of the {found:,} {of.name} that match has {options.agg}"])


def _lines(values: Iterable[Any]) -> None:
    for value in values:
        click.echo(without_controls(orjson.dumps(value)))
