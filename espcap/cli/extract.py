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
from espcap.searches.derivation import select_flow, select_transaction
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
    _check_identifiers(options)
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


def _check_identifiers(options: ExtractOptions) -> None:
    """Raises UsageError if an identifier and another condition select packets."""
    conditions = [options.query, options.display_filter, options.since, options.until, options.captures]
    if options.transaction and options.flow_id:
        raise UsageError(
            "--transaction and --flow-id cannot be used together",
            "--transaction with --flow selects its whole conversation",
        )
    if (options.transaction or options.flow_id) and any(conditions):
        name = "--transaction" if options.transaction else "--flow-id"
        raise UsageError(f"{name} already selects the packets", "leave out the query, the filter and the times")


def _select(options: ExtractOptions) -> tuple[list[Selection], int]:
    """Returns the packets to extract, and the exit code of the search."""
    searcher = open_searcher(options)
    try:
        if options.transaction:
            return select_transaction(searcher, options.transaction, options.flow), 0
        if options.flow_id:
            return select_flow(searcher, options.flow_id), 0
        prepared = prepare_search(options, searcher)
        selections = select_packets(searcher, prepared.query, options.flow)
        explain_if_empty(searcher, prepared, len(selections))
        return selections, prepared.status
    finally:
        searcher.store.close()


def _report(one: Missing, missing: list[Missing]) -> None:
    missing.append(one)
    Progress.message(f"Error: {one.packets:,} packets are missing: {one.reason}")
