"""An excerpt of a capture has the bytes of a few packets; the others are empty and keep their numbers."""

import io
import subprocess
from pathlib import Path

import pytest

from espcap.captures.excerpt import write_excerpt
from espcap.captures.pcapng import UnknownForm
from tests.support.command import CAPTURES
from tests.support.frame_oracle import frame_fields

FIELDS = [f"frame.{name}" for name in ("number", "time_epoch", "len", "cap_len", "md5_hash")]


@pytest.mark.parametrize("name", ["http_xml.pcap", "nanoseconds.pcapng", "http_xml.pcap.gz"])
def test_excerpt(name: str, tmp_path: Path) -> None:
    start, excerpt = tmp_path / "start.pcapng", tmp_path / "excerpt"
    with (CAPTURES / name).open("rb", buffering=0) as file, excerpt.open("wb") as output:
        write_excerpt(file, output, frozenset([2, 5]), 6)
    subprocess.run(["editcap", "-r", CAPTURES / name, start, "1-6"], check=True)
    whole, found = frame_fields(start, *FIELDS), frame_fields(excerpt, *FIELDS)
    assert len(whole) == 6
    for number, (before, after) in enumerate(zip(whole, found, strict=True), 1):
        assert after == before if number in (2, 5) else after[:4] == [*before[:3], "0"]


def test_another_format(tmp_path: Path) -> None:
    subprocess.run(["editcap", "-F", "snoop", CAPTURES / "arp.pcap", tmp_path / "capture"], check=True)
    with (tmp_path / "capture").open("rb", buffering=0) as file, pytest.raises(UnknownForm):
        write_excerpt(file, io.BytesIO(), frozenset([1]), 1)
