"""Segments of a ring, as dumpcap writes them."""

import os
import subprocess
from pathlib import Path

from espcap.live.folder import RunFolder
from tests.support.command import CAPTURES

SOURCE = CAPTURES / "dns.pcap"


def segment_path(folder: RunFolder, number: int) -> Path:
    """The name that dumpcap gives the file of a segment."""
    return folder.path / f"packets_{number:05}_20260101000000.pcapng"


def write_segment(folder: RunFolder, number: int, packets: int, first: int = 1) -> Path:
    """A segment with so many packets of `SOURCE`, from the packet `first` on. The file appears when it is whole."""
    path = segment_path(folder, number)
    whole = path.with_suffix(".part")
    wanted = f"{first}-{first + packets - 1}"
    subprocess.run(["editcap", "-F", "pcapng", "-r", SOURCE, whole, wanted], check=True)
    os.rename(whole, path)
    return path
