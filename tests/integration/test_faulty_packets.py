"""Packets at which tshark crashes or hangs: the rest of the file is stored, and the summary says what was left out."""

import subprocess
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, espcap
from tests.support.faulty_tshark import CRASH, HANG, fake

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("frames", "fail"), [((10,), CRASH), ((1, 33), CRASH), ((7, 8, 20), CRASH), ((10,), HANG)])
def test_the_rest_of_the_file_is_stored(tmp_path: Path, frames: tuple[int, ...], fail: str) -> None:
    tshark = fake(tmp_path, frames, fail)
    ran = espcap("--file", CAPTURES / "http_xml.pcap", "--tshark", tshark, "--stall-timeout", "3")
    assert ran.status == 3, ran.errors
    assert f"http_xml.pcap: left out frame {', '.join(map(str, frames))} (" in ran.errors
    plain = espcap("--file", CAPTURES / "http_xml.pcap").documents
    numbers = [document["layers"]["frame"]["number"] for document in ran.documents]
    assert numbers == [number for number in range(1, 34) if number not in frames]
    before = frames[0] - 1
    assert ran.documents[:before] == plain[:before]
    assert f"{33 - len(frames)} packets read, {33 - len(frames)} stored" in ran.summary


@pytest.mark.parametrize("compress", ["gzip", "zstd", "lz4"])
def test_a_compressed_file(tmp_path: Path, compress: str) -> None:
    content = (CAPTURES / "http_xml.pcap").read_bytes()
    capture = tmp_path / "capture"
    capture.write_bytes(subprocess.run([compress, "-c"], input=content, capture_output=True, check=True).stdout)
    ran = espcap("--file", capture, "--tshark", fake(tmp_path, (5,), CRASH))
    assert ran.status == 3, ran.errors
    assert "left out frame 5 (" in ran.errors
    assert len(ran.documents) == 32


def test_more_faults_than_are_looked_for(tmp_path: Path) -> None:
    ran = espcap("--file", CAPTURES / "http_xml.pcap", "--tshark", fake(tmp_path, tuple(range(3, 20)), CRASH))
    assert ran.status == 1, ran.errors
    assert "tshark was killed by SIGSEGV" in ran.errors
    assert [document["layers"]["frame"]["number"] for document in ran.documents] == [1, 2]


def test_stored_once(tmp_path: Path) -> None:
    """What was stored before the fault is neither lost nor doubled."""
    node = f"local:{tmp_path / 'index'}"
    ran = espcap("--file", CAPTURES / "http_xml.pcap", "--tshark", fake(tmp_path, (20,), CRASH), "--node", node)
    assert "32 packets read, 32 stored, 0 already there" in ran.summary
    again = espcap("--file", CAPTURES / "http_xml.pcap", "--node", node)
    assert "33 packets read, 1 stored, 32 already there" in again.summary


def test_a_file_whose_tshark_died_is_not_done(tmp_path: Path) -> None:
    """What came before is stored; the next run reads the file again and stores the rest."""
    node = f"local:{tmp_path / 'index'}"
    dying = fake(tmp_path, tuple(range(3, 20)), CRASH)
    ran = espcap("--file", CAPTURES / "http_xml.pcap", "--tshark", dying, "--node", node)
    assert ran.status == 1, ran.errors
    assert "2 packets read, 2 stored" in ran.summary
    again = espcap("--file", CAPTURES / "http_xml.pcap", "--node", node)
    assert again.status == 0, again.errors
    assert "33 packets read, 31 stored, 2 already there" in again.summary
