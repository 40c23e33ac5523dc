"""Packets at which tshark crashes or hangs: the rest of the file is stored, and the summary says what was left out."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import CAPTURES, espcap

pytestmark = pytest.mark.slow

FAKE = """
import gzip, os, signal, struct, subprocess, sys, time

if "-T" not in sys.argv and "-z" not in sys.argv:  # neither reader is at work
    os.execvp("tshark", ["tshark", *sys.argv[1:]])
data = sys.stdin.buffer.read()
data = gzip.decompress(data) if data[:2] == b"\\x1f\\x8b" else data
if data[:4] in (b"\\x28\\xb5\\x2f\\xfd", b"\\x04\\x22\\x4d\\x18"):
    data = subprocess.run(["zstd" if data[:1] == b"(" else "lz4", "-dc"], input=data, stdout=-1, check=True).stdout
position, number, cut = 24, 0, None
while position < len(data):
    length = struct.unpack_from("<I", data, position + 8)[0]
    number += 1
    if number in {frames} and length:
        cut = position
        break
    position += 16 + length
subprocess.run(["tshark", *sys.argv[1:]], input=data[:cut], check=True, close_fds=False)
sys.stdout.flush()
if cut is not None:
    {fail}
"""


def fake(folder: Path, frames: tuple[int, ...], fail: str) -> Path:
    """A tshark that fails at some packets of a little-endian pcap, unless they have no data."""
    script = folder / "fake.py"
    script.write_text(FAKE.format(frames=frames, fail=fail))
    path = folder / "tshark"
    python = shutil.which("python3", path="/usr/bin") or sys.executable  # one that every user may run
    path.write_text(f'#!/bin/sh\nexec {python} {script} "$@"\n')
    for each in (path, folder, *list(folder.parents)[:2]):
        each.chmod(0o755)
    return path


CRASH = "os.kill(os.getpid(), signal.SIGSEGV)"
HANG = "time.sleep(1000)"


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
