"""The search command: hits as a table or as NDJSON, or counts by the values of a field."""

import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import click
import orjson

from espcap.cli.options import Narrowing, Searching, open_named_store
from espcap.errors import UsageError
from espcap.fields import Registry, open_registry
from espcap.query import And, Everything, Query, Range
from espcap.query.left_out import payload_fields
from espcap.query.lucene import parse
from espcap.query.unknown import unknown_paths
from espcap.query.values import Time
from espcap.sources import printable, without_controls
from espcap.stores import Hit
from espcap.tshark.program import Program, find_program

_COLUMNS = ("time", "source", "destination", "protocol", "length", "packet")


def search(options: Searching) -> None:
    """Runs the command."""
    program = find_program(options.tshark)
    registry = open_registry(program)
    store = open_named_store(options, registry, default="local")
    query = wanted(options, registry, program)
    try:
        if options.agg:
            aggregations = {"values": {"terms": {"field": options.agg, "size": max(options.size, 1)}}}
            found = store.search(query, size=0, aggregations=aggregations)
            _show_values(options.agg, found.aggregations["values"]["buckets"])
        else:
            sort = (options.sort.removeprefix("-"), options.sort.startswith("-"))
            found = store.search(query, options.size, options.start, [sort])
            _show_hits(found.hits, found.total)
    finally:
        store.close()


def wanted(options: Narrowing, registry: Registry, program: Program) -> Query:
    """What QUERY, the display filter and the times ask for together. Notes tell what they may not find."""
    parts = [parse(options.query, registry.kind), _filter(options.display_filter, registry, program)]
    since, until = _moment(options.since), _moment(options.until)
    if since is not None or until is not None:
        parts.append(Range("@timestamp", since, until, True, False))
    query = And(tuple(part for part in parts if part != Everything()))
    _tell_doubts(query, registry)
    return query


def _tell_doubts(query: Query, registry: Registry) -> None:
    for path in payload_fields(query, registry.kind):
        note = "documents have values of more than 64 bytes only with --payload, and indices at most 2,730 bytes"
        click.echo(f"Note: {path}: {note}", err=True)
    for path, others in unknown_paths(query, registry).items():
        suggestion = f"; did you mean {' or '.join(others)}?" if others else ""
        click.echo(f"Note: {printable(path)}: no such field is known{suggestion}", err=True)


def _filter(text: str, registry: Registry, program: Program) -> Query:
    if not text:
        return Everything()
    from espcap.query.display_filter import parse as parse_filter
    from espcap.tshark.value_names import value_names

    return parse_filter(text, registry, lambda field: value_names(program, field))


def _moment(text: str) -> Time | None:
    if not text:
        return None
    from dateutil import parser

    try:
        moment = parser.parse(text, default=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no time", "write it as 2015-07-30T05:22:12, 30 July 2015 or 05:22") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return Time(round(moment.timestamp() * 1_000_000) * 1000)


def _show_values(field: str, buckets: list[dict[str, Any]]) -> None:
    if sys.stdout.isatty():
        show_table([field, "packets"], ([str(bucket["key"]), f"{bucket['doc_count']:,}"] for bucket in buckets))
    else:
        _lines(buckets)


def _show_hits(hits: list[Hit], total: int) -> None:
    if sys.stdout.isatty():
        show_table(_COLUMNS, (_row(hit) for hit in hits))
        click.echo(f"{len(hits):,} of {total:,} packets", err=True)
    else:
        _lines(hit.source for hit in hits)


def _lines(values: Iterable[Any]) -> None:
    for value in values:
        click.echo(without_controls(orjson.dumps(value)))


def _row(hit: Hit) -> list[str]:
    source = hit.source
    ends = [_end(source.get(end, {})) for end in ("source", "destination")]
    number = source["layers"]["frame"].get("number", "")
    name = source.get("file_name") or source.get("observer", {}).get("hostname", "")
    length = str(source["network"].get("bytes", ""))
    return [str(source.get("@timestamp", "")), *ends, source["protocol"], length, f"{name}#{number}"]


def _end(end: dict[str, Any]) -> str:
    address = str(end.get("ip") or end.get("mac") or "")
    port = end.get("port")
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def show_table(columns: Iterable[str], rows: Iterable[list[str]]) -> None:
    """Columns side by side, with nothing in them that a terminal would obey."""
    lines = [[printable(cell) for cell in line] for line in [list(columns), *rows]]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
