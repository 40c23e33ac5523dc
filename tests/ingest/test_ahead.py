"""Tsharks that are started for the next files: when, and what happens to those that are not taken."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from espcap.captures.sources import CaptureFile, capture_file
from espcap.ingest import ahead as module
from espcap.ingest.ahead import Ahead
from espcap.ingest.job import Job
from tests.support.command import CAPTURES, children

pytest_plugins = ["tests.support.core_fixtures"]

NAMES = ["arp.pcap", "dns.pcap", "icmp.pcap", "vlan.pcap"]


@pytest.fixture(autouse=True)
def _no_child_is_left() -> Iterator[None]:
    before = children()
    yield
    assert children() <= before


def capture(path: Path) -> CaptureFile:
    found = capture_file(str(path))
    assert isinstance(found, CaptureFile)
    return found


@pytest.fixture
def sources() -> list[CaptureFile]:
    return [capture(CAPTURES / name) for name in NAMES]


def started(ahead: Ahead, sources: list[CaptureFile]) -> list[bool]:
    """For each source, whether a tshark was started ahead and prints its packets."""
    found = []
    for source in sources:
        with source.open() as file:
            output = ahead.take(source, file)
            found.append(bool(output and b"".join(output.blocks())))
            if output:
                output.finish()
    return found


@pytest.mark.parametrize(
    ("jobs", "expected"), [(1, [False] * 4), (2, [False, True, False, False]), (3, [False, True, True, False])]
)
def test_the_next_files(job: Job, sources: list[CaptureFile], jobs: int, expected: list[bool]) -> None:
    """While the first file is read, one tshark fewer than `jobs` is started for the others."""
    with Ahead(replace(job, jobs=jobs)) as ahead:
        assert next(ahead.over(sources)) is sources[0]
        assert started(ahead, sources) == expected


@pytest.mark.parametrize("jobs", [1, 2, 3, 9])
def test_order(job: Job, sources: list[CaptureFile], jobs: int) -> None:
    mixed = [None, *sources[:2], None, *sources[2:], None, sources[0]]
    with Ahead(replace(job, jobs=jobs)) as ahead:
        assert list(ahead.over(mixed)) == mixed


def test_a_pause_does_not_wait_for_the_next_source(job: Job, sources: list[CaptureFile]) -> None:
    """With --watch, None stands for a pause: all files before it are read, without a further source."""

    def watched() -> Iterator[CaptureFile | None]:
        yield sources[0]
        yield None
        raise AssertionError("the next source is not there yet")

    with Ahead(replace(job, jobs=3)) as ahead:
        following = ahead.over(watched())
        assert [next(following), next(following)] == [sources[0], None]


@pytest.mark.parametrize("is_ours", [lambda file: False, lambda file: "dns" not in file.path])
def test_a_file_that_another_process_reads(
    job: Job, sources: list[CaptureFile], is_ours: Callable[[CaptureFile], bool]
) -> None:
    with Ahead(replace(job, jobs=3), is_ours) as ahead:
        next(ahead.over(sources))
        assert started(ahead, sources) == [False, False, is_ours(sources[2]), False]


def test_a_large_file(job: Job, sources: list[CaptureFile], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST", sources[1].size - 1)
    with Ahead(replace(job, jobs=2)) as ahead:
        next(ahead.over(sources))
        assert started(ahead, sources) == [False] * 4


def test_a_file_that_was_replaced(job: Job, sources: list[CaptureFile], tmp_path: Path) -> None:
    """The tshark that reads the old file is stopped."""
    path = tmp_path / "next.pcap"
    path.write_bytes((CAPTURES / "dns.pcap").read_bytes())
    source = capture(path)
    with Ahead(replace(job, jobs=2)) as ahead:
        next(ahead.over([sources[0], source]))
        ahead._begun[source.path].result()
        new = tmp_path / "new.pcap"
        new.write_bytes((CAPTURES / "arp.pcap").read_bytes())
        new.rename(path)
        with source.open() as file:
            assert ahead.take(source, file) is None


def test_tsharks_that_are_not_taken_are_stopped(job: Job, sources: list[CaptureFile]) -> None:
    before = children()
    with Ahead(replace(job, jobs=4)) as ahead:
        next(ahead.over(sources))
        for begun in ahead._begun.values():
            begun.result()
        count = len(children() - before)  # a file can have a second tshark, for Wireshark's columns
        assert count in (3, 6)
        ahead.drop(sources[1].path)
        assert len(children() - before) == count * 2 // 3
    assert children() <= before
