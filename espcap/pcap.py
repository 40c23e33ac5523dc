"""Packets of captures, read without tshark: usual forms of pcap and pcapng, also inside gzip."""

import gzip
import io
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from espcap.pcapng import ALL, Numbers, Packet, UnknownForm, Writer, interface_block, packet_block
from espcap.pcapng import packets as blocks_packets

_PCAPNG, _GZIP = bytes.fromhex("0a0d0d0a"), bytes.fromhex("1f8b")
_FORMS = {
    bytes.fromhex("d4c3b2a1"): ("<", 6),
    bytes.fromhex("a1b2c3d4"): (">", 6),
    bytes.fromhex("4d3cb2a1"): ("<", 9),
    bytes.fromhex("a1b23c4d"): (">", 9),
}
"""The order of bytes, and the decimal digits of times, of pcap files by how they begin."""
_LINK_TYPES = {
    ">": frozenset([1, 101, 105, 127, 228, 229]),
    "<": frozenset([0, 1, 101, 105, 108, 113, 127, 192, 195, 228, 229, 249, 276]),
}
"""Link types whose packets tshark hands on as they are: Ethernet, raw IP, 802.11, loopback, cooked, USBPcap, ..."""
_LARGEST_PACKET = 262_144
"""Bytes; Wireshark reads no larger one of these link types either."""
_BUFFER = 1 << 18


def packets(file: io.RawIOBase, writer: Writer, wanted: Numbers = ALL) -> Iterator[Packet]:
    """The wanted packets with the numbers that tshark gives them; interfaces and keys go to the writer as they come.

    A file that is cut ends where it is. Raises UnknownForm where only tshark can read on, which then counts the same.
    """
    stream: BinaryIO = io.BufferedReader(file, _BUFFER)
    if stream.peek(2)[:2] == _GZIP:  # type: ignore[attr-defined]
        stream = io.BufferedReader(gzip.GzipFile(fileobj=stream), _BUFFER)
    try:
        magic = stream.peek(4)[:4]  # type: ignore[attr-defined]
        if magic == _PCAPNG:
            yield from blocks_packets(stream, writer, wanted)
        elif magic in _FORMS:
            yield from _records(stream, writer, wanted)
        else:
            raise UnknownForm
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnknownForm from error


def _records(stream: BinaryIO, writer: Writer, wanted: Numbers) -> Iterator[Packet]:
    head = stream.read(24)
    order, digits = _FORMS[head[:4]]
    if len(head) < 24:
        return
    *version, _, _, _, link_type = struct.unpack(f"{order}4x2Hi3I", head)
    if version != [2, 4] or link_type not in _LINK_TYPES[order]:
        raise UnknownForm
    interface = writer.add_interface(interface_block(link_type, digits))
    record, units = struct.Struct(f"{order}4I"), 10**digits
    number, read = 0, stream.read
    while len(head := read(16)) == 16:
        seconds, fraction, kept, length = record.unpack(head)
        if kept > length or kept > _LARGEST_PACKET or fraction >= units:
            raise UnknownForm
        number += 1
        data = read(kept)
        if number in wanted and len(data) == kept:
            time = seconds * units + fraction
            yield Packet(number, time * 10 ** (9 - digits), packet_block(interface, time, length, data))
