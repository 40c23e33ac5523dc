"""Packets of several captures in one file, in the order of their times, and what is reported as missing."""

import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest

from espcap.base.errors import UsageError
from espcap.captures.originals import Originals
from espcap.captures.sources import CaptureFile, capture_file
from espcap.extract.extraction import Extraction, Missing
from espcap.searches.selection import Selection
from espcap.tshark.program import Program, dissecting_user
from tests.support.command import CAPTURES
from tests.support.frame_oracle import frame_fields

pytest_plugins = ["tests.support.core_fixtures"]

FIELDS = ["frame.time_epoch", "frame.len", "frame.md5_hash"]


def selection(path: Path, frames: Iterable[int]) -> Selection:
    """These frames of a capture, as a search would find them."""
    source = capture_file(str(path))
    assert isinstance(source, CaptureFile)
    with source.open() as file:
        capture_id = source.identify(file)
    document = {"capture_id": capture_id, "file_name": str(path), "layers": {"frame": {"number": 1}}}
    made = Selection(capture_id, [str(path)], document, -1)
    for frame in frames:
        made.frames.add(frame)
    return made


def extracted(program: Program, output: Path, selections: list[Selection]) -> tuple[int, list[Missing]]:
    missing: list[Missing] = []
    extraction = Extraction(program, dissecting_user(program), missing.append)
    extraction.find(selections, Originals(), str(output))
    with output.open("wb") as file:
        return extraction.write(file), missing


def test_several_captures(program: Program, tmp_path: Path) -> None:
    wanted = {"dns.pcap": [2, 3, 20], "http_xml.pcap": [1, 33], "nanoseconds.pcapng": [2]}
    output = tmp_path / "out.pcapng"
    selections = [selection(CAPTURES / name, frames) for name, frames in wanted.items()]
    assert extracted(program, output, selections) == (6, [])
    expected = []
    for name, frames in wanted.items():
        fields = frame_fields(CAPTURES / name, *FIELDS)
        expected += [fields[frame - 1] for frame in frames]
    assert frame_fields(output, *FIELDS) == sorted(expected, key=lambda fields: fields[0])


def test_packets_behind_the_end(program: Program, tmp_path: Path) -> None:
    count, [missing] = extracted(program, tmp_path / "out", [selection(CAPTURES / "dns.pcap", [24, 25, 26])])
    assert (count, missing.packets) == (1, 2)
    assert missing.reason.startswith(f"{CAPTURES / 'dns.pcap'}: ")


def test_captures_that_are_gone(program: Program, tmp_path: Path) -> None:
    capture = Path(shutil.copy(CAPTURES / "dns.pcap", tmp_path / "dns.pcap"))
    made = selection(capture, [1, 2])
    capture.unlink()
    count, [missing] = extracted(program, tmp_path / "out", [made])
    assert (count, missing.packets) == (0, 2)
    assert missing.reason.startswith(f"the capture {capture} is gone (")


def test_output_that_is_one_of_the_captures(program: Program, tmp_path: Path) -> None:
    capture = Path(shutil.copy(CAPTURES / "dns.pcap", tmp_path / "dns.pcap"))
    extraction = Extraction(program, None, lambda missing: None)
    with pytest.raises(UsageError, match="is one of the captures to read"):
        extraction.find([selection(capture, [1])], Originals(), str(capture))
    assert capture.read_bytes() == (CAPTURES / "dns.pcap").read_bytes()
