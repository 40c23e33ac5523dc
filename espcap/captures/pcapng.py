"""Reads and writes the blocks of pcapng, in the byte order of this machine."""

import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

PCAPNG = bytes.fromhex("0a0d0d0a")
"""The first four bytes of a pcapng file."""
_SECTION, _INTERFACE, _NAMES, _STATISTICS, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 4, 5, 6, 10
_NO_PACKETS = frozenset([_SECTION, _INTERFACE, _NAMES, _STATISTICS, _SECRETS])
_ACCOMPANYING = frozenset([_NAMES, _SECRETS])
"""Blocks that the dissection of packets needs: names of addresses, and TLS keys."""
_RESOLUTION, _OFFSET = 9, 14
"""Options of an interface block: `if_tsresol` and `if_tsoffset`."""
_BYTE_ORDER = struct.pack("=I", 0x1A2B3C4D)
_LARGEST_BLOCK = 1 << 24
"""In bytes. Wireshark does not read larger blocks either."""


class Numbers(Protocol):
    """A set of frame numbers."""

    def __contains__(self, number: int, /) -> bool: ...


class _All:
    def __contains__(self, number: int, /) -> bool:
        return True


ALL = _All()
"""The set of all frame numbers."""


class Packet(NamedTuple):
    """A packet as a pcapng block."""

    number: int
    """Its frame number, from 1."""
    time: int
    """Nanoseconds since 1970; for a block without a time, the time of the packet before."""
    block: bytes
    """The whole block, with its interface as the writer numbers it."""


class PcapngWriter:
    """Writes a pcapng file of packets from several sources, each of which has its own interfaces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._interfaces = 0
        self.packets = 0
        file.write(struct.pack("=IIIHHqI", _SECTION, 28, 0x1A2B3C4D, 1, 0, -1, 28))

    def add_interface(self, block: bytes) -> int:
        """Writes an interface block and returns the interface's number in this file, from 0."""
        self._file.write(block)
        self._interfaces += 1
        return self._interfaces - 1

    def add(self, block: bytes) -> None:
        """Writes a block that is neither an interface nor a packet."""
        self._file.write(block)

    def add_packet(self, packet: Packet) -> None:
        """Writes a packet. Its interface must have been added to this file."""
        self._file.write(packet.block)
        self.packets += 1


class _Interface(NamedTuple):
    number: int
    """The interface's number in the file that is written."""
    resolution: int
    """Units of time in a second."""
    offset: int
    """Seconds to add to times."""


def copy_emptied(stream: BinaryIO, output: BinaryIO, wanted: Numbers, last: int, link_types: frozenset[int]) -> None:
    """Copies all blocks up to frame number `last`; only the packets in `wanted` keep their bytes.

    Raises UnknownForm as `packets` does, and for an interface whose link type is not in `link_types`.
    """
    number = 0
    for kind, block in _blocks(stream):
        if kind == _PACKET:
            number += 1
            output.write(block if number in wanted else _emptied(block))
            if number == last:
                return
        elif kind not in _NO_PACKETS or (kind == _INTERFACE and _link_type(block) not in link_types):
            raise UnknownForm
        else:
            output.write(block)


def _emptied(block: bytes) -> bytes:
    return struct.pack("=2I", _PACKET, 32) + block[8:20] + struct.pack("=I", 0) + block[24:28] + struct.pack("=I", 32)


def _link_type(block: bytes) -> int:
    return int.from_bytes(block[8:10], sys.byteorder)


class UnknownForm(Exception):
    """A capture, or the rest of it, is in a form that only tshark can read."""


def packets(stream: BinaryIO, writer: PcapngWriter, wanted: Numbers = ALL) -> Iterator[Packet]:
    """Yields the wanted packets of a stream, by default all.

    Interfaces, names and TLS keys are written to `writer` before the packets that need them are yielded. Raises
    UnknownForm at a section in the other byte order and at a block of an unusual type.
    """
    interfaces: list[_Interface] = []
    number = 0
    for kind, block in _blocks(stream):
        if kind == _PACKET:
            number += 1
            if number in wanted:
                yield _packet(number, block, interfaces)
        elif kind == _INTERFACE:
            interfaces.append(_interface(block, writer.add_interface(block)))
        elif kind == _SECTION:
            interfaces = []
        elif kind in _ACCOMPANYING:
            writer.add(block)
        elif kind != _STATISTICS:
            raise UnknownForm


def packets_of_all_types(stream: BinaryIO, writer: PcapngWriter) -> Iterator[Packet]:
    """Like `packets`, but yields every block that tshark counts as a packet, also of unusual types."""
    interfaces: list[_Interface] = []
    number, moment = 0, 0
    for kind, block in _blocks(stream):
        if kind == _INTERFACE:
            interfaces.append(_interface(block, writer.add_interface(block)))
        elif kind in _ACCOMPANYING:
            writer.add(block)
        if kind in _NO_PACKETS:
            continue
        number += 1
        packet = _packet(number, block, interfaces) if kind == _PACKET else Packet(number, moment, block)
        moment = packet.time
        yield packet


def _packet(number: int, block: bytes, interfaces: list[_Interface]) -> Packet:
    index, high, low = struct.unpack_from("=3I", block, 8)
    if index >= len(interfaces):
        raise UnknownForm
    interface = interfaces[index]
    moment = (high << 32 | low) * 10**9 // interface.resolution + interface.offset * 10**9
    return Packet(number, moment, block[:8] + struct.pack("=I", interface.number) + block[12:])


def _blocks(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    while len(head := stream.read(8)) == 8:
        kind, length = struct.unpack("=2I", head)
        if not 12 <= length <= _LARGEST_BLOCK:
            raise UnknownForm
        block = head + stream.read(length - 8)
        if kind == _SECTION and block[8:12] != _BYTE_ORDER:
            raise UnknownForm
        if len(block) == length:
            yield kind, block


def packet_block(interface: int, units: int, length: int, data: bytes) -> bytes:
    """An enhanced packet block. `units` is the time in units of the interface, `length` the bytes on the wire."""
    total = 32 + (len(data) + 3) // 4 * 4
    head = struct.pack("=7I", _PACKET, total, interface, units >> 32, units & 0xFFFFFFFF, len(data), length)
    return head + data + bytes(-len(data) % 4) + struct.pack("=I", total)


def interface_block(link_type: int, digits: int) -> bytes:
    """An interface block. `digits` is the number of decimal digits of the fraction of a second in times."""
    return struct.pack("=2I2HI2HB3xII", _INTERFACE, 32, link_type, 0, 0, _RESOLUTION, 1, digits, 0, 32)


def _interface(block: bytes, number: int) -> _Interface:
    resolution, offset, place = 10**6, 0, 16
    while place + 4 <= len(block) - 4:
        option, length = struct.unpack_from("=2H", block, place)
        if option == _RESOLUTION and length == 1:
            value = block[place + 4]
            resolution = 2 ** (value & 0x7F) if value & 0x80 else 10**value
        elif option == _OFFSET and length == 8:
            (offset,) = struct.unpack_from("=q", block, place + 4)
        place += 4 + (length + 3) // 4 * 4
    return _Interface(number, resolution, offset)
