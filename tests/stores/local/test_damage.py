"""Damaged, missing and unknown files are one line that names the file and the next step."""

from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from espcap.base.errors import StoreError
from espcap.fields.registry import Registry
from espcap.query import Everything
from espcap.stores.local.damage import named
from espcap.stores.local.store import LocalStore
from tests.support.documents import CAPTURE, FIRST, make


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
