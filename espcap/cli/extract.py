"""The extract command: writes the packets that match, from their captures, to one capture."""

import sys

import click

from espcap.base.errors import UsageError
from espcap.base.text import printable
from espcap.captures.originals import Originals
from espcap.cli.options.querying import ExtractOptions
from espcap.cli.output import opened, require_new
from espcap.cli.progress import Progress
from espcap.cli.search import explain_if_empty, open_searcher, prepare_search
from espcap.extract.extraction import Extraction, Missing
from espcap.searches.selection import Selection, select_packets
from espcap.tshark.program import dissecting_user, find_program

PARTIAL = 3
"""The exit code if packets are missing."""


def extract(options: ExtractOptions) -> int:
    """Runs the command and returns its exit code."""
    if options.write == "-" and sys.stdout.isatty():
        raise UsageError(
            "a capture cannot be printed on a terminal", "name a file with -w, or use a pipe: | tshark -r -"
        )
    require_new(options.write, options.force)
    program = find_program(options.tshark)
    missing: list[Missing] = []
    progress = Progress(sys.stderr.isatty())
    extraction = Extraction(program, dissecting_user(program), lambda one: _report(one, missing), progress.update)
    selections, status = _select(options)
    extraction.find(selections, Originals(options.dir), options.write)
    progress.expect(extraction.size)
    with progress, opened(options.write) as output:
        output.packets = extraction.write(output.file)
    missing_packets = sum(one.packets for one in missing)
    captures = f"{len(selections):,} capture{'' if len(selections) == 1 else 's'}"
    packets = f"{output.packets:,} packet{'' if output.packets == 1 else 's'}"
    click.echo(f"{packets} of {captures} extracted, {missing_packets:,} missing", err=True)
    if not output.packets and output.is_left_out:
        click.echo(f"Note: no packet was extracted, so {printable(options.write)} is not written", err=True)
    return PARTIAL if missing_packets else status


def _select(options: ExtractOptions) -> tuple[list[Selection], int]:
    """Returns the packets to extract, and the exit code of the search."""
    searcher = open_searcher(options)
    try:
        prepared = prepare_search(options, searcher)
        selections = select_packets(searcher, prepared.query, options.flow)
        explain_if_empty(searcher, prepared, len(selections))
        return selections, prepared.status
    finally:
        searcher.store.close()


def _report(one: Missing, missing: list[Missing]) -> None:
    missing.append(one)
    Progress.message(f"Error: {one.packets:,} packets are missing: {one.reason}")
