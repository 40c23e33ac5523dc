"""The export command: writes the packets that match as Parquet, CSV or NDJSON."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import click
import orjson

from espcap.base.errors import UsageError
from espcap.base.text import printable, without_controls
from espcap.cli.options.querying import ExportOptions
from espcap.cli.output import opened, require_new
from espcap.cli.progress import Progress
from espcap.cli.search import explain_if_empty, open_searcher, prepare_search
from espcap.documents.types import type_named
from espcap.query import Query
from espcap.searches.searcher import Searcher
from espcap.searches.tables import columns_of, pages, tables


def export(options: ExportOptions) -> int:
    """Runs the command and returns its exit code."""
    form = _format(options)
    require_new(options.write, options.force)
    searcher = open_searcher(options, type_named(options.type))
    try:
        names = [name.strip() for name in options.columns.split(",")] if options.columns else []
        paths = columns_of(searcher, names)
        prepared = prepare_search(options, searcher)
        with Progress(sys.stderr.isatty()) as progress, opened(options.write) as output:
            packets = _Packets(searcher, prepared.query, paths, progress.count)
            output.packets = packets.write(output.file, form, options.write)
        explain_if_empty(searcher, prepared, output.packets)
    finally:
        searcher.store.close()
    click.echo(f"{output.packets:,} packet{'' if output.packets == 1 else 's'} exported", err=True)
    if not output.packets and output.is_left_out:
        click.echo(f"Note: no packet was exported, so {printable(options.write)} is not written", err=True)
    return prepared.status


def _format(options: ExportOptions) -> str:
    ending = os.path.splitext(options.write)[1].lower().removeprefix(".")
    form = options.format or ("ndjson" if options.write == "-" else ending)
    if form not in ("parquet", "csv", "ndjson"):
        raise UsageError(
            f"{printable(options.write)} does not end in .parquet, .csv or .ndjson", "name the format with --format"
        )
    if form == "ndjson" and options.columns:
        raise UsageError("NDJSON has whole documents", "leave out --columns, or use --format csv or parquet")
    if form != "ndjson" and options.write == "-" and sys.stdout.isatty():
        raise UsageError(f"{form} cannot be printed on a terminal", "name a file with -w, or use a pipe")
    return form


@dataclass(frozen=True)
class _Packets:
    """The packets to export."""

    searcher: Searcher
    query: Query
    paths: list[str]
    count: Callable[[int], None]
    """Counts packets that were read."""

    def write(self, file: BinaryIO, form: str, name: str) -> int:
        """Writes all packets to the open file `name`, and returns their number."""
        if form == "ndjson":
            return self._write_lines(file)
        from espcap.sinks.tables import write_csv, write_parquet

        if form == "csv":
            return write_csv(self._tables(), file)
        is_regular = name != "-" and (os.path.isfile(name) or not os.path.exists(name))
        return write_parquet(self._tables(), file, os.path.dirname(os.path.realpath(name)) if is_regular else None)

    def _write_lines(self, file: BinaryIO) -> int:
        packets = 0
        for sources in pages(self.searcher, self.query):
            file.writelines(without_controls(orjson.dumps(source)) + b"\n" for source in sources)
            self.count(len(sources))
            packets += len(sources)
        return packets

    def _tables(self) -> Iterator[Any]:
        for table in tables(self.searcher, self.query, self.paths):
            yield table
            self.count(table.num_rows)
