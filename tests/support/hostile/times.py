"""Packets whose times are early, late, wrong or out of order."""

import struct
from pathlib import Path

from .writers import START, echo, enhanced_packet, interface, record, section, write_pcap

DAY = 86_400
RESOLUTION, OFFSET = 9, 14  # the codes of if_tsresol and if_tsoffset


def at(path: Path, seconds: int, fraction: int = 0) -> Path:
    """One packet at a time of 32 bits."""
    return write_pcap(path, [record(echo(0), seconds, fraction)])


def epoch_zero(path: Path) -> Path:
    """1970-01-01T00:00:00Z."""
    return at(path, 0)


def year_2106(path: Path) -> Path:
    """2106-02-07T06:28:15Z, the last second that a pcap can say."""
    return at(path, 0xFFFFFFFF)


def microsecond_overflow(path: Path) -> Path:
    """A second with 1,500,000 microseconds."""
    return at(path, START, 1_500_000)


def huge_fraction(path: Path) -> Path:
    """A second with 4,294,967,295 microseconds."""
    return at(path, START, 0xFFFFFFFF)


def pcapng_at(path: Path, ticks: int, options: dict[int, bytes] | None = None) -> Path:
    """One packet at a time of 64 bits."""
    path.write_bytes(section() + interface(options) + enhanced_packet(echo(0), ticks))
    return path


def negative(path: Path) -> Path:
    """3,000,000,000 seconds before 1970: 1874-12-07T18:40:00Z."""
    return pcapng_at(path, 0, {OFFSET: struct.pack("<q", -3_000_000_000)})


def year_36812(path: Path) -> Path:
    """2 ** 40 seconds after 1970."""
    return pcapng_at(path, 2**40, {RESOLUTION: b"\x00"})


def year_586524(path: Path) -> Path:
    """2 ** 64 - 1 microseconds after 1970."""
    return pcapng_at(path, 2**64 - 1)


def going_back(path: Path) -> Path:
    """Ten packets, each a second before the last."""
    return write_pcap(path, [record(echo(number), START - number) for number in range(10)])


def many_days(path: Path, count: int) -> Path:
    """Packets that each have a day of their own."""
    return write_pcap(path, [record(echo(number % 65_536), number * DAY) for number in range(count)])
