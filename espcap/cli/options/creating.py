"""Options of espcap new-protocol. Without a value, the command asks for one, or uses its own."""

from dataclasses import dataclass
from pathlib import Path

import click

from espcap.cli.options.declaring import FOLDERS, Whole, argument, option


@dataclass(frozen=True)
class NewProtocolOptions:
    """The choices for a protocol; None or empty without a value."""

    name: str = argument(metavar="NAME")
    transport: str | None = option("--transport", type=click.Choice(["tcp", "udp"]), help="[default: tcp]")
    port: tuple[int, ...] = option(
        "--port", metavar="N", multiple=True, type=Whole(1, 65_535), help="Port of the server. Repeatable."
    )
    framing: str | None = option(
        "--framing",
        type=click.Choice(["line", "length", "fixed"]),
        help="Where a message ends: at the end of the line, after the number of bytes that it says itself, or after a "
        "fixed number of bytes.  [default: line]",
    )
    length_offset: int | None = option(
        "--length-offset", metavar="N", type=Whole(0, 1000), help="Byte at which the length begins.  [default: 0]"
    )
    length_size: str | None = option(
        "--length-size", type=click.Choice(["1", "2", "4"]), help="Number of bytes of the length.  [default: 2]"
    )
    length_counts: str | None = option(
        "--length-counts",
        type=click.Choice(["rest", "all"]),
        help="What the length counts: the bytes that follow it, or all bytes of the message.  [default: rest]",
    )
    endian: str | None = option(
        "--endian", type=click.Choice(["big", "little"]), help="Byte order of numbers.  [default: big]"
    )
    size: int | None = option(
        "--size", metavar="N", type=Whole(1, 65_000), help="Number of bytes of each message, for --framing fixed."
    )
    field: tuple[str, ...] = option(
        "--field",
        metavar="NAME:TYPE",
        help="Field of a message: string, uint8, uint16, uint32, uint64, ipv4 or bytes. In a line, fields are words. "
        "NAME:string:8 is 8 bytes long. Repeatable, in the order of the message.  [default: text:string]",
    )
    request: str | None = option(
        "--request",
        metavar="MARK",
        help="Which messages are requests: those that begin with a character, such as '>', or those with "
        "FIELD=VALUE or FIELD!=VALUE.  [default: those to the port of the server]",
    )
    response: str | None = option(
        "--response", metavar="MARK", help="Which messages are answers.  [default: all others]"
    )
    error: str | None = option(
        "--error", metavar="MARK", help="Which messages are answers that report an error.  [default: none]"
    )
    match: str | None = option(
        "--match",
        metavar="order|FIELD",
        help="How an answer finds its request: by the order, or by a field that has the same value in both.  "
        "[default: order]",
    )
    output: Path | None = option(
        "-o",
        "--output",
        metavar="DIR",
        shell_complete=FOLDERS,
        help="Folder to make; it must not exist.  [default: one named NAME]",
    )
