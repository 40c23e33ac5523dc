"""The list of a day's files."""

import stat
from pathlib import Path

import pytest

from espcap.stores.local.manifest import (
    Entry,
    Manifest,
    StoredFrames,
    exists,
    read_manifest,
    remove_unlisted,
    write_manifest,
)


def entry(name: str) -> Entry:
    runs = ((1, 2), (5, 5))
    frames = (StoredFrames("c", "s", 3, runs), StoredFrames("d", "", 9, None))
    return Entry(f"{name}.packets.parquet", 12, 345, 2**62, None, frames)


def test_written_records_are_read(tmp_path: Path) -> None:
    assert not exists(tmp_path)
    manifest = Manifest(entries=(entry("a"),))
    write_manifest(tmp_path, manifest)
    assert exists(tmp_path)
    assert read_manifest(tmp_path) == manifest
    assert [path.name for path in tmp_path.iterdir()] == ["segments.json"]
    assert stat.S_IMODE((tmp_path / "segments.json").stat().st_mode) == 0o600


def test_a_commit_adds_and_removes() -> None:
    before = Manifest(entries=(entry("a"), entry("b")))
    after = before.changed([entry("c")], ["a.packets.parquet"])
    assert [each.name for each in after.entries] == ["b.packets.parquet", "c.packets.parquet"]
    assert (after.identity, after.generation) == (before.identity, before.generation + 1)
    assert Manifest().identity != before.identity


def test_a_replaced_list_is_read_again(tmp_path: Path) -> None:
    first = Manifest()
    write_manifest(tmp_path, first)
    assert read_manifest(tmp_path) == first
    second = first.changed([entry("a")], [])
    write_manifest(tmp_path, second)
    assert read_manifest(tmp_path) == second


def test_unlisted_files_are_removed(tmp_path: Path) -> None:
    """Those of a killed writer, and not files of others."""
    listed, others = "a.packets.parquet", ["notes.txt", "segments.json"]
    for name in (listed, "b.packets.parquet", ".segments.json.new", *others):
        (tmp_path / name).touch()
    remove_unlisted(tmp_path, Manifest(entries=(entry("a"),)))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([listed, *others])


def test_missing_list(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_manifest(tmp_path)
