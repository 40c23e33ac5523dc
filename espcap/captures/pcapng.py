"""The blocks of pcapng, in this machine's order of bytes, and a file of packets made of them."""

import struct
import sys
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

PCAPNG = bytes.fromhex("0a0d0d0a")
"""How a file begins."""
_SECTION, _INTERFACE, _NAMES, _STATISTICS, _PACKET, _SECRETS = 0x0A0D0D0A, 1, 4, 5, 6, 10
_NO_PACKETS = frozenset([_SECTION, _INTERFACE, _NAMES, _STATISTICS, _SECRETS])
_ACCOMPANYING = frozenset([_NAMES, _SECRETS])
"""Blocks that the dissection of packets needs: names of addresses, and keys."""
_RESOLUTION, _OFFSET = 9, 14
_BYTE_ORDER = struct.pack("=I", 0x1A2B3C4D)
_LARGEST_BLOCK = 1 << 24
"""Bytes; Wireshark reads no larger one either."""


class Numbers(Protocol):
    """A set of frame numbers."""

    def __contains__(self, number: int, /) -> bool: ...


class _All:
    def __contains__(self, number: int, /) -> bool:
        return True


ALL = _All()
"""All packets."""


class Packet(NamedTuple):
    """A packet's block."""

    number: int
    """Its frame number, from 1."""
    time: int
    """Nanoseconds since 1970; for a block that has none, that of the packet before."""
    block: bytes


class PcapngWriter:
    """A pcapng file of packets from several sources, each of which has interfaces of its own."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._interfaces = 0
        self.packets = 0
        file.write(struct.pack("=IIIHHqI", _SECTION, 28, 0x1A2B3C4D, 1, 0, -1, 28))

    def add_interface(self, block: bytes) -> int:
        """Its number in this file."""
        self._file.write(block)
        self._interfaces += 1
        return self._interfaces - 1

    def add(self, block: bytes) -> None:
        """Writes another block."""
        self._file.write(block)

    def add_packet(self, packet: Packet) -> None:
        """Writes a packet, whose interface is one of this file."""
        self._file.write(packet.block)
        self.packets += 1


class _Interface(NamedTuple):
    number: int
    """In the file that is written."""
    resolution: int
    """Units of time in a second."""
    offset: int
    """Seconds."""


def copy_emptied(stream: BinaryIO, output: BinaryIO, wanted: Numbers, last: int, link_types: frozenset[int]) -> None:
    """Copies all blocks up to a packet, only the wanted packets with bytes. Raises UnknownForm as `packets`."""
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
    """What is read is written in a way that only tshark reads."""


def packets(stream: BinaryIO, writer: PcapngWriter, wanted: Numbers = ALL) -> Iterator[Packet]:
    """The wanted packets of a stream; their interfaces, and what accompanies them, go to the writer as they come.

    Raises UnknownForm at a block of the other order of bytes, and at any that is none of the usual ones.
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


def tsharks_packets(stream: BinaryIO, writer: PcapngWriter) -> Iterator[Packet]:
    """As `packets`, of all blocks that tshark counts as packets."""
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
    """The block of a packet of so many bytes on the wire, at a time in units of the interface's."""
    total = 32 + (len(data) + 3) // 4 * 4
    head = struct.pack("=7I", _PACKET, total, interface, units >> 32, units & 0xFFFFFFFF, len(data), length)
    return head + data + bytes(-len(data) % 4) + struct.pack("=I", total)


def interface_block(link_type: int, digits: int) -> bytes:
    """The block of an interface whose times have so many decimal digits of a second."""
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
