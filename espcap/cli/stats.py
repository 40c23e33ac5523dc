"""The stats command: summarizes the packets that match a query, or the numbers of a field."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import click
import orjson

from espcap.base.errors import UsageError
from espcap.base.members import end_of
from espcap.base.text import printable, without_controls
from espcap.cli.csv_output import write_csv
from espcap.cli.options.querying import StatsOptions
from espcap.cli.search import PreparedSearch, explain_if_empty, open_searcher, prepare_search
from espcap.cli.services import SUMMARIES, show_titled
from espcap.cli.table import show_table
from espcap.documents.types import type_named
from espcap.query import Query
from espcap.searches.measures import COLUMNS, measure
from espcap.searches.searcher import Searcher
from espcap.searches.summary import TABLES, summarize

_BARS = "▁▂▃▄▅▆▇█"
_TITLES = {
    "protocols": "Protocols",
    "sources": "Top sources",
    "destinations": "Top destinations",
    "dns_names": "DNS names",
    "http_hosts": "HTTP hosts",
    "tls_server_names": "TLS server names",
}


def stats(options: StatsOptions) -> int:
    """Runs the command and returns its exit code."""
    if not options.field and (options.by or options.csv):
        raise UsageError(f"{'--by' if options.by else '--csv'} needs --field", "add --field with a field of numbers")
    searcher = open_searcher(options, type_named(options.type))
    try:
        prepared = prepare_search(options, searcher)
        if options.field:
            return _measure(options, searcher, prepared)
        summarized, show = SUMMARIES.get(searcher.of, (_summarize, _show))
        summary = summarized(searcher, prepared.query, options.size)
        explain_if_empty(searcher, prepared, summary[options.type])
    finally:
        searcher.store.close()
    if options.json or not sys.stdout.isatty():
        click.echo(without_controls(orjson.dumps(summary)))
    else:
        show(summary)
    return prepared.status


def _summarize(searcher: Searcher, query: Query, size: int) -> dict[str, Any]:
    return summarize(searcher.store, query, size)


def _measure(options: StatsOptions, searcher: Searcher, prepared: PreparedSearch) -> int:
    measured = measure(searcher, prepared.query, options.field, options.by, options.size)
    if not measured["packets"]:
        click.echo(f"Note: none of the {options.type} that match has {printable(options.field)}", err=True)
    elif options.by and not measured["groups"]:
        field, by = printable(options.field), printable(options.by)
        message = f"Note: {measured['packets']:,} {options.type} have {field}, but none of them has {by}"
        click.echo(f"{message}; name a field of the same packets", err=True)
    if options.csv:
        write_csv(sys.stdout, [options.by or "field", *COLUMNS], _rows(measured, str))
    elif options.json or not sys.stdout.isatty():
        click.echo(without_controls(orjson.dumps(measured)))
    else:
        show_table([options.by or "field", *COLUMNS], _rows(measured, figure))
    return prepared.status


def _rows(measured: dict[str, Any], text: Callable[[Any], str]) -> list[list[str]]:
    """Returns a line for each group, or one line for all packets. `text` is called with each number."""
    lines = measured["groups"] if measured["by"] else [measured["all"] | {"value": measured["field"]}]
    return [
        [str(line["value"]), *("" if line[name] is None else text(line[name]) for name in COLUMNS)] for line in lines
    ]


def figure(number: float) -> str:
    """Returns a number as text for people: all digits before the point, or six digits if there are fewer."""
    if isinstance(number, int):
        return f"{number:,}"
    return f"{number:,.0f}" if 999_999.5 <= abs(number) < 1e21 else f"{number:,.6g}"


def _show(summary: dict[str, Any]) -> None:
    click.echo(f"{summary['packets']:,} packets, {summary['bytes']:,} bytes")
    if steps := summary["over_time"]:
        click.echo(f"{summary['first']} to {summary['last']}, each bar {summary['interval']}")
        for name in ("packets", "bytes"):
            click.echo(f"{name:>7} {sparkline([step[name] for step in steps])}")
    for name in TABLES:
        rows = [[str(row["value"]), *_counts(row)] for row in summary[name]]
        show_titled(_TITLES[name], ["value", "packets", "bytes"], rows)
    rows = [
        [
            *(end_of({"ip": row[f"{end}_ip"], "port": row[f"{end}_port"]}) for end in ("source", "destination")),
            str(row["transport"] or ""),
            *_counts(row),
        ]
        for row in summary["conversations"]
    ]
    show_titled("Conversations", ["source", "destination", "transport", "packets", "bytes"], rows)


def sparkline(values: Sequence[int]) -> str:
    """Returns a character for each value, a bar of its height; a blank for 0."""
    most = max(values, default=0)
    return "".join(_BARS[(value * len(_BARS) - 1) // most] if value else " " for value in values)


def _counts(row: dict[str, Any]) -> list[str]:
    return [f"{row['packets']:,}", f"{row['bytes']:,}"]
