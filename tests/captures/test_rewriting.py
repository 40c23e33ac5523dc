"""Rewritten captures against tshark's and capinfos' view of the original."""

import gzip
import io
import os
import subprocess
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.captures.rewriting import without_data
from tests.support.command import CAPTURES
from tests.support.hostile import files

PCAP, PCAPNG = CAPTURES / "http_xml.pcap", CAPTURES / "nanoseconds.pcapng"


def rewritten(capture: Path, *frames: int) -> bytes:
    with capture.open("rb") as file:
        return b"".join(without_data(file, frozenset(frames)))


def lengths(content: bytes) -> list[str]:
    """What tshark says of each frame: number, time, length, captured length."""
    fields = [word for name in ("number", "time_epoch", "len", "cap_len") for word in ("-e", f"frame.{name}")]
    ran = subprocess.run(
        ["tshark", "-n", "-r", "-", "-T", "fields", *fields], input=content, capture_output=True, check=True
    )
    return ran.stdout.decode().splitlines()


def test_nothing_changes_without_frames(sample: Path) -> None:
    content = sample.read_bytes()
    assert rewritten(sample) == (gzip.decompress(content) if sample.suffix == ".gz" else content)


@pytest.mark.parametrize("capture", [PCAP, PCAPNG])
def test_only_the_data_of_these_frames_is_gone(capture: Path) -> None:
    before, after = lengths(capture.read_bytes()), lengths(rewritten(capture, 2, 5))
    assert [number for number, (was, now) in enumerate(zip(before, after, strict=True), 1) if was != now] == [2, 5]
    for number in (2, 5):
        assert after[number - 1].split("\t") == [*before[number - 1].split("\t")[:3], "0"]


@pytest.mark.parametrize(
    "write", [files.cut_in_data, files.cut_in_record_header, files.absurd_caplen, files.cut_pcapng]
)
def test_a_damaged_end_stays_as_it_is(tmp_path: Path, write: object) -> None:
    path = write(tmp_path / "damaged")  # type: ignore[operator]
    assert rewritten(path) == path.read_bytes()


def test_damaged_gzip_ends_there(tmp_path: Path) -> None:
    content = PCAP.read_bytes()
    compressed = bytearray(gzip.compress(content))
    compressed[len(compressed) // 2 : len(compressed) // 2 + 50] = bytes(50)
    path = tmp_path / "damaged.gz"
    path.write_bytes(compressed)
    assert content.startswith(rewritten(path, 10_000)[:1000])
    path.write_bytes(gzip.compress(content) + b"\x1f\x8b no gzip")
    assert rewritten(path, 10_000) == content


def test_several_gzip_members(tmp_path: Path) -> None:
    content = PCAP.read_bytes()
    path = tmp_path / "members.gz"
    path.write_bytes(gzip.compress(content[:1000]) + gzip.compress(content[1000:]))
    assert rewritten(path) == content


@pytest.mark.parametrize("compress", ["zstd", "lz4"])
def test_inside_zstd_and_lz4(tmp_path: Path, compress: str) -> None:
    content = PCAP.read_bytes() + os.urandom(5 << 20)  # blocks enough for an end in the middle of one
    path = tmp_path / "compressed"
    whole = subprocess.run([compress, "-c"], input=content, capture_output=True, check=True).stdout
    path.write_bytes(whole)
    assert rewritten(path) == content
    changed = rewritten(PCAP, 2, 5)
    assert rewritten(path, 2, 5)[: len(changed)] == changed
    path.write_bytes(whole[:-100])
    assert content.startswith(rewritten(path))
    assert len(rewritten(path)) > 1 << 18


def test_other_formats_are_refused() -> None:
    with pytest.raises(EspcapError, match="only of pcap and pcapng"):
        without_data(io.BytesIO(b"snoop\0\0\0" + bytes(100)), frozenset([1]))
