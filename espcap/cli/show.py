"""The show command: prints one packet from its capture, as Wireshark shows it."""

import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import Any

import click
import orjson

from espcap.base.errors import EspcapError, UsageError
from espcap.base.text import printable, without_controls
from espcap.captures.originals import Originals
from espcap.captures.sources import CaptureFile, capture_file, without_here
from espcap.cli.dissecting import dissecting_settings
from espcap.cli.options.querying import ShowOptions
from espcap.cli.search import open_searcher
from espcap.extract.loading import FileOriginal, LiveOriginal, Loadable, Original, find_original
from espcap.extract.needed import Needed, find_needed, matches_document, with_original_streams
from espcap.ingest.job import check_filters
from espcap.query import And, Equals, Or, Query
from espcap.stores import Hit
from espcap.tshark.decode_as import decoded_as
from espcap.tshark.output import hand_over_files
from espcap.tshark.program import dissecting_user, find_program
from espcap.tshark.sharkd import Dissection, Node, Sharkd

_COLOURS = {"Chat": "blue", "Note": "cyan", "Warning": "yellow", "Error": "red"}
_IDENTIFIER = re.compile(r"([0-9a-f]{32})-(\d{1,10})")
_INDENT = "    "
_MOST_NAMED = 5


def show(options: ShowOptions) -> None:
    """Runs the command."""
    program = find_program(options.tshark)
    needed = None
    if options.frame is not None:
        original, frame = _named_file(options)
    else:
        original, frame, needed = _stored(options)
    user = dissecting_user(program)
    settings = hand_over_files(dissecting_settings(options), user)
    if settings.decode_as:
        check_filters(program, settings, user)
    with original, decoded_as(program, settings) as known:

        def dissect(capture: Loadable) -> Dissection:
            with capture, Sharkd(program, capture.file, user, known, capture.numbers) as sharkd:
                return sharkd.frame(frame)

        dissection = (_from_excerpt(dissect, original, needed) if needed else None) or dissect(original.whole())
        if isinstance(original, LiveOriginal):
            dissection = with_original_streams(dissection, original.document)
    if options.json:
        named = {"file_name": original.name, "frame": frame}
        click.echo(without_controls(orjson.dumps(named | _plain(dissection))))
    else:
        is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for line in packet_lines(dissection):
            click.echo(line if is_coloured else click.unstyle(line))


def _from_excerpt(dissect: Callable[[Loadable], Dissection], original: Original, needed: Needed) -> Dissection | None:
    """Returns the packet, dissected with only the frames that it needs; None if they are not enough."""
    try:
        excerpt = original.excerpt(needed)
        dissection = dissect(excerpt) if excerpt else None
    except EspcapError:
        return None
    if dissection and matches_document(dissection, needed):
        return with_original_streams(dissection, needed.document)
    return None


def _named_file(options: ShowOptions) -> tuple[Original, int]:
    capture = capture_file(options.packet)
    if not isinstance(capture, CaptureFile):
        raise UsageError("a packet cannot be looked up on standard input", "name a capture file")
    return FileOriginal(capture.name, capture.path, capture.open()), options.frame or 0


def _stored(options: ShowOptions) -> tuple[Original, int, Needed | None]:
    """Returns the capture and the frame number of a stored packet, and the frames that are needed to show it."""
    found, needed = _document(options)
    frame = int(found.id.rpartition("-")[2])
    return find_original(Originals(options.dir), found.source, frame), frame, needed


def _document(options: ShowOptions) -> tuple[Hit, Needed | None]:
    query = _named(options.packet)
    searcher = open_searcher(options)
    try:
        hits = searcher.store.search(query, size=_MOST_NAMED).hits
        needed = find_needed(searcher, hits[0].source) if len(hits) == 1 else None
    finally:
        searcher.close()
    if not hits:
        raise EspcapError(f"{searcher.store.address} has no packet {options.packet}", "espcap search finds packets")
    if len(hits) > 1:
        message = f"{options.packet} is a packet of {len(hits)} captures that were stored under this name"
        raise UsageError(message, f"name one of them: {' or '.join(hit.id for hit in hits)}")
    return hits[0], needed


def _named(packet: str) -> Query:
    """Returns the query for a packet, named by its identifier or by the name of its capture and its number."""
    if _IDENTIFIER.fullmatch(packet):
        return Equals("_id", packet)
    name, sharp, number = packet.rpartition("#")
    if not sharp or not re.fullmatch("[0-9]{1,10}", number):
        hint = "write FILE#NUMBER as espcap search does, a document's capture_id-NUMBER, or a capture file and a number"
        raise UsageError(f"{packet!r} does not name a packet", hint)
    plain = without_here(name)
    files = {name, plain, f"./{plain}"}  # earlier versions stored the last with --dir .
    capture = Or((*(Equals("file_name", one) for one in sorted(files)), Equals("observer.hostname", name)))
    return And((capture, Equals("layers.frame.number", int(number))))


def packet_lines(dissection: Dissection) -> Iterator[str]:
    """Yields the lines of `tshark -V -x`, with Wireshark's colours for the severity of expert information."""
    yield from _tree_lines(dissection)
    for source in dissection.sources:
        yield ""
        if len(dissection.sources) > 1:
            yield f"{printable(source.name)}:"
        yield from (f"{click.style(offset, dim=True)}  {row}" for offset, row in source.rows())


def _tree_lines(dissection: Dissection) -> Iterator[str]:
    for depth, node in dissection.nodes():
        yield _INDENT * depth + click.style(
            printable(node.text), fg=_COLOURS.get(node.severity), bold=depth == 0, dim=node.is_generated
        )


def _plain(dissection: Dissection) -> dict[str, Any]:
    """Returns the tree as a flat list: the nesting of a hostile packet could be too deep for JSON parsers."""
    sources = [{"name": source.name, "hex": source.data.hex()} for source in dissection.sources]
    return {"tree": [_line(depth, node) for depth, node in dissection.nodes()], "sources": sources}


def _line(depth: int, node: Node) -> dict[str, Any]:
    line: dict[str, Any] = {"depth": depth, "label": node.label}
    line |= {"filter": node.filter} if node.filter else {}
    line |= {"severity": node.severity} if node.severity else {}
    line |= {"generated": True} if node.is_generated else {}
    return line | ({"source": node.source, "start": node.start, "length": node.length} if node.length else {})
