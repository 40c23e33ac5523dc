"""Reads packets of captures without tshark: the usual forms of pcap and pcapng, also compressed with gzip."""

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
"""Byte order and number of decimal digits of the fraction of a second, by the first four bytes of a pcap file."""
_PLAIN = frozenset([1, 101, 105, 127, 228, 229])
USUAL_LINK_TYPES = _PLAIN | {0, 108, 113, 192, 195, 249, 276}
"""Link types (Ethernet, raw IP, 802.11, loopback, cooked, USBPcap, …) whose packets tshark writes unchanged."""
_LINK_TYPES = {
    ">": _PLAIN,
    "<": USUAL_LINK_TYPES,
}
"""Link types that are read here, by the byte order of the file."""
_LARGEST_PACKET = 262_144
"""In bytes. Wireshark does not read larger packets of these link types either."""
_BUFFER = 1 << 18


class Form(NamedTuple):
    """The form of a pcap file, read from its file header."""

    head: bytes
    """The file header, 24 bytes."""
    record: struct.Struct
    """The packet header: seconds, fraction of a second, captured length, length on the wire."""
    digits: int
    """Decimal digits of the fraction of a second: 6 or 9."""
    link_type: int


class PcapRecord(NamedTuple):
    """A packet of a pcap file."""

    number: int
    """Its frame number, from 1."""
    seconds: int
    """Seconds since 1970."""
    fraction: int
    """Microseconds or nanoseconds, according to the form."""
    length: int
    """Bytes on the wire."""
    data: bytes


def packets(file: io.RawIOBase, writer: PcapngWriter, wanted: Numbers = ALL) -> Iterator[Packet]:
    """Yields the wanted packets, by default all, with the frame numbers that tshark gives them.

    Interfaces, names and TLS keys are written to `writer` before the packets that need them are yielded. A file that is
    cut off ends with its last whole packet. Raises UnknownForm, also after some packets, if only tshark can read the
    rest. The frame numbers up to there are the same as tshark's.
    """
    with opened(file) as stream:
        if stream.peek(4)[:4] == PCAPNG:
            yield from blocks_packets(stream, writer, wanted)
        else:
            yield from _records_packets(stream, writer, wanted)


@contextmanager
def opened(file: io.RawIOBase) -> Iterator[io.BufferedReader]:
    """Opens the content of a file, decompressed if it is gzip data. Raises UnknownForm if gzip data is damaged."""
    stream: Any = io.BufferedReader(file, _BUFFER)
    try:
        if stream.peek(2)[:2] == _GZIP:
            stream = io.BufferedReader(gzip.GzipFile(fileobj=stream), _BUFFER)
        yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnknownForm from error


def read_form(stream: BinaryIO) -> Form | None:
    """Reads the file header of a pcap file; None if the file ends within it. Raises UnknownForm if it is unusual."""
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
    """Yields the packets after the file header. Raises UnknownForm at data that cannot be a packet."""
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
