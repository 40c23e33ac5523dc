"""The show command: one packet from its capture, as Wireshark shows it."""

import os
import re
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import click
import orjson

from espcap.cli.options import Showing, open_named_store
from espcap.errors import EspcapError, UsageError
from espcap.fields import open_registry
from espcap.originals import Originals, capture_gone
from espcap.query import Equals
from espcap.sources import CaptureFile, capture_file, printable, without_controls
from espcap.tshark.arguments import Settings
from espcap.tshark.output import hand_over_files
from espcap.tshark.program import Program, dissecting_user, find_program
from espcap.tshark.sharkd import Dissection, Node, Sharkd

_COLOURS = {"Chat": "blue", "Note": "cyan", "Warning": "yellow", "Error": "red"}
_IDENTIFIER = re.compile(r"([0-9a-f]{32})-(\d{1,10})")
_INDENT = "    "


def show(options: Showing) -> None:
    """Runs the command."""
    program = find_program(options.tshark)
    capture, file, frame = _named_file(options) if options.frame is not None else _stored(options, program)
    user = dissecting_user(program)
    given = Settings(preferences=options.preference, profile_folder=options.profile_dir)
    settings = hand_over_files(given, user)
    with file, Sharkd(program, file, user, settings) as sharkd:
        dissection = sharkd.frame(frame)
    if options.json:
        named = {"file_name": capture.name, "frame": frame}
        click.echo(without_controls(orjson.dumps(named | _plain(dissection))))
    else:
        is_coloured = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        for line in packet_lines(dissection):
            click.echo(line if is_coloured else click.unstyle(line))


def _named_file(options: Showing) -> tuple[CaptureFile, BinaryIO, int]:
    capture = capture_file(options.packet)
    if not isinstance(capture, CaptureFile):
        raise UsageError("a packet cannot be looked up on standard input", "name a capture file")
    return capture, capture.open(), options.frame or 0


def _stored(options: Showing, program: Program) -> tuple[CaptureFile, BinaryIO, int]:
    """The capture and the frame number of a document."""
    match = _IDENTIFIER.fullmatch(options.packet)
    if not match:
        hint = "write a document's capture_id-frame, or name a capture file and a frame number"
        raise UsageError(f"{options.packet!r} is no packet's identifier", hint)
    document = _document(options, program)
    if gone := capture_gone(document):
        raise gone
    capture, file = Originals(options.dir).open(match[1], [document["file_name"]])
    return capture, file, int(match[2])


def _document(options: Showing, program: Program) -> dict[str, Any]:
    store = open_named_store(options, open_registry(program), default="local")
    try:
        for hit in store.search(Equals("_id", options.packet), size=1).hits:
            return hit.source
        raise EspcapError(f"{store.describe()} has no packet {options.packet}", "espcap search finds packets")
    finally:
        store.close()


def packet_lines(dissection: Dissection) -> Iterator[str]:
    """What `tshark -V -x` prints, with colours: notes of experts by their severity, as Wireshark has them."""
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
    """A flat tree: the depth of a hostile packet's would be too much for JSON's readers."""
    sources = [{"name": source.name, "hex": source.data.hex()} for source in dissection.sources]
    return {"tree": [_line(depth, node) for depth, node in dissection.nodes()], "sources": sources}


def _line(depth: int, node: Node) -> dict[str, Any]:
    line: dict[str, Any] = {"depth": depth, "label": node.label}
    line |= {"filter": node.filter} if node.filter else {}
    line |= {"severity": node.severity} if node.severity else {}
    line |= {"generated": True} if node.is_generated else {}
    return line | ({"source": node.source, "start": node.start, "length": node.length} if node.length else {})
