"""The blocks of pcapng, as far as whole ones can be told apart, counted and passed on."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

PACKETS = frozenset([2, 3, 6])  # Packet Block, Simple Packet Block, Enhanced Packet Block
_SHORTEST = 12
READ_SIZE = 1 << 20


class Block(NamedTuple):
    """A block in a buffer; dumpcap writes in the byte order of the machine that it runs on."""

    kind: int
    start: int
    end: int


def whole_blocks(buffer: bytes | bytearray) -> Iterator[Block]:
    """The blocks that are in the buffer from their first byte to their last; ends at one that is not, or is damaged."""
    start = 0
    while start + _SHORTEST <= len(buffer):
        kind, length = struct.unpack_from("=II", buffer, start)
        if length < _SHORTEST or start + length > len(buffer):
            return
        yield Block(kind, start, start + length)
        start += length


class BlockReader:
    """Reads whole blocks from a file that may still grow."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""

    def read(self) -> tuple[bytes, list[Block]]:
        """A buffer and its whole blocks; none where nothing more has been written."""
        buffer = self._rest + (self._file.read(READ_SIZE) or b"")
        blocks = list(whole_blocks(buffer))
        self._rest = buffer[blocks[-1].end :] if blocks else buffer
        return buffer, blocks


def count_packets(path: Path) -> int:
    """The whole packets of a file. Raises OSError where it cannot be read."""
    count = 0
    with path.open("rb", buffering=0) as file:
        reader = BlockReader(file)
        while blocks := reader.read()[1]:
            count += sum(block.kind in PACKETS for block in blocks)
    return count
