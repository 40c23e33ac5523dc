"""One tshark gets the segments of a ring as one capture, and segments go when their packets are stored.

Most tests have `cat` in the place of tshark: its output is exactly the capture that tshark would get.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from scapy.utils import RawPcapReader

from espcap.base.errors import EspcapError
from espcap.live import blocks
from espcap.live.feed import Feed, open_feed
from espcap.live.folder import RunFolder
from espcap.live.ring import Next, Ring, Segment
from espcap.live.spool import IN_FLIGHT
from espcap.tshark.arguments import Settings
from espcap.tshark.process import PIPE, Process
from espcap.tshark.program import Program
from tests.support.fake_programs import shell
from tests.support.segments import SOURCE, segment_path, write_segment

pytest_plugins = ["tests.support.core_fixtures"]

MEMORY = 1 << 30
SILENT = "exec 3>&1 cat > /dev/null"
"""A shell's program that reads all and prints nothing, but keeps its output open."""


@pytest.fixture(scope="module")
def packets() -> list[bytes]:
    """The packets of `SOURCE`."""
    found = packets_of(SOURCE)
    assert len(set(found)) == len(found) >= 12
    return found


def packets_of(capture: Path) -> list[bytes]:
    with RawPcapReader(str(capture)) as reader:
        return [packet for packet, _ in reader]


@dataclass
class Spool:
    """A ring in its folder, and the programs that read it."""

    ring: Ring
    folder: RunFolder
    feeds: list[Feed] = field(default_factory=list)

    def fill(self, *sizes: int) -> None:
        """Complete segments with successive packets of `SOURCE`."""
        first = 1
        for number, size in enumerate(sizes, 1):
            write_segment(self.folder, number, size, first)
            self.ring.complete_one()
            first += size

    def feed(self, *command: str, memory: int = MEMORY, filtered: bool = False) -> Feed:
        """Starts a program, by default `cat`, that gets the segments."""
        first = self.ring.take()
        assert isinstance(first, Segment)
        self.feeds.append(Feed(Process(list(command or ["cat"]), PIPE), self.ring, first, memory, filtered))
        return self.feeds[-1]

    def passed(self, feed: Feed) -> list[bytes]:
        """The packets that the program got until its input ended."""
        capture = self.folder.path.with_name("passed.pcapng")
        capture.write_bytes(b"".join(feed.blocks()))
        return packets_of(capture)

    def held(self) -> list[int]:
        """The numbers of the segments that are on disk."""
        return sorted(self.folder.segments())


@pytest.fixture
def spool(ring: Ring, folder: RunFolder) -> Iterator[Spool]:
    made = Spool(ring, folder)
    yield made
    for feed in made.feeds:
        with feed:
            pass


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_tshark_reads_the_segments_as_one_capture(program: Program, spool: Spool) -> None:
    spool.fill(5, 3, 4)
    spool.ring.end()
    feed = open_feed(program, Settings(count=2), spool.ring, None, MEMORY)  # the count is dumpcap's
    assert feed
    with feed:
        printed = json.loads(b"".join(feed.blocks()))
        assert feed.finish().status == 0
    frames = [packet["_source"]["layers"]["frame"] for packet in printed]
    command = ["tshark", "-n", "-r", str(SOURCE), "-c", "12", "-T", "fields", "-e", "frame.number", "-e", "frame.len"]
    expected = subprocess.run(command, capture_output=True, check=True, text=True).stdout.splitlines()
    assert [f"{frame['frame.number']}\t{frame['frame.len']}" for frame in frames] == expected
    assert feed.passed == 12


def test_headers_are_passed_once(spool: Spool, tmp_path: Path) -> None:
    spool.fill(2, 2)
    spool.ring.end()
    capture = b"".join(spool.feed().blocks())
    assert capture.count(b"\x0a\x0d\x0d\x0a") == 1
    (tmp_path / "passed.pcapng").write_bytes(capture)
    told = subprocess.run(["capinfos", "-I", tmp_path / "passed.pcapng"], capture_output=True, check=True, text=True)
    assert "Number of interfaces in file: 1" in told.stdout
    assert "Number of packets = 4" in told.stdout


