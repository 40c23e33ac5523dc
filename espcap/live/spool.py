"""The spool: the folder in which packets of a live capture wait on disk until they are stored.

dumpcap writes the packets to segments: pcapng files of limited number and size. tshark dissects them in order, and a
segment is deleted when all of its documents are stored. If a run is killed, the next run stores the segments it left.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from espcap.base.paths import spool_folder

SEGMENTS = 32
"""Number of segments of a spool, including those that are being dissected."""

IN_FLIGHT = 8
"""Number of segments that may be dissected or stored at a time; dumpcap cannot overwrite these."""

SMALLEST_SPOOL = 1 << 18
"""Least size of a spool in bytes."""

_LARGEST_SEGMENT = 2_000_000  # kB, dumpcap's own limit


@dataclass(frozen=True)
class Keeping:
    """The limits of the files in which captured packets are kept after they are stored."""

    size: int
    """Largest size of all files together, in bytes."""
    seconds: float = 0
    """Greatest age of the last packet of a file, in seconds; 0 for any age."""


@dataclass(frozen=True)
class SpoolSettings:
    """The folder of the spool, and how much of the disk it may use."""

    folder: Path = field(default_factory=spool_folder)
    size: int = 1_000_000_000
    """Largest size of the spool, in bytes."""
    keep: Keeping | None = None
    """Limits of kept files; None if stored packets are not kept in files."""
    tshark_memory: ClassVar[int] = 1 << 30
    """Resident memory, in bytes, above which tshark is replaced by a new one at the end of a segment."""

    def segment_size(self, kept: int = 0) -> int:
        """Returns the size of a segment in kilobytes of 1,000 bytes, the unit of dumpcap.

        If the disk does not have enough free space for the whole spool, the segments are smaller: all of them then use
        nine tenths of the free space. Two disk blocks are subtracted for each segment, because its last block is not
        full and its last packet may exceed the size. If packets are kept, the segments use half of the free space and
        of the `kept` bytes that are in files; and a segment is at most a quarter of the size that is kept, because
        files are deleted as a whole.
        """
        status = os.statvfs(self.folder)
        free = status.f_bavail * status.f_frsize
        free = (free + kept) // 2 if self.keep else free * 9 // 10
        size = min(self.size, free - SEGMENTS * 2 * status.f_frsize) // SEGMENTS
        size = min(size, self.keep.size // 4) if self.keep else size
        return max(1, min(_LARGEST_SEGMENT, size // 1000))

    @property
    def segment_seconds(self) -> int:
        """Seconds after which a segment ends even if it is not full; 0 for never.

        A file is deleted when its last packet is too old, so this limits how much older its first packet can be.
        """
        return max(1, int(self.keep.seconds / 4)) if self.keep and self.keep.seconds else 0
