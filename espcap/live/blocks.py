"""Splits pcapng files into whole blocks, which can be counted and passed on."""

import struct
from pathlib import Path
from typing import BinaryIO

PACKETS = frozenset([2, 3, 6])  # Packet Block, Simple Packet Block, Enhanced Packet Block
_SHORTEST = 12
READ_SIZE = 1 << 20

Block = tuple[int, int, int]
"""A block in a buffer: its block type, and the positions of its first byte and after its last byte."""

_kind_and_length = struct.Struct("=II").unpack_from  # dumpcap writes in the byte order of the machine that it runs on


def _whole_blocks(buffer: bytes) -> list[Block]:
    """Returns the blocks at the start of the buffer. Ends before a block that is incomplete or damaged."""
    blocks: list[Block] = []
    start, size = 0, len(buffer)
    while start + _SHORTEST <= size:
        kind, length = _kind_and_length(buffer, start)
        end = start + length
        if length < _SHORTEST or end > size:
            break
        blocks.append((kind, start, end))
        start = end
    return blocks


class BlockReader:
    """Reads whole blocks from a file that may still grow."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._rest = b""

    def read(self) -> tuple[bytes, list[Block]]:
        """Returns a buffer and the whole blocks in it; no blocks if nothing more has been written. Raises OSError."""
        buffer = self._rest + (self._file.read(READ_SIZE) or b"")
        blocks = _whole_blocks(buffer)
        self._rest = buffer[blocks[-1][2] :] if blocks else buffer
        return buffer, blocks


def count_packets(path: Path) -> int:
    """Returns the number of whole packets in a file. Raises OSError if it cannot be read."""
    count = 0
    with path.open("rb", buffering=0) as file:
        reader = BlockReader(file)
        while blocks := reader.read()[1]:
            count += sum(kind in PACKETS for kind, _, _ in blocks)
    return count