def test_whole_packets_of_a_growing_segment_are_passed_at_once(spool: Spool, packets: list[bytes]) -> None:
    path = write_segment(spool.folder, 1, 6)
    whole = path.read_bytes()
    os.truncate(path, len(whole) - 10)  # in the middle of the last packet
    feed = spool.feed()
    until(lambda: feed.passed == 5)
    with path.open("ab") as file:
        file.write(whole[-10:])
    until(lambda: feed.passed == 6)
    spool.ring.end()
    assert spool.passed(feed) == packets[:6]


def test_a_segment_that_needs_several_reads_is_passed_whole(
    spool: Spool, packets: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "READ_SIZE", 400)
    spool.fill(9)
    spool.ring.end()
    assert spool.passed(spool.feed()) == packets[:9]


def test_packets_before_the_place_to_resume_are_not_passed(spool: Spool, packets: list[bytes]) -> None:
    spool.fill(5, 3)
    spool.ring.end()
    spool.ring.resume = 3
    feed = spool.feed()
    assert (feed.before, feed.stored) == (3, 3)
    assert spool.passed(feed) == packets[3:8]


def test_segments_go_when_all_their_packets_are_stored(spool: Spool) -> None:
    spool.fill(5, 3)
    spool.ring.end()
    feed, removals = spool.feed(), [0]
    feed.before_removal = lambda: removals.append(len(spool.held()))
    assert len(b"".join(feed.blocks())) > 0
    feed.acknowledge(4)
    assert spool.held() == [1, 2]
    feed.acknowledge(5)
    assert spool.held() == [2]
    feed.acknowledge(8)
    assert spool.held() == []
    assert removals == [0, 2, 1]  # each time the segment was still there
    assert spool.ring.resume == 8


def test_a_segment_stays_if_its_packets_cannot_be_made_durable(spool: Spool) -> None:
    spool.fill(5)
    spool.ring.end()
    feed = spool.feed()
    assert b"".join(feed.blocks())

    def fail() -> None:
        raise EspcapError("the disk is full")

    feed.before_removal = fail
    with pytest.raises(EspcapError, match="the disk is full"):
        feed.acknowledge(5)
    assert spool.held() == [1]
    assert spool.ring.resume == 0


def test_only_so_many_segments_are_read_before_their_packets_are_stored(spool: Spool) -> None:
    spool.fill(2)
    for number in range(2, IN_FLIGHT + 3):
        shutil.copy(segment_path(spool.folder, 1), segment_path(spool.folder, number))
        spool.ring.complete_one()
    spool.ring.end()
    feed = spool.feed()
    until(lambda: feed.passed == 2 * IN_FLIGHT)
    assert feed.waits_for(2)
    assert not feed.waits_for(1)
    time.sleep(0.2)
    assert feed.passed == 2 * IN_FLIGHT
    feed.acknowledge(2)
    until(lambda: feed.passed == 2 * IN_FLIGHT + 2)
    feed.acknowledge(2 * IN_FLIGHT)
    assert not feed.waits_for(feed.passed)  # few segments are left
    until(lambda: feed.passed == 2 * IN_FLIGHT + 4)


def test_a_program_that_grew_too_large_gets_no_further_segment(spool: Spool, packets: list[bytes]) -> None:
    spool.fill(5, 3)
    spool.ring.end()
    large = spool.feed(memory=-1)
    assert spool.passed(large) == packets[:5]
    large.acknowledge(5)
    following = spool.feed()
    assert following.before == 5
    assert spool.passed(following) == packets[5:8]  # with headers of its own


def test_the_feed_ends_before_overwritten_packets(spool: Spool, packets: list[bytes], dropped: list[int]) -> None:
    spool.fill(5, 3, 4)
    segment_path(spool.folder, 2).unlink()
    spool.ring.end()
    assert spool.passed(spool.feed()) == packets[:5]
    following = spool.feed()
    assert following.before == 8
    assert spool.passed(following) == packets[8:12]
    assert dropped == [3]


