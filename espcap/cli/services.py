"""Tables of the stats command for transactions and flows."""

from collections.abc import Callable
from typing import Any

import click

from espcap.base.members import end_of
from espcap.cli.table import TABLES, show_table
from espcap.documents.types import FLOWS, TRANSACTIONS, DocumentType
from espcap.query import Query
from espcap.searches.searcher import Searcher
from espcap.searches.services import summarize_flows, summarize_transactions

_TIMES = ("p50", "p95", "p99", "maximum")


def _show_transactions(summary: dict[str, Any]) -> None:
    click.echo(f"{summary['transactions']:,} transactions, {summary['errors']:,} of them failed; times in milliseconds")
    rows = [
        [str(row["value"]), f"{row['transactions']:,}", f"{row['errors']:,}", *(_ms(row[name]) for name in _TIMES)]
        for row in summary["services"]
    ]
    show_titled("Services", ["service", "transactions", "errors", *_TIMES], rows)
    columns, row = TABLES[TRANSACTIONS]
    show_titled("Slowest", list(columns), [row(source) for source in summary["slowest"]])
    failed = [[str(each["value"]), f"{each['transactions']:,}"] for each in summary["failed"]]
    show_titled("Most frequent failures", ["query", "transactions"], failed)


def _ms(nanoseconds: float | None) -> str:
    return "" if nanoseconds is None else f"{nanoseconds / 1e6:,.3f}"


def _show_flows(summary: dict[str, Any]) -> None:
    click.echo(f"{summary['flows']:,} flows, {summary['packets']:,} packets, {summary['bytes']:,} bytes")
    rows = [
        [
            *(end_of(each[end]) for end in ("source", "destination")),
            str(each["protocol"] or each["transport"] or ""),
            *(f"{each[name] or 0:,}" for name in ("packets", "bytes", "bytes_back")),
            f"{(each['duration'] or 0) / 1e9:.6f}",
        ]
        for each in summary["largest"]
    ]
    show_titled("Largest", ["source", "destination", "protocol", "packets", "bytes", "bytes back", "seconds"], rows)
    show_titled("Ends", ["end", "flows"], [[str(each["value"]), f"{each['flows']:,}"] for each in summary["ends"]])


def show_titled(title: str, columns: list[str], rows: list[list[str]]) -> None:
    """Prints a table with its title, unless it has no rows."""
    if rows:
        click.echo(f"\n{title}")
        show_table(columns, rows)


SUMMARIES: dict[
    DocumentType, tuple[Callable[[Searcher, Query, int], dict[str, Any]], Callable[[dict[str, Any]], None]]
] = {
    TRANSACTIONS: (summarize_transactions, _show_transactions),
    FLOWS: (summarize_flows, _show_flows),
}
"""For each type of documents the function that summarizes them, and the one that prints the summary."""
