"""A day that is written to: merging, replacing and forgetting packets."""

from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from espcap.documents.packets import Document
from espcap.fields.registry import Registry
from espcap.query import Equals, Everything
from espcap.stores.local.day import OpenDay
from espcap.stores.local.kinds import RecordedKinds
from espcap.stores.local.layout import LARGEST_SEGMENT, MOST_PATHS, paths_of
from espcap.stores.local.manifest import Entry, read_manifest
from espcap.stores.local.merging import mergeable
from espcap.stores.local.segment import read_table
from espcap.stores.local.store import LocalStore
from tests.support.documents import CAPTURE, make


@pytest.fixture
def day(tmp_path: Path, packet_registry: Registry) -> OpenDay:
    return OpenDay(tmp_path / "packets-2015-07-30", RecordedKinds(tmp_path, packet_registry.kind))


def add(day: OpenDay, *documents: Document) -> None:
    for document in documents:
        capture, _, number = document.id.rpartition("-")
        day.add(document, capture, int(number), False)


def frames(day: OpenDay) -> list[int]:
    """The frame numbers that a reader finds."""
    names = [entry.name for entry in read_manifest(day.folder).entries]
    return sorted(frame for name in names for frame in read_table(day.folder, name, ["frame"])["frame"].to_pylist())


def files(day: OpenDay) -> list[str]:
    return sorted(path.name for path in day.folder.glob("*.parquet"))


def test_nothing_is_readable_before_a_commit(day: OpenDay) -> None:
    add(day, make(1))
    assert (list(day.folder.iterdir()), day.not_durable.stored) == ([], 1)
    day.commit()
    assert (frames(day), day.not_durable.stored) == ([1], 0)


def test_small_files_are_merged(day: OpenDay) -> None:
    """Nothing is lost, nothing is doubled, and the merged files are deleted."""
    for number in range(1, 21):
        add(day, make(number))
        day.commit()
        day._merger.wait()  # files are merged in the background, and the next commit replaces them
        day.commit()
        assert frames(day) == list(range(1, number + 1))
        listed = [entry.name for entry in read_manifest(day.folder).entries]
        assert files(day) == sorted(listed)
        assert len(listed) < 10


def test_an_empty_commit_changes_nothing(day: OpenDay) -> None:
    add(day, make(1))
    day.commit()
    before = day.state
    day.commit()
    assert day.state == before


def test_forget(day: OpenDay) -> None:
    add(day, make(1), make(2, capture="other"), make(3))
    day.commit()
    assert day.forget([CAPTURE], "") == 2
    assert frames(day) == [1, 2, 3]
    day.commit()
    assert frames(day) == [2]
    assert day.forget(["other"], "") == 1
    day.commit()
    assert (frames(day), files(day)) == ([], [])


def made_with(settings: str, number: int) -> Document:
    source = make(number).source | {"settings_id": settings}
    return replace(make(number), body=orjson.dumps(source), settings_id=settings)


def test_other_settings_replace_packets(tmp_path: Path, packet_registry: Registry) -> None:
    """A reader finds each packet once, before and after the commit."""
    store = LocalStore(tmp_path / "local", packet_registry)
    store.prepare()
    store.write([made_with("a", number) for number in (1, 2, 3)])
    store.flush()
    reader = LocalStore(tmp_path / "local", packet_registry)
    outcome = store.write([made_with("b", number) for number in (2, 3, 4)])
    assert (outcome.stored, outcome.replaced, outcome.already_there) == (1, 2, 0)
    before = [hit.source["settings_id"] for hit in reader.search(Everything()).hits]
    store.close()
    after = [hit.source["settings_id"] for hit in reader.search(Everything()).hits]
    assert (before, after) == (["a", "a", "a"], ["a", "b", "b", "b"])


def entry(packets: int, number: int = 0) -> Entry:
    return Entry(f"{packets}-{number}", packets, 1, 0, 0, ())


def test_files_of_similar_size_are_merged() -> None:
    small, large = [entry(5, number) for number in range(8)], [entry(5000, number) for number in range(7)]
    assert mergeable([*small, *large]) == small
    assert mergeable(small[:7]) == []


def test_large_files_are_left_alone() -> None:
    assert mergeable([entry(LARGEST_SEGMENT, number) for number in range(20)]) == []


def fields(number: int) -> dict[str, str]:
    return {f"f{number}_{field}": str(field) for field in range(1000)}


def test_many_different_fields(tmp_path: Path, packet_registry: Registry) -> None:
    """Each packet has fields of its own: the files have a limited number of columns, and no value is lost."""
    store = LocalStore(tmp_path / "index", packet_registry)
    store.prepare()
    documents = [make(number, many=fields(number)) for number in range(1, 21)]
    store.write(documents)
    store.flush()
    [folder] = (tmp_path / "index").glob("packets-*")
    paths = list(folder.glob("*.parquet"))
    assert paths
    for path in paths:
        assert len(paths_of(read_table(folder, path.name))) <= MOST_PATHS + 10
    hits = store.search(Everything(), size=20).hits
    assert {hit.id: hit.source for hit in hits} == {each.id: each.source for each in documents}
    assert store.search(Equals("layers.many.f20_999", "999")).total == 1
