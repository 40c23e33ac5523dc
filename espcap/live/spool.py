"""The spool: a live capture waits on disk, in a bounded ring of pcapng segments, until the store has taken it.

dumpcap writes the segments, a tshark is passed them in order, and a segment goes when all its documents are written.
What a run leaves behind when it is killed, the next one stores.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from espcap.base.paths import spool_folder

SEGMENTS = 32
"""Segments of a spool, those included that are being dissected."""

IN_FLIGHT = 8
"""Segments that may be with tshark or the store while dumpcap goes on to overwrite others."""

SMALLEST_SPOOL = 1 << 18
"""Bytes."""

_LARGEST_SEGMENT = 2_000_000  # kB, dumpcap's own limit


@dataclass(frozen=True)
class Keeping:
    """How many stored packets stay in files."""

    size: int
    """Bytes of all files."""
    seconds: float = 0
    """How old the last packet of a file may be; 0 is any age."""


@dataclass(frozen=True)
class SpoolSettings:
    """Where live captures wait, and how much of the disk they may take there."""

    folder: Path = field(default_factory=spool_folder)
    size: int = 1_000_000_000
    """Bytes."""
    keep: Keeping | None = None
    """Of the packets that are stored; None is none."""
    tshark_memory: ClassVar[int] = 1 << 30
    """Bytes of resident memory past which tshark is started anew at the next border of segments."""

    def segment_size(self, kept: int = 0) -> int:
        """Kilobytes of a segment, of dumpcap's 1,000 bytes, where the folder's disk has room for the whole spool.

        Where it has not, the segments are smaller, so that the ring fits in nine tenths of what is free, with whole
        blocks of the disk for each and the packet that a segment may be too long. Where packets are kept, the ring
        has half of the disk that both can have, `kept` bytes of it in files; and a segment is at most a quarter of
        what is kept, for files go whole.
        """
        status = os.statvfs(self.folder)
        free = status.f_bavail * status.f_frsize
        free = (free + kept) // 2 if self.keep else free * 9 // 10
        size = min(self.size, free - SEGMENTS * 2 * status.f_frsize) // SEGMENTS
        size = min(size, self.keep.size // 4) if self.keep else size
        return max(1, min(_LARGEST_SEGMENT, size // 1000))

    @property
    def segment_seconds(self) -> int:
        """After how long a segment ends before it is full, so that its packets are not kept for much longer than was
        asked for; 0 is never."""
        return max(1, int(self.keep.seconds / 4)) if self.keep and self.keep.seconds else 0
