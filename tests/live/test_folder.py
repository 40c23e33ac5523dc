import os
import shutil
from pathlib import Path

import pytest

from espcap.live import folder as room
from espcap.live.folder import RunFolder, create, left_over


def test_folders_that_another_espcap_removes_meanwhile(tmp_path: Path) -> None:
    """A link to nowhere is as a folder that went after it was listed, at every run."""
    link = tmp_path / ("0" * 32)
    link.symlink_to("nowhere")
    for _ in range(3):
        create(tmp_path, "host").close(remove=False)
    found = left_over(tmp_path)
    first = next(found)
    for path in tmp_path.iterdir():
        if path not in (first.path, link):
            shutil.rmtree(path)
    assert list(found) == []
    first.close(remove=True)
    assert os.listdir(tmp_path) == [link.name]


def test_a_folder_that_goes_between_two_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another espcap removes one after it was listed, and one after it was opened."""
    for _ in range(2):
        create(tmp_path, "host").close(remove=False)
    waits = room._lock_dead

    def remove(lock: int) -> None:
        shutil.rmtree(os.path.dirname(os.readlink(f"/proc/self/fd/{lock}")))
        waits(lock)

    monkeypatch.setattr(room, "_lock_dead", remove)
    assert list(left_over(tmp_path)) == []
    assert os.listdir(tmp_path) == []


def test_no_spool(tmp_path: Path) -> None:
    assert list(left_over(tmp_path / "none")) == []


def test_rests_of_a_killed_removal(tmp_path: Path) -> None:
    """`run.json` is gone, the rest not yet: it stays for nobody to remove."""
    run = create(tmp_path, "host")
    (run.path / "run.json").unlink()
    run.close(remove=False)
    assert list(left_over(tmp_path)) == []
    assert os.listdir(tmp_path) == []


def test_folders_of_others_stay(tmp_path: Path) -> None:
    run = create(tmp_path, "host")
    (run.path / "run.json").unlink()
    (run.path / "packets_00001_20260101000000.pcapng").write_bytes(b"somebody's")
    (tmp_path / "other").mkdir()
    run.close(remove=False)
    assert list(left_over(tmp_path)) == []
    assert sorted(os.listdir(tmp_path)) == sorted([run.path.name, "other"])


def test_a_folder_that_is_removed_while_its_run_lives(tmp_path: Path) -> None:
    run: RunFolder = create(tmp_path / "spool", "host")
    shutil.rmtree(tmp_path / "spool")
    assert (run.segments(), run.size()) == ({}, 0)
    run.write_number(2, 10)
    run.close(remove=True)
