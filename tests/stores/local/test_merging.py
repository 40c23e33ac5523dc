"""Small files of the local index are merged while it is written, read, and written by others."""

import random
import threading
import time
from pathlib import Path

import pytest

from espcap.fields.registry import Registry
from espcap.query import Everything
from espcap.stores.local import merging
from espcap.stores.local.layout import LARGEST_SEGMENT
from espcap.stores.local.manifest import Entry, read_manifest
from espcap.stores.local.merging import mergeable
from espcap.stores.local.store import LocalStore
from tests.stores.test_local import COUNT, DAY, EVERY_IDENTIFIER, all_identifiers, run
from tests.support.documents import make

COMMITS = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "local"


@pytest.fixture
def store(folder: Path, packet_registry: Registry) -> LocalStore:
    opened = LocalStore(folder, packet_registry)
    opened.prepare()
    return opened


@pytest.fixture
def reader(folder: Path, packet_registry: Registry) -> LocalStore:
    """Another store of the same folder, as another process has it."""
    return LocalStore(folder, packet_registry)


def write_often(store: LocalStore, commits: int = COMMITS, first: int = 0) -> None:
    """Commits two documents at a time."""
    for number in range(first, first + 2 * commits, 2):
        store.write([make(number), make(number + 1)])
        store.flush(more_comes=True)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / DAY).glob("*.parquet"))


def listed(folder: Path) -> list[str]:
    return sorted(entry.name for entry in read_manifest(folder / DAY).entries)


def entries(*packets: int) -> list[Entry]:
    return [Entry(str(number), count, 1, None, None, ()) for number, count in enumerate(packets)]


@pytest.mark.parametrize(
    ("packets", "expected"),
    [
        ([], []),
        ([1] * 7, []),
        ([1, 60, 100, 2, 3, 4, 5, 6], [1, 60, 100, 2, 3, 4, 5, 6]),
        ([200] * 7 + [40_000], []),
        ([10_000] * 6, []),
        ([10_000] * 7, [10_000] * 6),
        ([32_768] * 20, [32_768] * 2),
        ([30_000, 30_000, 30_000], [30_000, 30_000]),
        ([40_000] * 20, []),
        ([5_000] * 7 + [10_000] * 6 + [5_000], [5_000] * 8),
    ],
)
def test_files_that_are_merged(packets: list[int], expected: list[int]) -> None:
    found = [entry.packets for entry in mergeable(entries(*packets))]
    assert found == expected
    assert sum(found) <= LARGEST_SEGMENT


