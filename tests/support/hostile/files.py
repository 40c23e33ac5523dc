"""Files that are no capture, or end or go wrong somewhere."""

import gzip
import random
import shutil
import struct
from pathlib import Path

from .writers import (
    START,
    echo,
    echoes,
    enhanced_packet,
    interface,
    pcap_header,
    record,
    section,
    write_packet,
    write_pcap,
)

ODD_NAMES = (
    b"-",
    b"-Xlua_script:x",
    b"--version",
    b"new\nline",
    b"carriage\rreturn",
    b"quote'\"`",
    b"escape\x1b[31m",
    b"$(touch PWN)",
    b"%s%n",
    b"bytes\xff\xfe",
    b" blank ",
    b"bidi\xe2\x80\xaefcp",
    b"*;|&",
)


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def zero_byte(path: Path) -> Path:
    """An empty file."""
    return written(path, b"")


def header_only(path: Path) -> Path:
    """A whole pcap without a packet."""
    return write_pcap(path, [])


def half_header(path: Path) -> Path:
    """A pcap that ends in its file header."""
    return written(path, pcap_header()[:12])


def cut_in_data(path: Path) -> Path:
    """Ten packets; the last ends in its data."""
    return written(path, pcap_header() + b"".join(echoes(10))[:-20])


def cut_in_record_header(path: Path) -> Path:
    """Ten whole packets, and the record header of an eleventh ends early."""
    return written(path, pcap_header() + b"".join(echoes(10)) + record(b"")[:7])


def cut_pcapng(path: Path) -> Path:
    """Ten packets as pcapng; the last ends in its data."""
    packets = b"".join(enhanced_packet(echo(number), START * 10**6 + number) for number in range(10))
    return written(path, (section() + interface() + packets)[:-20])


def cut_gzip(path: Path) -> Path:
    """A compressed pcap of a hundred packets that ends in the middle."""
    packed = gzip.compress(pcap_header() + b"".join(echoes(100)), mtime=0)
    return written(path, packed[: len(packed) // 2])


def text_file(path: Path) -> Path:
    """Some lines of text."""
    return written(path, b"This is no capture.\n" * 20)


def random_bytes(path: Path) -> Path:
    """Noise, the same each time."""
    return written(path, random.Random(1).randbytes(4096))


def json_named_pcap(path: Path) -> Path:
    """JSON, which Wireshark itself takes for a capture of one packet."""
    return written(path, b'{"a": 1}\n')


def jpeg_named_pcap(path: Path) -> Path:
    """A JPEG, which Wireshark itself takes for a capture of one packet."""
    start, comment = bytes.fromhex("ffd8ffe000104a46494600010100000100010000"), b"\xff\xfe\x00\x06test"
    return written(path, start + comment + b"\xff\xd9")


def wrong_length(path: Path, caplen: int) -> Path:
    """Five good packets, one whose record claims this length, then four good ones."""
    good = echoes(10)
    return write_pcap(path, [*good[:5], record(echo(5), caplen=caplen), *good[6:]])


def absurd_caplen(path: Path) -> Path:
    """The sixth of ten packets claims 2 GiB."""
    return wrong_length(path, 0x7FFFFFFF)


def oversized_caplen(path: Path) -> Path:
    """The sixth of ten packets claims a little more than the 262,144 bytes that Wireshark allows."""
    return wrong_length(path, 300_000)


def caplen_above_length(path: Path) -> Path:
    """A packet that is captured longer than it was."""
    return write_pcap(path, [record(echo(0), cut=-40)])


def snaplen_cut(path: Path) -> Path:
    """Ten packets; the snap length took 40 bytes of the third."""
    packets = echoes(10)
    packets[2] = record(echo(2)[:30], cut=40)
    return write_pcap(path, packets)


def pcapng_bad_interface(path: Path) -> Path:
    """A packet on interface 7 of one."""
    return written(path, section() + interface() + enhanced_packet(echo(0), START * 10**6, interface_id=7))


def unknown_link_type(path: Path) -> Path:
    """A link type that nobody has."""
    return write_packet(path, echo(0), link_type=9999)


def odd_names(source: Path, folder: Path) -> list[Path]:
    """Copies of a capture under names that a shell, an option parser or a terminal may take for more."""
    names = [name.decode(errors="surrogateescape") for name in ODD_NAMES]
    return [shutil.copyfile(source, folder / name) for name in names]


def byte_flips(source: Path, path: Path, seed: int, count: int) -> Path:
    """A copy of a little-endian pcap with bytes of packet data turned over, the same for a seed."""
    content = bytearray(source.read_bytes())
    for position in random.Random(seed).sample(data_positions(content), count):
        content[position] ^= 0xFF
    return written(path, bytes(content))


def data_positions(content: bytearray) -> list[int]:
    """Where a pcap has packet data."""
    positions: list[int] = []
    start = 24
    while start < len(content):
        (caplen,) = struct.unpack_from("<I", content, start + 8)
        positions += range(start + 16, start + 16 + caplen)
        start += 16 + caplen
    return positions
