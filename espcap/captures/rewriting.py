"""Rewrites a pcap or pcapng capture without the data of some of its packets."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from typing import BinaryIO

from espcap.base.errors import EspcapError
from espcap.captures.compression import GZIP, LZ4, ZSTD, NotInflated, inflated

_PCAP_ORDERS = {
    bytes.fromhex("a1b2c3d4"): ">",
    bytes.fromhex("a1b23c4d"): ">",
    bytes.fromhex("d4c3b2a1"): "<",
    bytes.fromhex("4d3cb2a1"): "<",
}
_SECTION = bytes.fromhex("0a0d0d0a")
_ENHANCED_PACKET = 6
_PACKET_BLOCKS = frozenset([2, 3, _ENHANCED_PACKET, 9])  # obsolete, simple and enhanced packets, systemd journal
_LARGEST_BLOCK = 1 << 28
"""In bytes. A longer block is damage; the rest of the capture is then passed on unchanged, and tshark reports it."""


def without_data(file: BinaryIO, frames: frozenset[int]) -> Iterator[bytes]:
    """Returns the capture in blocks of bytes; packets with these frame numbers are empty, but still counted.

    Raises EspcapError if the format or the compression of the capture is not supported.
    """
    stream = _Stream(file)
    head = stream.read(4)
    if head in _PCAP_ORDERS:
        return _pcap(stream, head, frames)
    if head == _SECTION:
        return _pcapng(stream, head, frames)
    raise EspcapError("packets can be left out only of pcap and pcapng, uncompressed or in gzip, zstd or lz4")


class _Stream:
    """Reads a file, decompressed if it is compressed."""

    def __init__(self, file: BinaryIO) -> None:
        head = file.read(4)
        file.seek(0)
        self._blocks = _inside(file) if head in (ZSTD, LZ4) else iter(partial(file.read, 1 << 14), b"")
        self._inflate = zlib.decompressobj(wbits=31) if head.startswith(GZIP) else None
        self._buffer = bytearray()

    def read(self, length: int) -> bytes:
        """Reads `length` bytes; fewer only at the end of the file."""
        while len(self._buffer) < length and (block := next(self._blocks, b"")):
            self._buffer += self._inflated(block)
        piece = bytes(self._buffer[:length])
        del self._buffer[:length]
        return piece

    def _inflated(self, block: bytes) -> bytes:
        if not self._inflate:
            return block
        before = self._inflate.copy()
        try:
            return self._decompressed(block)
        except zlib.error:  # the capture ends here, as it does for tshark
            self._blocks, self._inflate = iter(()), before
            return self._until_damage(block)

    def _until_damage(self, block: bytes) -> bytes:
        inflated = bytearray()
        with suppress(zlib.error):
            for byte in block:
                inflated += self._decompressed(bytes([byte]))
        return bytes(inflated)

    def _decompressed(self, block: bytes) -> bytes:
        assert self._inflate
        inflated = self._inflate.decompress(block)
        while self._inflate.eof and self._inflate.unused_data:  # several gzip members, one after the other
            rest = self._inflate.unused_data
            self._inflate = zlib.decompressobj(wbits=31)
            inflated += self._inflate.decompress(rest)
        return inflated

    def rest(self) -> Iterator[bytes]:
        while block := self.read(1 << 18):
            yield block


def _inside(file: BinaryIO) -> Iterator[bytes]:
    """Yields the decompressed content of zstd or lz4 data, as far as it can be read."""
    with suppress(NotInflated):
        yield from filter(None, inflated(file))


def _pcap(stream: _Stream, magic: bytes, frames: frozenset[int]) -> Iterator[bytes]:
    header = struct.Struct(_PCAP_ORDERS[magic] + "4I")
    yield magic + stream.read(20)
    number = 0
    while len(head := stream.read(header.size)) == header.size:
        number += 1
        seconds, fraction, captured, length = header.unpack(head)
        if captured > _LARGEST_BLOCK:
            break
        data = stream.read(captured)
        yield header.pack(seconds, fraction, 0, length) if number in frames else head + data
    yield head
    yield from stream.rest()


def _pcapng(stream: _Stream, head: bytes, frames: frozenset[int]) -> Iterator[bytes]:
    order, number = "<", 0
    head += stream.read(4)
    while len(head) == 8:
        if head[:4] == _SECTION:
            mark = stream.read(4)
            order = ">" if mark == bytes.fromhex("1a2b3c4d") else "<"
            head += mark
        kind, length = struct.unpack(order + "2I", head[:8])
        if not 12 <= length <= _LARGEST_BLOCK:
            break
        block = head + stream.read(length - len(head))
        number += kind in _PACKET_BLOCKS
        emptied = kind == _ENHANCED_PACKET and number in frames
        yield _without_packet_data(block, order) if emptied else block
        head = stream.read(8)
    yield head
    yield from stream.rest()


def _without_packet_data(block: bytes, order: str) -> bytes:
    """An enhanced packet block with no data and no options."""
    length = struct.pack(order + "I", 32)
    return block[:4] + length + block[8:20] + bytes(4) + block[24:28] + length
