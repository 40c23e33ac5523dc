"""dumpcap writes the ring, and ends when its capture ends, however that ends."""

import os
import socket
import stat
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.captures.sources import Interfaces
from espcap.live import capture as room
from espcap.live.blocks import count_packets
from espcap.live.capture import SpooledCapture
from espcap.live.folder import RunFolder
from espcap.live.keeper import Keeper
from espcap.live.ring import Next, Ring, Segment
from espcap.live.spool import IN_FLIGHT, SEGMENTS, SMALLEST_SPOOL, Keeping, SpoolSettings
from espcap.tshark.arguments import Settings
from espcap.tshark.output import written_packets
from espcap.tshark.program import Program, find_program
from tests.support.command import children
from tests.support.fake_programs import python
from tests.support.requirements import needs_capture

LOOPBACK = Interfaces(("lo",))
PORT = 40209
SLEEPING = "print(os.getpid(), *sys.argv[1:], sep='\\n', file=open('{}', 'w'), flush=True); time.sleep(60)"
"""A dumpcap that captures nothing, and writes its process identifier and its arguments to a file."""


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def open_capture(program: Program, ring: Ring, source: Interfaces = LOOPBACK) -> SpooledCapture:
    """A capture in the smallest spool, whose segments have 8 kB."""
    spool = SpoolSettings(ring.folder.path.parent, SMALLEST_SPOOL)
    return SpooledCapture(program, Settings(), source, spool, ring)


def fake(folder: Path) -> Program:
    """A Wireshark with a dumpcap that sleeps."""
    python(folder, SLEEPING.format(folder / "called"), "dumpcap")
    return python(folder, "")


def called(folder: Path) -> list[str]:
    """The process identifier and the arguments of the sleeping dumpcap."""
    path = folder / "called"
    until(lambda: path.exists() and path.stat().st_size > 0)
    return path.read_text().splitlines()


def send(count: int) -> None:
    """Sends packets with 1,000 bytes of payload."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for _ in range(count):
            sender.sendto(bytes(1000), ("127.0.0.1", PORT))


def on_disk(folder: RunFolder) -> int:
    return sum(count_packets(paths[0]) for paths in folder.segments().values())


@needs_capture
def test_packets_of_an_interface_become_segments(ring: Ring, folder: RunFolder, dropped: list[int]) -> None:
    with open_capture(find_program(), ring, Interfaces(("lo",), f"udp dst port {PORT}")) as capture:
        until(lambda: bool(folder.segments()))
        send(20)
        until(lambda: on_disk(folder) == 20)
        first = ring.take()
        assert isinstance(first, Segment)
        until(lambda: ring.packets > 0)  # dumpcap goes on, and has reported the segments that are full
        assert ring.is_complete(first)
        assert not ring.ended
        capture.interrupt()
        ended = capture.finish()
    assert (ended.status, written_packets(ended)) == (0, 20)
    assert (ring.ended, ring.packets, dropped) == (True, 20, [])
    assert len(folder.segments()) > 1


@needs_capture
def test_an_invalid_capture_filter_ends_the_ring(ring: Ring) -> None:
    with open_capture(find_program(), ring, Interfaces(("lo",), "no filter (")) as capture:
        ended = capture.finish()
    assert ended.status > 0
    assert "Invalid capture filter" in ended.message
    assert (ring.ended, ring.packets, ring.take()) == (True, 0, Next.NEVER)


def test_the_end_of_the_context_ends_dumpcap_and_its_guard(ring: Ring, tmp_path: Path) -> None:
    before = children()
    with open_capture(fake(tmp_path), ring):
        started = children() - before
        assert int(called(tmp_path)[0]) in started
        assert len(started) == 2
    assert not children() & started
    assert ring.ended


@pytest.mark.parametrize("kept", [False, True])
def test_size_and_number_of_segments(kept: bool, ring: Ring, folder: RunFolder, tmp_path: Path) -> None:
    """The keeper of files knows how much room they leave for segments."""
    spool = SpoolSettings(tmp_path, SMALLEST_SPOOL, Keeping(8_000, 60) if kept else None)
    if spool.keep:
        ring.keeper = Keeper(spool, spool.keep, folder, pytest.fail)
        ring.keeper.segment_size = 3  # as if little room were left
    with SpooledCapture(fake(tmp_path), Settings(count=7), LOOPBACK, spool, ring):
        arguments = called(tmp_path)[1:]
    values = [value for word, value in pairwise(arguments) if word == "-b"]
    expected = ["filesize:3", "duration:15"] if kept else ["filesize:8"]
    assert sorted(values) == sorted([*expected, f"files:{SEGMENTS - IN_FLIGHT}", "printname:stdout"])
    assert arguments[arguments.index("-c") + 1] == "7"
    assert arguments[arguments.index("-i") + 1] == "lo"
    assert str(folder.path / "packets.pcapng") in arguments


def test_dumpcap_holds_the_lock_of_the_folder(ring: Ring, folder: RunFolder, tmp_path: Path) -> None:
    """The folder of an espcap that was killed stays locked until its dumpcap has ended."""
    with open_capture(fake(tmp_path), ring):
        descriptors = Path(f"/proc/{called(tmp_path)[0]}/fd")
        assert str(folder.path / "run.json") in [os.readlink(each) for each in descriptors.iterdir()]


def test_without_a_guard_dumpcap_does_not_run(ring: Ring, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = children()

    def fail(process: int) -> None:
        assert process in children() - before
        raise EspcapError("cannot run /bin/sh: Cannot allocate memory")

    monkeypatch.setattr(room, "Guard", fail)
    with pytest.raises(EspcapError, match="cannot run /bin/sh"):
        open_capture(fake(tmp_path), ring)
    assert not children() - before


def test_a_dumpcap_that_may_not_be_run(ring: Ring, tmp_path: Path) -> None:
    program = fake(tmp_path)
    os.chmod(program.dumpcap, stat.S_IRUSR)
    with pytest.raises(EspcapError, match=r"cannot run .*/dumpcap: Permission denied"):
        open_capture(program, ring)
    assert not ring.ended
