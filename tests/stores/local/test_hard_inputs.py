"""Inputs on which the local index was wrong: times near 1970, the largest numbers, and damage outside of footers."""

import json
from dataclasses import replace
from pathlib import Path

import orjson
import pytest

from espcap.base.errors import StoreError
from espcap.documents.packets import Document
from espcap.documents.types import PACKETS
from espcap.fields.registry import Registry
from espcap.query import Everything
from espcap.searches.summary import summarize
from espcap.stores.local.store import LocalStore
from tests.support.documents import make

DAY = "packets-2015-07-30"


@pytest.fixture
def store(tmp_path: Path, packet_registry: Registry) -> LocalStore:
    opened = LocalStore(tmp_path / "local", packet_registry)
    opened.prepare()
    return opened


def at(number: int, time: str) -> Document:
    """A document with this time."""
    document = make(number, time[:10])
    source = document.source | {"@timestamp": time}
    source["layers"]["frame"]["time"] = time
    return replace(document, body=orjson.dumps(source))


def test_times_near_1970(store: LocalStore) -> None:
    """Times are divided, which needs more than the few bits that such small numbers have."""
    store.write([at(1, "1970-01-01T00:00:00.000000001Z"), at(2, "1970-01-01T00:00:00.000000002Z")])
    for aggregation in ({"stats": {"field": "@timestamp"}}, {"terms": {"field": "@timestamp", "size": 5}}):
        assert store.search(Everything(), size=0, aggregations={"a": aggregation}).total == 2
    assert summarize(store, Everything(), 5)["packets"] == 2


@pytest.mark.parametrize("descending", [False, True])
def test_the_largest_and_the_least_number_are_not_absent(store: LocalStore, descending: bool) -> None:
    path, greatest = "layers.ptp.clock", 2**64 - 1
    values = [0, None, greatest, 5, None]
    store.write([make(number, ptp={} if value is None else {"clock": value}) for number, value in enumerate(values, 1)])
    found = store.search(Everything(), 3, sort=[(path, descending)]).hits
    clocks = [hit.source["layers"].get("ptp", {}).get("clock") for hit in found]
    assert clocks == sorted([0, 5, greatest], reverse=descending)


def test_sums_that_are_too_large(store: LocalStore) -> None:
    store.write([make(number, tcp={"analysis_initial_rtt": 1.7e308}) for number in (1, 2)])
    stats = {"a": {"stats": {"field": "layers.tcp.analysis_initial_rtt"}}}
    assert store.search(Everything(), size=0, aggregations=stats).aggregations["a"]["sum"] == float("inf")


def test_pages_are_those_of_one_moment(store: LocalStore) -> None:
    """Packets that come while pages are read change nothing."""
    store.write([make(number) for number in range(1, 101)])
    pages = store.pages(Everything(), 10)
    first = next(pages)
    store.write([make(number) for number in range(101, 201)])
    store.flush()
    rest = [source for page in pages for source in page]
    assert sorted(source["layers"]["frame"]["number"] for source in first + rest) == list(range(1, 101))
    assert [source["@timestamp"] for source in first + rest] == sorted(source["@timestamp"] for source in first + rest)


def test_many_packets_with_the_same_time(store: LocalStore) -> None:
    store.write([at(number, "2015-07-30T05:22:12.000000000Z") for number in range(1, 12_001)])
    assert sum(map(len, store.pages(Everything(), 1000))) == 12_000


def reopened(store: LocalStore, registry: Registry) -> LocalStore:
    store.close()
    return LocalStore(store._folder, registry)


def test_a_file_that_is_missing_is_found_before_packets_are_stored(
    store: LocalStore, packet_registry: Registry
) -> None:
    store.write([make(1)])
    again = reopened(store, packet_registry)
    [file] = (store._folder / DAY).glob("*.parquet")
    file.unlink()
    with pytest.raises(StoreError, match="is missing"):
        again.write([make(1)])


def test_files_that_were_swapped(store: LocalStore, packet_registry: Registry) -> None:
    store.write([make(1), make(2)])
    again = reopened(store, packet_registry)
    listed = store._folder / DAY / "segments.json"
    content = json.loads(listed.read_text())
    content["segments"][0]["packets"] = 3
    listed.write_text(json.dumps(content))
    with pytest.raises(StoreError, match="another number of packets"):
        again.search(Everything())


@pytest.mark.parametrize(("name", "value"), [("packets", "32"), ("first", "x"), ("name", 5), ("bytes", None)])
def test_a_list_with_wrong_types(store: LocalStore, packet_registry: Registry, name: str, value: object) -> None:
    store.write([make(1)])
    again = reopened(store, packet_registry)
    listed = store._folder / DAY / "segments.json"
    content = json.loads(listed.read_text())
    content["segments"][0][name] = value
    listed.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=r"segments\.json is damaged"):
        again.search(Everything())


def test_a_day_that_is_a_link_is_not_deleted(store: LocalStore, packet_registry: Registry, tmp_path: Path) -> None:
    store.write([make(1)])
    again = reopened(store, packet_registry)
    (store._folder / DAY).rename(tmp_path / "elsewhere")
    (store._folder / DAY).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="is a link"):
        again.delete(DAY)
    assert LocalStore(store._folder, packet_registry).search(Everything(), of=PACKETS).total == 1


def test_a_folder_of_others_in_a_day(store: LocalStore, packet_registry: Registry) -> None:
    store.write([make(1)])
    again = reopened(store, packet_registry)
    (store._folder / DAY / ".snapshot").mkdir()
    assert again.write([make(2)]).stored == 1
