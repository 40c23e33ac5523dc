"""The packets of a live capture in the files that are kept of it."""

import io
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.base.frames import FrameSet, Numbering
from espcap.captures.kept import CaptureGone, Kept, find_kept, kept_name, run_of
from espcap.captures.pcapng import ALL, PcapngWriter, interface_block, packet_block, packets

RUN = "0123456789abcdef" * 2
INTERFACE = interface_block(1, 9)


def write(folder: Path, before: int, count: int, place: int = 1, run: str = RUN) -> Path:
    """A file as dumpcap writes it, whose packets have their numbers as bytes."""
    path = folder / kept_name(run, before, place)
    with path.open("wb") as file:
        writer = PcapngWriter(file)
        writer.add_interface(INTERFACE)
        for number in range(before + 1, before + count + 1):
            file.write(packet_block(0, number, 8, number.to_bytes(8, "big")))
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten packets, of which 4 to 7 are gone."""
    write(tmp_path, 7, 3, place=3)
    write(tmp_path, 0, 3)
    write(tmp_path, 0, 5, run="f" * 32)
    (tmp_path / f"{RUN}-notes.pcapng").write_text("somebody's")
    return tmp_path


def kept(folder: Path) -> Kept:
    return Kept(find_kept(RUN, [folder]), "the live capture")


def copied(kept: Kept, *wanted: int) -> tuple[list[int], list[int]]:
    """The numbers that the packets have as bytes, and those that they are given."""
    frames = FrameSet()
    for frame in wanted:
        frames.add(frame)
    copy, numbers = io.BytesIO(), Numbering()
    kept.copy(copy, numbers, frames if wanted else None)
    copy.seek(0)
    found = [int.from_bytes(packet.block[28:36], "big") for packet in packets(copy, PcapngWriter(io.BytesIO()), ALL)]
    assert copy.getvalue().count(INTERFACE) == 1
    return found, [numbers.frame(place) for place in range(1, len(numbers) + 1)]


def test_names() -> None:
    assert run_of(kept_name(RUN, 17, 3)) == RUN
    assert run_of("0" * 32) == run_of(f"{RUN}-1-1.pcapng") == run_of("trial") == ""
    assert find_kept("../*", [Path("/")]) == []


def test_packets_and_their_numbers(folder: Path) -> None:
    """One capture of two files, with one interface."""
    assert copied(kept(folder)) == ([1, 2, 3, 8, 9, 10],) * 2
    assert copied(kept(folder), 2, 5, 9) == ([2, 9],) * 2


def test_a_file_that_is_still_written(folder: Path) -> None:
    """Up to the last whole packet."""
    path = find_kept(RUN, [folder])[1].path
    content = path.read_bytes()
    for cut, found in ((1, [1, 2, 3, 8, 9]), (40, [1, 2, 3, 8, 9]), (41, [1, 2, 3, 8])):
        path.write_bytes(content[:-cut])
        assert copied(kept(folder)) == (found, found)


def test_a_file_that_goes_meanwhile(folder: Path) -> None:
    found = kept(folder)
    found.files[0].path.unlink()
    assert copied(found) == ([8, 9, 10],) * 2


def test_damaged(folder: Path) -> None:
    found = kept(folder)
    found.files[0].path.write_bytes(bytes(100))
    with pytest.raises(EspcapError, match="is damaged"):
        copied(found)


def test_gone(folder: Path) -> None:
    (folder / kept_name(RUN, 0, 1)).unlink()
    found = kept(folder)
    assert found.near(9).files == found.files
    with pytest.raises(CaptureGone) as raised:
        found.near(3)
    message = "the capture file with frame 3 is gone: the live capture has kept packets from frame 8 on"
    assert raised.value.message == message
