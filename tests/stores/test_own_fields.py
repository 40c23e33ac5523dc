"""What every store records of a profile's own fields, and what is found by it later."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from espcap.base.errors import StoreError
from espcap.fields.field import Field, Kind
from espcap.fields.own_fields import OwnFields
from espcap.fields.registry import Registry
from espcap.query import Equals, Everything, Range
from espcap.query.lucene import parse
from espcap.stores import Store
from espcap.stores.elasticsearch.connection import Connection
from espcap.stores.elasticsearch.record import NAME
from espcap.stores.elasticsearch.retry import Retry
from espcap.stores.elasticsearch.store import ElasticsearchStore
from espcap.stores.local.store import LocalStore
from tests.stores.conftest import FACTORIES
from tests.support.documents import CAPTURE, SECOND, make, registry
from tests.support.elasticsearch_node import call
from tests.support.fault_proxy import fault_proxy

KIND_FIELD = Field("hello.kind", "hello", "kind", Kind.INTEGER, "BASE_DEC", "FT_UINT8")
BIG = Field("hello.big", "hello", "big", Kind.UNSIGNED, "BASE_DEC", "FT_UINT64")
FROM = Field("hello.from", "hello", "from", Kind.IP, "", "FT_IPv4")
OWN = OwnFields((BIG, FROM, KIND_FIELD), (("hello", "Hello protocol"),), {"hello.kind": ((3, 3, "Greeting"),)})

Opener = Callable[[OwnFields | None], tuple[Registry, Store]]


@pytest.fixture(params=FACTORIES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Opens the same store each time as another run does, with what the profile of that run has."""
    stores: list[Store] = []

    def opener(own: OwnFields | None) -> tuple[Registry, Store]:
        folder = tmp_path / f"registry{len(stores)}"
        folder.mkdir()
        known = registry(folder)
        known.own = own
        store = FACTORIES[request.param](request, known)
        known.add_own_fields_from(store.own_fields)
        stores.append(store)
        return known, store

    yield opener
    for store in stores:
        store.close()


def test_a_later_run_knows_them(opened: Opener) -> None:
    _, writing = opened(OWN)
    writing.prepare()
    hello = {"kind": 3, "big": 2**64 - 1, "from": "10.0.0.3"}
    writing.write([make(1, hello=hello), make(2, hello=hello | {"kind": 4, "big": 5, "from": "10.1.0.3"})])
    writing.days()  # has all readable
    known, store = opened(None)
    assert known.field("hello.kind") == KIND_FIELD
    assert known.is_protocol("hello")
    assert not known.is_protocol("hell")
    assert known.value_names("hello.kind") == [(3, 3, "Greeting")]
    assert known.value_names("ip.src") is None
    assert known.kind("layers.hello.big") is Kind.UNSIGNED
    assert known.names_starting("hello", 9) == ["hello", "hello.big", "hello.from", "hello.kind"]
    assert known.paths_starting("hello.", 9) == ["hello.big", "hello.from", "hello.kind"]
    assert ("hello", "Hello protocol") in known.protocols()
    assert store.search(Range("layers.hello.big", 2**63, None)).total == 1
    assert store.search(Equals("layers.hello.kind", 4)).total == 1
    ordered = store.search(Everything(), sort=[("layers.hello.kind", True)]).hits
    assert [hit.source["layers"]["frame"]["number"] for hit in ordered] == [2, 1]


def test_nothing_is_recorded_without_a_profile(opened: Opener) -> None:
    known, store = opened(None)
    store.prepare()
    assert store.own_fields() is None
    assert known.field("hello.kind") is None


def test_an_index_that_is_there_types_them(opened: Opener) -> None:
    """Its template was sent before: addresses are found by their network all the same."""
    _, before = opened(None)
    before.prepare()
    before.write([make(1)])
    before.flush()
    _, writing = opened(OWN)
    writing.prepare()
    writing.write([make(2, hello={"from": "10.0.0.3"})])
    writing.days()
    known, store = opened(None)
    assert store.search(parse("layers.hello.from:10.0.0.0/8", known.kind)).total == 1


def test_a_later_run_stores_them_alike(opened: Opener) -> None:
    """Without the profile, as espcap retry does, on a day that no run with it has seen."""
    opened(OWN)[1].prepare()
    known, store = opened(None)
    store.prepare()
    store.write([make(1, SECOND, hello={"from": "10.0.0.3", "big": 2**64 - 1})])
    store.days()
    assert store.search(parse("layers.hello.from:10.0.0.0/8", known.kind)).total == 1
    assert store.search(parse(f"layers.hello.big:>{2**63}", known.kind)).total == 1


def test_the_record_is_no_day_and_stays(opened: Opener) -> None:
    known, store = opened(OWN)
    store.prepare()
    store.write([make(1)])
    store.flush()
    assert [day.name for day in store.days()] == ["packets-2015-07-30"]
    assert store.search(Everything()).total == 1
    store.forget([CAPTURE])
    store.delete("packets-2015-07-30")
    assert store.days() == []
    assert store.own_fields() == OWN
    assert known.field("hello.kind") == KIND_FIELD


