"""Packets read without tshark are those that tshark reads, with the same numbers."""

import gzip
import io
import struct
import subprocess
from pathlib import Path

import pytest

from espcap.captures.pcap import packets
from espcap.captures.pcapng import PcapngWriter, UnknownForm
from tests.support.command import CAPTURES
from tests.support.frame_oracle import frame_fields

FIELDS = ["frame.time_epoch", "frame.len", "frame.cap_len", "frame.encap_type", "frame.comment", "frame.md5_hash"]


def seen(capture: Path) -> list[list[str]]:
    return frame_fields(capture, *FIELDS)


def rewritten(capture: Path, output: Path) -> list[list[str]]:
    """What tshark sees of the packets that were read of a capture and written."""
    with capture.open("rb", buffering=0) as file, output.open("wb") as written:
        writer = PcapngWriter(written)
        for number, packet in enumerate(packets(file, writer), 1):
            assert packet.number == number
            writer.add_packet(packet)
    return seen(output)


def test_samples(sample: Path, tmp_path: Path) -> None:
    expected = seen(sample)
    assert rewritten(sample, tmp_path / "out.pcapng") == expected
    if sample.suffix == ".gz":
        return
    (tmp_path / "copy.gz").write_bytes(gzip.compress(sample.read_bytes()))
    assert rewritten(tmp_path / "copy.gz", tmp_path / "out.pcapng") == expected


@pytest.mark.parametrize("form", ["pcap", "nsecpcap", "pcapng"])
def test_forms(form: str, tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    subprocess.run(["editcap", "-F", form, CAPTURES / "dns.pcap", capture], check=True)
    assert rewritten(capture, tmp_path / "out.pcapng") == seen(capture)


def test_several_sections(tmp_path: Path) -> None:
    """Each has interfaces of its own."""
    capture = tmp_path / "both.pcapng"
    parts = [(CAPTURES / name).read_bytes() for name in ("tls13.pcapng", "nanoseconds.pcapng")]
    capture.write_bytes(b"".join(parts))
    assert rewritten(capture, tmp_path / "out.pcapng") == seen(capture)


def test_only_what_is_wanted() -> None:
    with (CAPTURES / "dns.pcap").open("rb", buffering=0) as file:
        assert [each.number for each in packets(file, PcapngWriter(io.BytesIO()), {2, 7, 10_000})] == [2, 7]


def test_cut(tmp_path: Path) -> None:
    """As far as tshark reads; the rest of the last packet is none."""
    capture = tmp_path / "cut.pcap"
    content = (CAPTURES / "http_xml.pcap").read_bytes()
    for size in (0, 3, 20, 24, 30, 4000):
        capture.write_bytes(content[:size])
        if size < 24:
            continue
        assert rewritten(capture, tmp_path / "out.pcapng") == seen(capture)


def header(version: tuple[int, int] = (2, 4), link_type: int = 1) -> bytes:
    return struct.pack("<I2H4I", 0xA1B2C3D4, *version, 0, 0, 65535, link_type)


RECORD = struct.pack("<4I", 1, 2, 4, 4) + b"data"


@pytest.mark.parametrize(
    "content",
    [
        b"snoop\0\0\0",
        bytes.fromhex("28b52ffd"),
        bytes.fromhex("34cdb2a1") + bytes(20),
        header(version=(2, 3)) + RECORD,
        header(link_type=187) + RECORD,
        header(link_type=0x14000001) + RECORD,
        header() + struct.pack("<4I", 1, 2, 5, 4) + b"data",
        header() + struct.pack("<4I", 1, 1_000_000, 4, 4) + b"data",
        header() + struct.pack("<4I", 1, 2, 1 << 30, 1 << 30),
        gzip.compress(header() + RECORD, mtime=0)[:-4] + b"wrong",
        gzip.compress(header() + RECORD, mtime=0)[:-9],
    ],
)
def test_formats_that_only_tshark_can_read(content: bytes, tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    capture.write_bytes(content)
    with capture.open("rb", buffering=0) as file, pytest.raises(UnknownForm):
        list(packets(file, PcapngWriter(io.BytesIO())))