def test_an_early_end_puts_the_segments_back(spool: Spool) -> None:
    spool.fill(5, 3)
    spool.ring.end()
    feed = spool.feed()
    with feed:
        until(lambda: feed.passed == 8)
        feed.acknowledge(5)
    assert spool.held() == [2]
    again = spool.ring.take()
    assert isinstance(again, Segment)
    assert (again.number, again.packets) == (2, None)
    assert spool.ring.take() is Next.NEVER


@pytest.mark.parametrize(
    ("command", "filtered", "stored"),
    [
        (("cat",), True, 8),
        (("cat",), False, 0),
        (("sh", "-c", "cat; exit 1"), True, 0),
        (("sh", "-c", "cat; kill -9 $$"), True, 0),
    ],
)
def test_packets_without_documents_are_stored_after_a_clean_end_with_a_display_filter(
    command: tuple[str, ...], filtered: bool, stored: int, spool: Spool
) -> None:
    spool.fill(5, 3)
    spool.ring.end()
    feed = spool.feed(*command, filtered=filtered)
    with feed:
        assert b"".join(feed.blocks())
        feed.finish()
        assert feed.stored == stored
    assert spool.held() == ([] if stored else [1, 2])


def test_idle_acknowledgement_needs_a_display_filter_and_a_program_that_has_read_all(spool: Spool) -> None:
    spool.fill(5)
    feed = spool.feed("sh", "-c", SILENT, filtered=True)
    until(lambda: feed.passed == 5)
    until(feed.acknowledge_idle)
    assert feed.stored == 5
    assert spool.held() == []
    assert not feed.acknowledge_idle()  # nothing more


@pytest.mark.parametrize(
    ("command", "filtered"),
    [("exec sleep 60", True), ("exec cat", True), ("exec cat", False), (SILENT, False)],
    ids=["has not read", "has printed", "has printed, no filter", "no filter"],
)
def test_idle_acknowledgement_does_not_guess(command: str, filtered: bool, spool: Spool) -> None:
    """A program that has not read all may still print; and without a filter each packet has a document."""
    spool.fill(5)
    feed = spool.feed("sh", "-c", command, filtered=filtered)
    until(lambda: feed.passed == 5)
    for _ in range(5):
        assert not feed.acknowledge_idle()
        time.sleep(0.02)
    assert feed.stored == 0
    assert spool.held() == [1]


def test_idle_acknowledgement_deletes_segments_whose_end_came_late(spool: Spool) -> None:
    write_segment(spool.folder, 1, 5)
    feed = spool.feed()
    until(lambda: feed.passed == 5)
    feed.acknowledge(5)
    assert spool.held() == [1]  # dumpcap may still write to it
    spool.ring.complete_one()
    until(lambda: not feed.acknowledge_idle() and spool.held() == [])


def test_open_feed_after_the_end_of_the_capture(program: Program, spool: Spool) -> None:
    spool.ring.end()
    assert open_feed(program, Settings(), spool.ring, None, MEMORY) is None


def test_open_feed_waits_for_the_first_segment(spool: Spool, tmp_path: Path) -> None:
    writer = threading.Timer(0.2, write_segment, (spool.folder, 1, 5))
    writer.start()
    feed = open_feed(shell(tmp_path, "exec cat"), Settings(), spool.ring, None, MEMORY)
    writer.join()
    assert feed
    with feed:
        until(lambda: feed.passed == 5)
        assert feed.before == 0


def test_a_tshark_that_cannot_be_started_costs_no_segment(program: Program, spool: Spool) -> None:
    spool.fill(5)
    missing = replace(program, path=str(spool.folder.path / "missing"))
    with pytest.raises(EspcapError, match="cannot run"):
        open_feed(missing, Settings(), spool.ring, None, MEMORY)
    again = spool.ring.take()
    assert isinstance(again, Segment)
    assert again.number == 1
