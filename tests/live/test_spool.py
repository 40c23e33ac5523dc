"""How large segments are, so that the whole spool fits on the disk."""

import os
from pathlib import Path

import pytest

from espcap.live.spool import SEGMENTS, Keeping, SpoolSettings

BLOCK = 4096


@pytest.fixture
def free(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The free bytes of the disk, which a test may change."""
    sizes = [10**12]

    class Status:
        f_frsize = BLOCK

        @property
        def f_bavail(self) -> int:
            return sizes[0] // BLOCK

    monkeypatch.setattr(os, "statvfs", lambda folder: Status())
    return sizes


def test_size_of_the_spool_decides_if_there_is_room(free: list[int], tmp_path: Path) -> None:
    assert SpoolSettings(tmp_path, 320_000_000).segment_size() == 10_000
    assert SpoolSettings(tmp_path, 10**15).segment_size() == 2_000_000  # dumpcap allows no more


@pytest.mark.parametrize("room", [200_000_000, 50_000_000, 10_000_000])
def test_free_space_decides_if_there_is_less(free: list[int], tmp_path: Path, room: int) -> None:
    free[0] = room
    size = SpoolSettings(tmp_path).segment_size() * 1000 * SEGMENTS
    assert room * 0.8 - SEGMENTS * 2 * BLOCK < size <= room * 0.9 - SEGMENTS * 2 * BLOCK


def test_full_disk(free: list[int], tmp_path: Path) -> None:
    free[0] = 0
    assert SpoolSettings(tmp_path).segment_size() == 1


def test_kept_packets_share_the_disk(free: list[int], tmp_path: Path) -> None:
    settings = SpoolSettings(tmp_path, 10**9, Keeping(40_000_000))
    assert settings.segment_size() == 10_000  # a quarter of what is kept
    free[0] = 100_000_000
    assert settings.segment_size() < settings.segment_size(kept=50_000_000) < SpoolSettings(tmp_path).segment_size()


@pytest.mark.parametrize(("keep", "seconds"), [(None, 0), (Keeping(1), 0), (Keeping(1, 3600), 900), (Keeping(1, 1), 1)])
def test_seconds_of_a_segment(keep: Keeping | None, seconds: int) -> None:
    assert SpoolSettings(Path("/"), keep=keep).segment_seconds == seconds
