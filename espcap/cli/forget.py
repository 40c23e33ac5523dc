"""The forget command: deletes the packets of one capture from a store."""

import os
import re
from pathlib import Path

import click

from espcap.base.errors import EspcapError, UsageError
from espcap.base.text import printable
from espcap.captures.sources import CaptureFile, capture_file
from espcap.cli.opening import open_existing_store
from espcap.cli.options.storing import ForgetOptions
from espcap.ingest.claims import Claims
from espcap.ingest.ledger import Ledger, LedgerError, ledger_path
from espcap.tshark.program import find_program
from espcap.tshark.registry import open_registry

_IDENTIFIER = re.compile(r"[0-9a-f]{32}")


def forget(options: ForgetOptions) -> None:
    """Runs the command."""
    capture = printable(options.capture)
    content = _identify(options.capture)
    store = open_existing_store(options, open_registry(find_program(options.tshark)))
    path = ledger_path(options.node)
    claims = _claim(path.with_suffix(".claims"), content) if path.exists() else None
    try:
        known = _forget_in_ledger(path, content) if path.exists() else 0
        packets = store.forget([content])
    finally:
        store.close()
        if claims:
            claims.close()
    if not (packets or known):
        raise EspcapError(f"the node has no packets of {capture}", "espcap search --agg capture_id lists all")
    click.echo(f"{packets:,} packets of {capture} deleted", err=True)


def _identify(capture: str) -> str:
    """Returns the `capture_id` of a capture, named by it or by the path of a file with the same content."""
    if _IDENTIFIER.fullmatch(capture) and not os.path.exists(capture):
        return capture
    if not os.path.exists(capture):
        hint = "name a capture file, or the capture_id of its documents: espcap search --agg capture_id lists all"
        raise UsageError(f"{printable(capture)!r} is neither a file nor a capture_id", hint)
    file = capture_file(capture)
    if not isinstance(file, CaptureFile):
        raise UsageError("standard input cannot be recognised", "name the capture_id of its documents")
    with file.open() as opened:
        return file.identify(opened)


def _claim(path: Path, content: str) -> Claims | None:
    try:
        claims = Claims(path)
    except OSError:
        return None
    if not claims.take(content):
        claims.close()
        raise EspcapError("another espcap is reading this capture", "run the command again when it has ended")
    return claims


def _forget_in_ledger(path: Path, content: str) -> int:
    """Deletes the capture from the ledger and returns how many entries it had there.

    This comes before the store: a capture that the store has only in part must not count as stored.
    """
    try:
        ledger = Ledger(path)
        known = ledger.forget([content])
        ledger.close()
    except LedgerError as error:
        click.echo(f"Note: {printable(error.message)}; load the capture again with --again", err=True)
        return 0
    return known
