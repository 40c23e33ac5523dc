import os
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.captures.sources import CaptureFile, NotACapture
from espcap.captures.watch import Settling, is_written_to
from tests.support.command import CAPTURES
from tests.support.requirements import unavailable

ARP = CAPTURES / "arp.pcap"


@pytest.fixture
def settling(tmp_path: Path) -> Settling:
    return Settling([str(tmp_path)], 5, lambda file: file.path.endswith("known.pcap"))


def look(settling: Settling, now: float) -> list[str]:
    found = list(settling.look(now))
    assert all(isinstance(each, CaptureFile) for each in found)
    return [Path(each.path).name for each in found if isinstance(each, CaptureFile)]


def test_a_file_is_taken_once_it_is_the_same_for_some_seconds(settling: Settling, tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(ARP.read_bytes()[:100])
    assert look(settling, 0) == []
    assert look(settling, 4) == []
    (tmp_path / "a.pcap").write_bytes(ARP.read_bytes())
    assert look(settling, 6) == []
    assert look(settling, 10) == []
    assert look(settling, 11) == ["a.pcap"]
    assert look(settling, 20) == []


def test_a_file_that_changes_later_is_taken_again(settling: Settling, tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(ARP.read_bytes()[:100])
    assert [look(settling, now) for now in (0, 5)] == [[], ["a.pcap"]]
    (tmp_path / "a.pcap").write_bytes(ARP.read_bytes())
    assert [look(settling, now) for now in (6, 11)] == [[], ["a.pcap"]]


def test_a_file_that_is_done_needs_no_wait(settling: Settling, tmp_path: Path) -> None:
    (tmp_path / "known.pcap").write_bytes(ARP.read_bytes())
    assert [look(settling, now) for now in (0, 1)] == [["known.pcap"], []]


def test_an_empty_file_waits_for_its_content(settling: Settling, tmp_path: Path) -> None:
    (tmp_path / "a.pcap").touch()
    assert [look(settling, now) for now in (0, 100)] == [[], []]
    (tmp_path / "a.pcap").write_bytes(ARP.read_bytes())
    assert [look(settling, now) for now in (101, 106)] == [[], ["a.pcap"]]


def test_a_file_that_is_open_for_writing_is_not_taken(settling: Settling, tmp_path: Path) -> None:
    with (tmp_path / "a.pcap").open("wb") as file:
        file.write(ARP.read_bytes())
        file.flush()
        if not is_written_to(str(tmp_path / "a.pcap")):
            unavailable("this file system has no leases, and so the kernel does not tell who writes")
        assert [look(settling, now) for now in (0, 100)] == [[], []]
    assert look(settling, 101) == ["a.pcap"]


def test_a_reader_does_not_keep_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(ARP.read_bytes())
    with (tmp_path / "a.pcap").open("rb"):
        assert not is_written_to(str(tmp_path / "a.pcap"))
    assert not is_written_to(str(tmp_path / "missing"))


def test_failures_are_told_once(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no capture")
    settling = Settling([str(tmp_path), str(tmp_path / "missing")], 0, lambda file: False)
    found = [each for now in range(4) for each in settling.look(now)]
    assert [type(each) for each in found] == [EspcapError, NotACapture]


def test_a_file_that_went_away_leaves_nothing(settling: Settling, tmp_path: Path) -> None:
    (tmp_path / "a.pcap").write_bytes(ARP.read_bytes())
    assert [look(settling, now) for now in (0, 5)] == [[], ["a.pcap"]]
    os.rename(tmp_path / "a.pcap", tmp_path / "b.pcap")
    assert [look(settling, now) for now in (6, 11)] == [[], ["b.pcap"]]
