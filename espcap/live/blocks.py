"""The blocks of pcapng, as far as whole ones can be told apart, counted and passed on."""

import struct
from pathlib import Path
from typing import BinaryIO

PACKETS = frozenset([2, 3, 6])  # Packet Block, Simple Packet Block, Enhanced Packet Block
_SHORTEST = 12
READ_SIZE = 1 << 20

Block = tuple[int, int, int]
"""A block in a buffer: its kind, its start and its end."""

_kind_and_length = struct.Struct("=II").unpack_from  # dumpcap writes in the byte order of the machine that it runs on


def _whole_blocks(buffer: bytes) -> list[Block]:
    """The blocks that are in the buffer from their first byte to their last; ends at one that is not, or is damaged."""
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
        """A buffer and its whole blocks; none where nothing more has been written."""
        buffer = self._rest + (self._file.read(READ_SIZE) or b"")
        blocks = _whole_blocks(buffer)
        self._rest = buffer[blocks[-1][2] :] if blocks else buffer
        return buffer, blocks


def count_packets(path: Path) -> int:
    """The whole packets of a file. Raises OSError where it cannot be read."""
    count = 0
    with path.open("rb", buffering=0) as file:
        reader = BlockReader(file)
        while blocks := reader.read()[1]:
            count += sum(kind in PACKETS for kind, _, _ in blocks)
    return count
