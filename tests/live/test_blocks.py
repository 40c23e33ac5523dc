"""Whole blocks of pcapng files, also of one that still grows, and the number of packets in them."""

import subprocess
from pathlib import Path

import pytest

from espcap.live.blocks import PACKETS, BlockReader, count_packets
from tests.support.command import CAPTURES


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "capture.pcapng"
    subprocess.run(["editcap", "-F", "pcapng", CAPTURES / "dns.pcap", path], check=True)
    return path


def test_count(capture: Path, tmp_path: Path) -> None:
    assert count_packets(capture) == 24
    content = capture.read_bytes()
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(content[:-1])
    assert count_packets(cut) in (23, 24)  # the last block may hold statistics
    cut.write_bytes(content[: len(content) // 2])
    assert 0 < count_packets(cut) < 24
    cut.write_bytes(b"")
    assert count_packets(cut) == 0


def test_a_file_that_grows(capture: Path, tmp_path: Path) -> None:
    """Each byte is given out once, in whole blocks."""
    content, growing, found, packets = capture.read_bytes(), tmp_path / "growing.pcapng", b"", 0
    with growing.open("wb", buffering=0) as writer, growing.open("rb", buffering=0) as file:
        reader = BlockReader(file)
        for start in range(0, len(content), 100):
            writer.write(content[start : start + 100])
            buffer, blocks = reader.read()
            found += b"".join(buffer[first:end] for _, first, end in blocks)
            packets += sum(kind in PACKETS for kind, _, _ in blocks)
        assert reader.read()[1] == []
    assert found == content
    assert packets == 24


def test_damage(capture: Path) -> None:
    """A length that cannot be ends the blocks."""
    content = bytearray(capture.read_bytes())
    length = int.from_bytes(content[4:8], "little")
    content[length + 4 : length + 8] = bytes(4)
    capture.write_bytes(content)
    with capture.open("rb", buffering=0) as file:
        assert len(BlockReader(file).read()[1]) == 1
    assert count_packets(capture) == 0
