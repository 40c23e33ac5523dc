"""Damaged, missing and unknown files are one line that names the file and the next step."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from espcap.base.errors import StoreError
from espcap.fields.registry import Registry
from espcap.query import Equals, Everything
from espcap.stores.local.damage import named
from espcap.stores.local.day import OpenDay
from espcap.stores.local.kinds import RecordedKinds
from espcap.stores.local.store import LocalStore
from tests.support.documents import CAPTURE, FIRST, SECOND, make


@pytest.fixture
def day(tmp_path: Path, packet_registry: Registry) -> Path:
    """The folder of a day with one file."""
    store = LocalStore(tmp_path / "local", packet_registry)
    store.prepare()
    store.write([make(1), make(2)])
    store.close()
    return tmp_path / "local" / f"packets-{FIRST}"


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def fill_with_ones(path: Path) -> None:
    """Overwrites the values, not their description at the end."""
    content, group = bytearray(path.read_bytes()), pq.read_metadata(path).row_group(0)
    for column in map(group.column, range(group.num_columns)):
        start = column.dictionary_page_offset or column.data_page_offset
        content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)


def search(store: LocalStore) -> object:
    return store.search(Everything())


def forget(store: LocalStore) -> object:
    return store.forget([CAPTURE])


@pytest.mark.parametrize("use", [search, forget])
@pytest.mark.parametrize("damage", [cut, fill_with_ones, lambda path: path.write_bytes(b""), Path.unlink])
def test_file_with_packets(
    damage: Callable[[Path], object], use: Callable[[LocalStore], object], day: Path, packet_registry: Registry
) -> None:
    [path] = day.glob("*.parquet")
    damage(path)
    with pytest.raises(StoreError) as raised:
        use(LocalStore(day.parent, packet_registry))
    state = "missing" if damage is Path.unlink else "damaged:"
    assert str(raised.value).startswith(f"the local index {day} failed: {path.name} is {state}")
    assert "\n" not in str(raised.value)
    assert raised.value.hint == f"if it is damaged, remove {day} and store its captures again"


def flip_every_page(path: Path) -> None:
    """Changes one bit in the last byte of the values of each column; the file stays readable."""
    content, group = bytearray(path.read_bytes()), pq.read_metadata(path).row_group(0)
    for column in map(group.column, range(group.num_columns)):
        start = column.dictionary_page_offset or column.data_page_offset
        content[start + column.total_compressed_size - 1] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("name", ["frame", "layers.frame.len", "capture_id"])
def test_changed_bytes_of_a_page(name: str, day: Path, packet_registry: Registry) -> None:
    """Parquet would return other values."""
    [path] = day.glob("*.parquet")
    flip_every_page(path)
    with pytest.raises(StoreError, match=f"^the local index {day} failed: {path.name} is damaged: ") as raised:
        LocalStore(day.parent, packet_registry).search(Equals(name, 1))
    assert raised.value.hint == f"if it is damaged, remove {day} and store its captures again"


def test_file_that_is_cut_while_it_is_open(day: Path, packet_registry: Registry) -> None:
    """It ends no process: a file that is mapped into memory would, with SIGBUS."""
    store = LocalStore(day.parent, packet_registry)
    assert store.search(Everything(), size=0).total == 2
    [path] = day.glob("*.parquet")
    os.truncate(path, 0)
    with pytest.raises(StoreError, match=f"{path.name} is damaged"):
        store.search(Equals("layers.frame.len", 1))


USES: list[Callable[[LocalStore], object]] = [search, forget, LocalStore.days, LocalStore.check, LocalStore.prepare]


@pytest.mark.parametrize("use", [*USES, lambda store: store.write([make(3)])])
def test_lost_list_of_files(use: Callable[[LocalStore], object], day: Path, packet_registry: Registry) -> None:
    """Its packets are neither left out without a word nor deleted by the next writer."""
    (day / "segments.json").unlink()
    with pytest.raises(StoreError, match=f"^the local index {day} failed: segments.json is missing$") as raised:
        use(LocalStore(day.parent, packet_registry))
    assert raised.value.hint == f"restore it from a backup, or remove {day} and store its captures again"
    assert len(list(day.glob("*.parquet"))) == 1


@pytest.mark.parametrize("use", USES)
def test_copy_of_a_day(use: Callable[[LocalStore], object], day: Path, packet_registry: Registry) -> None:
    copy = day.with_name(f"{day.name}-copy")
    shutil.copytree(day, copy)
    reason = f"^the local index {day.parent} failed: {copy.name} is not the name of a day$"
    with pytest.raises(StoreError, match=reason) as raised:
        use(LocalStore(day.parent, packet_registry))
    assert raised.value.hint == f"if it is a copy, move it out of {day.parent}: its packets would be counted twice"


@pytest.mark.parametrize("use", [search, LocalStore.days, LocalStore.check, LocalStore.prepare])
def test_copy_under_the_name_of_another_day(
    use: Callable[[LocalStore], object], day: Path, packet_registry: Registry
) -> None:
    copy = day.with_name(f"packets-{SECOND}")
    shutil.copytree(day, copy)
    reason = f"^the local index {day.parent} failed: {day.name} and {copy.name} are copies of one day$"
    with pytest.raises(StoreError, match=reason) as raised:
        use(LocalStore(day.parent, packet_registry))
    assert raised.value.hint == f"move the copy out of {day.parent}"


def test_folders_that_are_no_days(day: Path, packet_registry: Registry) -> None:
    for name in ("captures", "packets-notes", "packets-2015-08-01"):
        (day.parent / name).mkdir()
        (day.parent / name / "notes.txt").touch()
    store = LocalStore(day.parent, packet_registry)
    store.check()
    assert [each.name for each in store.days()] == [day.name]


def test_writer_that_ends_before_its_first_commit(tmp_path: Path, packet_registry: Registry) -> None:
    """Its file is not part of the index, and the day has no lost list."""
    day = OpenDay(tmp_path / f"packets-{FIRST}", RecordedKinds(tmp_path, packet_registry.kind))
    day.add(make(1), CAPTURE, 1, False)
    day._write()
    assert len(list(day.folder.glob("*.parquet"))) == 1
    store = LocalStore(tmp_path, packet_registry)
    assert (store.search(Everything()).total, store.days()) == (0, [])
    assert store.write([make(1)]).stored == 1
    store.close()
    assert [each.documents for each in store.days()] == [1]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": 1}', '{"format": "1"}', '{"format": 1, "segments": [{}]}'])
def test_list_of_files(text: str, day: Path, packet_registry: Registry) -> None:
    (day / "segments.json").write_text(text)
    with pytest.raises(StoreError, match=f"^the local index {day} failed: segments.json is damaged$"):
        LocalStore(day.parent, packet_registry).search(Everything())


def test_newer_version(day: Path, packet_registry: Registry) -> None:
    """Its packets are not lost: nobody is told to remove them."""
    (day / "segments.json").write_text('{"format": 2}')
    with pytest.raises(
        StoreError, match=f"^the local index {day} failed: a newer version of espcap made it$"
    ) as raised:
        LocalStore(day.parent, packet_registry).search(Everything())
    assert raised.value.hint == "install that version, or choose another folder: --node local:DIR"


@pytest.mark.parametrize("text", ["", "[]", '{"protocol": "none"}'])
def test_kinds(text: str, day: Path, packet_registry: Registry) -> None:
    path = day.parent / "kinds.json"
    path.write_text(text)
    store = LocalStore(day.parent, packet_registry)
    with pytest.raises(StoreError, match=f"^the record of kinds {path} is damaged: ") as raised:
        store.write([make(3)])
    assert raised.value.hint == f"remove it; the next run writes it again: {path}"
    path.unlink()
    assert store.write([make(3)]).stored == 1


def test_failures_of_the_file_system_stay_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(PermissionError), named(tmp_path / "a"):
        raise PermissionError(13, "Permission denied")