@pytest.mark.parametrize("size", [1, 50, 700, 3_000, 10_000, 25_000])
def test_each_packet_is_written_a_few_times(size: int) -> None:
    """The files of a long capture, which are committed one by one, become few, each with many packets."""
    current: list[Entry] = []
    written = 0
    commits = 1_000_000 // size if size > 1 else 20_000
    for number in range(commits):
        current.append(Entry(str(number), size, 1, None, None, ()))
        if group := mergeable(current):
            packets = sum(entry.packets for entry in group)
            written += packets
            current = [entry for entry in current if entry not in group]
            current.append(Entry(f"merged {number}", packets, 1, None, None, ()))
    assert sum(entry.packets for entry in current) == size * commits
    assert written <= (5 * size + 128) * commits
    assert sum(entry.packets <= LARGEST_SEGMENT // 2 for entry in current) <= 4 * 7


def test_files_become_few(store: LocalStore, folder: Path) -> None:
    write_often(store)
    store.close()
    assert len(files(folder)) < 8
    assert files(folder) == listed(folder)
    assert len(all_identifiers(store)) == 2 * COMMITS


def test_a_commit_does_not_wait(store: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are merged in the background, while others are written; what was merged appears with a later commit."""
    may_end = threading.Event()
    merge = merging._merge
    monkeypatch.setattr(merging, "_merge", lambda *arguments: may_end.wait(60) and merge(*arguments))
    write_often(store, 20)
    assert len(listed(folder)) == 20
    may_end.set()
    store.close()
    assert len(listed(folder)) < 8
    assert len(all_identifiers(store)) == 40


def test_forgotten_while_files_are_merged(store: LocalStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """A merged file with packets that were deleted since is not used."""
    may_end = threading.Event()
    merge = merging._merge
    monkeypatch.setattr(merging, "_merge", lambda *arguments: may_end.wait(60) and merge(*arguments))
    write_often(store, 8)
    capture = make(1).id.rpartition("-")[0]
    timer = threading.Timer(0.5, may_end.set)
    timer.start()
    assert store.forget([capture]) == 16
    timer.join()
    store.write([make(3)])
    store.close()
    assert all_identifiers(store) == [make(3).id]


def test_searches_while_files_are_merged(store: LocalStore, reader: LocalStore) -> None:
    """A reader sees each packet once, and those that it has seen stay, while files are replaced and removed."""
    writing = threading.Thread(target=write_often, args=(store, 150))
    writing.start()
    seen, searches = 0, 0
    while writing.is_alive() or not searches:
        found = reader.search(Everything(), size=1000, aggregations={"all": {"terms": {"field": "protocol"}}})
        identifiers = sorted(int(hit.id.rpartition("-")[2]) for hit in found.hits)
        assert identifiers == list(range(found.total))
        assert sum(bucket["doc_count"] for bucket in found.aggregations["all"]["buckets"]) == found.total
        assert found.total >= seen
        seen, searches = found.total, searches + 1
    writing.join()
    store.close()
    assert len(all_identifiers(reader)) == 300


def test_full_disk_while_files_are_merged(
    store: LocalStore, reader: LocalStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost, and nothing is left on the disk: the files stay as they are."""

    def fail(path: Path, table: object) -> Entry:
        path.write_bytes(b"part")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(merging, "fill_segment", fail)
    write_often(store)
    store.close()
    assert len(listed(folder)) == COMMITS
    assert files(folder) == listed(folder)
    assert len(all_identifiers(reader)) == 2 * COMMITS
    monkeypatch.undo()
    reader.write([make(2 * COMMITS)])
    reader.close()
    assert len(files(folder)) < 8
    assert len(all_identifiers(reader)) == 2 * COMMITS + 1


def test_two_stores_merge(store: LocalStore, reader: LocalStore, folder: Path) -> None:
    """Who opens the day does not remove the file that the other is writing."""
    for number in range(0, 100, 2):
        store.write([make(number)])
        store.flush()
        reader.write([make(number + 1)])
        reader.flush()
    assert len(files(folder)) < 50
    store.close()
    reader.close()
    assert files(folder) == listed(folder)
    assert len(files(folder)) < 8
    assert len(all_identifiers(store)) == 100


def test_file_of_another_process_stays(store: LocalStore, reader: LocalStore, folder: Path) -> None:
    """A writer that opens the day does not remove a merged file that is not part of the index yet."""
    write_often(store, 7)
    store.write([make(14)])
    store.flush()
    store._writer._mergers[DAY].wait()
    merged = set(files(folder)) - set(listed(folder))
    assert len(merged) == 1
    reader.write([make(100)])
    reader.flush()
    assert merged <= set(files(folder))
    store.close()
    assert merged <= set(listed(folder))
    assert len(listed(folder)) == 2
    reader.close()  # it may have merged the same files, in vain
    assert files(folder) == listed(folder)
    assert len(all_identifiers(reader)) == 16


WRITE_OFTEN = """
    import sys
    from espcap.stores.local import writer as local_writer
    from tests.stores.test_local import write_all
    local_writer.COMMIT_DOCUMENTS = 50
    print(write_all(sys.argv[1], sys.argv[2]))
"""


def test_killed_while_files_are_merged(folder: Path, packet_registry: Registry, reader: LocalStore) -> None:
    """Two processes write the same, and one after the other is killed."""
    for _ in range(3):
        processes = [run(WRITE_OFTEN, folder, packet_registry) for _ in range(2)]
        end = time.monotonic() + 60
        while not (folder / DAY).exists() and time.monotonic() < end:
            time.sleep(0.01)
        for process in processes:
            time.sleep(random.uniform(0, 0.5))
            process.kill()
            process.communicate()
        identifiers = all_identifiers(reader)
        assert identifiers == sorted(set(identifiers))
    output, errors = run(WRITE_OFTEN, folder, packet_registry).communicate()
    assert errors == ""
    assert int(output) == COUNT - len(identifiers)
    assert all_identifiers(reader) == EVERY_IDENTIFIER
    assert files(folder) == listed(folder)
    assert len(files(folder)) < 24
