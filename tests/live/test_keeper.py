"""Which files of live captures stay, and what is said where they cannot."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.captures.kept import kept_name
from espcap.live.folder import RunFolder, create
from espcap.live.keeper import Keeper
from espcap.live.spool import Keeping, SpoolSettings

OTHER = "f" * 32


@pytest.fixture
def ring(tmp_path: Path) -> Iterator[RunFolder]:
    made = create(tmp_path, "host")
    yield made
    made.close(remove=True)


def keeper(ring: RunFolder, size: int, seconds: float = 0, said: list[str] | None = None) -> Keeper:
    """The smallest spool, so that the test's disk has room for it."""
    spool = SpoolSettings(ring.path.parent, 1 << 18, Keeping(size, seconds))
    assert spool.keep
    return Keeper(spool, spool.keep, ring, (said if said is not None else []).append)


def earlier(folder: Path, place: int, age: float) -> Path:
    """A kept file of 1,000 bytes of another run."""
    folder.mkdir(exist_ok=True)
    path = folder / kept_name(OTHER, place * 10, place)
    path.write_bytes(bytes(1000))
    os.utime(path, (time.time() - age,) * 2)
    return path


def test_the_oldest_of_all_runs_go_at_the_start(ring: RunFolder, tmp_path: Path) -> None:
    """What is not a kept file stays, and does not count."""
    files = [earlier(tmp_path / "captures", place, age) for place, age in ((1, 50), (2, 90), (3, 10))]
    notes = tmp_path / "captures" / "notes"
    notes.write_bytes(bytes(5000))
    with keeper(ring, 2000):
        assert [path.exists() for path in files] == [True, False, True]
    with keeper(ring, 2000, seconds=40):
        assert [path.exists() for path in files] == [False, False, True]
    assert notes.exists()


def test_files_outside_the_spool_stay_and_are_not_counted(ring: RunFolder, tmp_path: Path) -> None:
    segment = ring.path / "held_00001_20260101000000.pcapng"
    segment.write_bytes(bytes(5000))
    with keeper(ring, 1500) as kept:
        kept.keep(ring.run, segment, 0, 1)
        kept.keep(ring.run, segment, 0, 1)  # a run that was killed had kept it
        mine = tmp_path / "captures" / kept_name(ring.run, 0, 1)
        other = earlier(tmp_path / "captures", 1, 10)
        kept.enforce()
        assert mine.exists()
        assert other.exists()
        segment.unlink()
        kept.release(ring.run, 0, 1, packets=7)
        assert not other.exists()  # the older one
        assert not mine.exists()  # larger than all that may be kept


def test_a_segment_without_packets_goes(ring: RunFolder, tmp_path: Path) -> None:
    segment = ring.path / "held_00001_20260101000000.pcapng"
    segment.write_bytes(bytes(100))
    with keeper(ring, 50_000) as kept:
        kept.keep(ring.run, segment, 0, 1)
        kept.release(ring.run, 0, 1, packets=0)
        assert os.listdir(tmp_path / "captures") == []


def test_a_killed_run_leaves_no_trial(ring: RunFolder, tmp_path: Path) -> None:
    with keeper(ring, 50_000):
        pass
    (tmp_path / "captures" / "trial").write_text("")
    with keeper(ring, 50_000):
        assert os.listdir(tmp_path / "captures") == []


def test_a_disk_without_hard_links(ring: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(source: object, target: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(EspcapError) as raised:
        keeper(ring, 50_000)
    assert raised.value.message == f"cannot keep captures in {ring.path.parent}/captures: Operation not permitted"
    assert "hard links" in raised.value.hint


def test_failures_are_told_once(ring: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    with keeper(ring, 50_000, said=said) as kept:

        def link(source: object, target: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "link", link)
        for place in (1, 2):
            kept.keep(ring.run, ring.path / "held", 0, place)
    assert said == [f"packets are not kept in {tmp_path}/captures: No space left on device"]


def test_old_files_that_cannot_be_deleted(ring: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    kept = keeper(ring, 500, said=said)
    earlier(tmp_path / "captures", 1, 10)

    def unlink(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "unlink", unlink)
    for _ in range(2):
        kept.enforce()
    assert said == [f"old captures cannot be deleted from {tmp_path}/captures: Operation not permitted"]