def test_another_kind_is_rejected_before_anything_is_stored(opened: Opener) -> None:
    opened(OWN)[1].prepare()
    text = KIND_FIELD._replace(kind=Kind.STRING, type="FT_STRING")
    _, store = opened(OwnFields((text,)))
    with pytest.raises(StoreError, match=r"has hello\.kind as integer, and the profile as string") as caught:
        store.prepare()
    assert caught.value.hint
    assert store.own_fields() == OWN


def test_of_the_same_kind_the_newer_counts(opened: Opener) -> None:
    opened(OWN)[1].prepare()
    wider = KIND_FIELD._replace(type="FT_UINT16")
    opened(replace(OWN, fields=(wider,), values={"hello.kind": ((3, 3, "Hi"),)}))[1].prepare()
    known, _ = opened(None)
    assert known.field("hello.kind") == wider
    assert known.field("hello.big") == BIG
    assert known.value_names("hello.kind") == [(3, 3, "Hi")]


def test_writers_at_once_lose_nothing(opened: Opener) -> None:
    fields = [Field(f"own{number}.a", f"own{number}", "a", Kind.IP, "", "FT_IPv4") for number in range(6)]
    stores = [opened(OwnFields((field,)))[1] for field in fields]
    with ThreadPoolExecutor(len(stores)) as threads:
        list(threads.map(lambda store: store.prepare(), stores))
    recorded = opened(None)[1].own_fields()
    assert recorded
    assert list(recorded.fields) == fields


def test_records_of_others_are_found(opened: Opener, monkeypatch: pytest.MonkeyPatch) -> None:
    """By a page that stays open, while a capture is loaded with a profile."""
    monkeypatch.setattr("espcap.fields.registry.REFRESH_SECONDS", 0)
    known, store = opened(None)
    store.prepare()
    assert known.field("hello.kind") is None
    assert known.kind("layers.hello.big") is Kind.STRING
    opened(OWN)[1].prepare()
    assert known.field("hello.kind") == KIND_FIELD
    assert known.kind("layers.hello.big") is Kind.UNSIGNED


def test_wiresharks_own_fields_win(opened: Opener) -> None:
    """A newer tshark may have what a plugin had before."""
    other = Field("ip.src", "ip", "src", Kind.STRING, "", "FT_STRING")
    opened(OwnFields((other, KIND_FIELD)))[1].prepare()
    known, _ = opened(None)
    assert known.field("hello.kind")
    found = known.field("ip.src")
    assert found
    assert found.kind is Kind.IP
    assert known.value_names("ip.src") is None


def test_a_file_that_is_damaged(tmp_path: Path, packet_registry: Registry) -> None:
    store = LocalStore(tmp_path / "local", packet_registry)
    packet_registry.own = OWN
    store.prepare()
    for text in (
        b"",
        b"{}",
        b"[]",
        b'{"version": 2}',
        b'{"version": 1, "fields": [[1]], "protocols": [], "values": {}}',
    ):
        (tmp_path / "local" / "own-fields.json").write_bytes(text)
        with pytest.raises(StoreError, match=r"record of own fields .* is damaged") as caught:
            store.own_fields()
        assert "remove it" in caught.value.hint


@pytest.mark.parametrize("method", ["GET", "PUT"])
def test_a_user_without_a_right_to_the_record(elasticsearch_url: str, packet_registry: Registry, method: str) -> None:
    """One note, and packets are stored and found as before. The node of the tests knows no users: a proxy forbids."""
    with fault_proxy(elasticsearch_url) as proxy:
        proxy.refused = (method, f"/{NAME}", 403)
        notes: list[str] = []
        packet_registry.own = OWN
        store = ElasticsearchStore(Connection((proxy.url,)), packet_registry, None, notes.append)
        packet_registry.add_own_fields_from(store.own_fields)
        store.prepare()
        assert len(notes) == 1
        assert "does not record the fields of the profile" in notes[0]
        assert "action is refused" in notes[0]
        assert store.write([make(1)]).stored == 1
        assert packet_registry.field("hello.kind") is None
        store.flush()
        assert store.search(Everything()).total == 1
        store.close()


def test_a_record_that_is_not_ready_is_waited_for(elasticsearch_url: str, packet_registry: Registry) -> None:
    """A cluster that starts has its templates before its shards."""
    with fault_proxy(elasticsearch_url) as proxy:
        proxy.refused = ("GET", f"/{NAME}", 503)
        retry = Retry(give_up_after=30, from_the_start=True, first=0.01, longest=0.05)
        store = ElasticsearchStore(Connection((proxy.url,)), packet_registry, retry)
        packet_registry.add_own_fields_from(store.own_fields)
        with ThreadPoolExecutor(1) as threads:
            prepared = threads.submit(store.prepare)
            time.sleep(0.5)
            assert not prepared.done()
            proxy.refused = ("", "", 0)
            prepared.result(timeout=30)
        store.close()


def test_a_record_of_somebody_else(elasticsearch_url: str, packet_registry: Registry) -> None:
    call(elasticsearch_url, "PUT", f"/{NAME}/_doc/own-fields", {"record": 1})
    store = ElasticsearchStore(Connection((elasticsearch_url,)), packet_registry)
    with pytest.raises(StoreError, match="damaged record of own fields"):
        store.own_fields()
    store.close()
