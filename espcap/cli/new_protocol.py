"""The new-protocol command: writes a folder with a dissector, a declaration, a client, a server and their test."""

import os
import sys
from pathlib import Path

import click

from espcap.base.errors import EspcapError, UsageError
from espcap.base.text import printable
from espcap.cli.asking import ask, fields_of
from espcap.cli.options.creating import NewProtocolOptions
from espcap.new_protocol import files_of
from espcap.new_protocol.choices import ROLES, Length, Protocol, check_name, parse_condition
from espcap.tshark.lists import print_list
from espcap.tshark.program import find_program


def new_protocol(options: NewProtocolOptions) -> None:
    """Runs the command."""
    check_name(options.name)
    folder = options.output or Path(options.name)
    if os.path.lexists(folder):
        raise UsageError(f"{printable(str(folder))} exists", "name another folder with --output")
    _check_is_new(options.name)
    protocol = _protocol(ask(options) if sys.stdin.isatty() else options)
    _write(folder, files_of(protocol))
    click.echo(f"{printable(str(folder))} is made; its README.md says how to go on", err=True)


def _protocol(options: NewProtocolOptions) -> Protocol:
    """Returns the protocol of the options, with defaults for those without a value."""
    framing = options.framing or "line"
    if not options.port:
        raise UsageError("a protocol needs a port", "name it with --port")
    if framing == "fixed" and not options.size:
        raise UsageError("messages of a fixed size need a size", "name it with --size")
    fields = fields_of(options.field or ("text:string",), options)
    marks = {"request": options.request, "error": options.error, "response": options.response}
    return Protocol(
        name=options.name,
        transport=options.transport or "tcp",
        ports=options.port,
        framing=framing,
        fields=fields,
        roles=tuple((role, parse_condition(mark, fields)) for role in ROLES if (mark := marks[role])),
        match=options.match or "order",
        order=options.endian or "big",
        length=_length(options),
        size=options.size or 0,
    )


def _length(options: NewProtocolOptions) -> Length:
    return Length(options.length_offset or 0, int(options.length_size or 2), options.length_counts == "all")


def _check_is_new(name: str) -> None:
    """Raises UsageError if Wireshark has a protocol of this name. Checks nothing if tshark is not installed."""
    try:
        lines = print_list(find_program(), "protocols")
    except EspcapError:
        return
    if any(name in line.lower().split("\t")[1:3] for line in lines):
        raise UsageError(f"Wireshark itself has a protocol {name}", "choose another name")


def _write(folder: Path, contents: dict[str, bytes]) -> None:
    """Writes the files of a new folder. Raises EspcapError if that fails."""
    try:
        folder.mkdir(parents=True)
        for name, content in contents.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise EspcapError(
            f"cannot write {printable(str(folder))}: {error.strerror}", "name another folder with --output"
        ) from error
