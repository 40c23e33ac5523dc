"""Packets of captures, read without tshark: usual forms of pcap and pcapng, also inside gzip."""

import gzip
import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, NamedTuple

from espcap.captures.pcapng import (
    ALL,
    PCAPNG,
    Numbers,
    Packet,
    PcapngWriter,
    UnknownForm,
    interface_block,
    packet_block,
)
from espcap.captures.pcapng import packets as blocks_packets

_GZIP = bytes.fromhex("1f8b")
_FORMS = {
    bytes.fromhex("d4c3b2a1"): ("<", 6),
    bytes.fromhex("a1b2c3d4"): (">", 6),
    bytes.fromhex("4d3cb2a1"): ("<", 9),
    bytes.fromhex("a1b23c4d"): (">", 9),
}
"""The order of bytes, and the decimal digits of times, of pcap files by how they begin."""
_PLAIN = frozenset([1, 101, 105, 127, 228, 229])
USUAL_LINK_TYPES = _PLAIN | {0, 108, 113, 192, 195, 249, 276}
"""Ethernet, raw IP, 802.11, loopback, cooked, USBPcap, ...: tshark hands on their packets as they are."""
_LINK_TYPES = {
    ">": _PLAIN,
    "<": USUAL_LINK_TYPES,
}
"""Those that are read, by the order of bytes."""
_LARGEST_PACKET = 262_144
"""Bytes; Wireshark reads no larger one of these link types either."""
_BUFFER = 1 << 18


class Form(NamedTuple):
    """How a pcap file is written."""

    head: bytes
    record: struct.Struct
    """Of what comes before each packet: seconds, fraction, bytes kept, bytes on the wire."""
    digits: int
    """Of the fraction of a second."""
    link_type: int


class PcapRecord(NamedTuple):
    """A packet of a pcap file."""

    number: int
    seconds: int
    fraction: int
    length: int
    """Bytes on the wire."""
    data: bytes


def packets(file: io.RawIOBase, writer: PcapngWriter, wanted: Numbers = ALL) -> Iterator[Packet]:
    """The wanted packets with the numbers that tshark gives them; interfaces and keys go to the writer as they come.

    A file that is cut ends where it is. Raises UnknownForm where only tshark can read on, which then counts the same.
    """
    with opened(file) as stream:
        if stream.peek(4)[:4] == PCAPNG:
            yield from blocks_packets(stream, writer, wanted)
        else:
            yield from _records_packets(stream, writer, wanted)


@contextmanager
def opened(file: io.RawIOBase) -> Iterator[io.BufferedReader]:
    """What is in a file, also inside gzip. Raises UnknownForm where gzip data is wrong."""
    stream: Any = io.BufferedReader(file, _BUFFER)
    try:
        if stream.peek(2)[:2] == _GZIP:
            stream = io.BufferedReader(gzip.GzipFile(fileobj=stream), _BUFFER)
        yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnknownForm from error


def read_form(stream: BinaryIO) -> Form | None:
    """The form of a pcap file, from its head; None if it is cut within. Raises UnknownForm for unusual ones."""
    head = stream.read(24)
    if head[:4] not in _FORMS:
        raise UnknownForm
    if len(head) < 24:
        return None
    order, digits = _FORMS[head[:4]]
    *version, _, _, _, link_type = struct.unpack(f"{order}4x2Hi3I", head)
    if version != [2, 4] or link_type not in _LINK_TYPES[order]:
        raise UnknownForm
    return Form(head, struct.Struct(f"{order}4I"), digits, link_type)


def records(stream: BinaryIO, form: Form) -> Iterator[PcapRecord]:
    """The packets after the head. Raises UnknownForm at what is none."""
    unpack, units = form.record.unpack, 10**form.digits
    number, read = 0, stream.read
    while len(head := read(16)) == 16:
        seconds, fraction, kept, length = unpack(head)
        if kept > length or kept > _LARGEST_PACKET or fraction >= units:
            raise UnknownForm
        number += 1
        data = read(kept)
        if len(data) == kept:
            yield PcapRecord(number, seconds, fraction, length, data)


def _records_packets(stream: BinaryIO, writer: PcapngWriter, wanted: Numbers) -> Iterator[Packet]:
    form = read_form(stream)
    if not form:
        return
    interface = writer.add_interface(interface_block(form.link_type, form.digits))
    for number, seconds, fraction, length, data in records(stream, form):
        if number in wanted:
            time = seconds * 10**form.digits + fraction
            yield Packet(number, time * 10 ** (9 - form.digits), packet_block(interface, time, length, data))
