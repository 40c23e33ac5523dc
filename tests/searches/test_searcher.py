"""What a user asks becomes one query of the open store."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from espcap.base.errors import StoreError, UsageError
from espcap.documents.derived import DerivedDocuments
from espcap.documents.packets import Origin
from espcap.documents.types import FLOWS, PACKETS, TRANSACTIONS
from espcap.query import And, Equals, Everything, Query, Range
from espcap.query.languages import FILTER_NOTE
from espcap.query.lucene import PACKET_PATHS
from espcap.searches.searcher import DERIVED_PATHS, Searcher
from espcap.stores.local.store import LocalStore
from espcap.tshark.program import Program
from tests.support import documents
from tests.support.small_registry import small_registry

pytest_plugins = ["tests.support.core_fixtures"]

SOURCES = [document.source for document in documents.documents()]


def frames(searcher: Searcher, query: Query) -> list[int]:
    return sorted(hit.source["layers"]["frame"]["number"] for hit in searcher.store.search(query, size=100).hits)


def wanted(matches: Callable[[dict[str, Any]], bool]) -> list[int]:
    return sorted(each["layers"]["frame"]["number"] for each in SOURCES if matches(each))


def test_all_parts_of_a_query_must_match(searcher: Searcher) -> None:
    found = searcher.prepare("protocol:tcp", "frame.len > 60", since="2015-07-30", until="2015-07-31")
    expected = wanted(
        lambda each: (
            each["protocol"] == "tcp"
            and each["layers"]["frame"]["len"] > 60
            and each["@timestamp"].startswith("2015-07-30")
        )
    )
    assert frames(searcher, found.query) == expected
    assert 3 < len(expected) < 20
    assert found.notes == ()


@pytest.mark.parametrize(
    ("parts", "count"),
    [
        ((), 30),
        (("", " ", "", ""), 30),
        ((" \n",), 30),
        (("protocol:http",), 3),
        (("", "frame.len == 70"), 10),
        (("", "", "2015-07-31"), 10),
        (("", "", "", "2015-07-31"), 20),
    ],
)
def test_parts_that_are_left_out_match_everything(parts: tuple[str, ...], count: int, searcher: Searcher) -> None:
    assert len(frames(searcher, searcher.prepare(*(parts or ("",))).query)) == count


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (("protocol:(",), "query"),
        (("", "frame.len >"), "it ends too early"),
        (("", "", "yesteryear"), "yesteryear"),
    ],
)
def test_each_invalid_part_is_an_error(parts: tuple[str, ...], message: str, searcher: Searcher) -> None:
    with pytest.raises(UsageError, match=message):
        searcher.prepare(*parts)


def test_a_display_filter_as_query_is_noted(searcher: Searcher) -> None:
    found = searcher.prepare("frame.len == 70 && tcp.flags.syn")
    assert found.notes == (FILTER_NOTE,)
    assert frames(searcher, found.query) == wanted(
        lambda each: each["layers"]["frame"]["len"] == 70 and "flags_syn" in each["layers"].get("tcp", {})
    )


def test_notes_of_all_parts_are_kept(searcher: Searcher) -> None:
    """Packet 17 has a text of 8,192 characters, which is not indexed."""
    found = searcher.combine(
        searcher.read_query("frame.len >= 60 && frame.number"), searcher.read_filter('http.file_data contains "y"')
    )
    assert found.notes[0] == FILTER_NOTE
    [note] = found.notes[1:]
    assert note.startswith("layers.http.file_data: 1 packets have a text of more than 8,191 characters, which is not ")


def test_combined_parts_without_a_condition_are_left_out(searcher: Searcher) -> None:
    condition = Equals("protocol", "tcp")
    assert searcher.combine(Everything(), condition).query == And((condition,))


def test_paths_of_names(searcher: Searcher) -> None:
    assert searcher.path("tcp.srcport") == "layers.tcp.srcport"
    assert searcher.path("source.ip") == "source.ip"
    with pytest.raises(UsageError, match=r"no such field: tcp\.srcports: did you mean"):
        searcher.path("tcp.srcports")
    with pytest.raises(UsageError, match="_id has no values to sort, count or show"):
        searcher.path("_id")


def test_long_texts_cannot_be_sorted(searcher: Searcher) -> None:
    path, [note] = searcher.values_of("http.file_data", Everything())
    assert path == "layers.http.file_data"
    assert note.startswith(f"{path}: 1 packets have a text of more than 8,191 characters, which cannot be sorted")
    assert searcher.values_of("http.file_data", Range("layers.frame.number", 18, None)) == (path, ())
    assert searcher.values_of("http.request.uri", Everything()) == ("layers.http.request_uri", ())
    assert searcher.values_of("frame.len", Everything()) == ("layers.frame.len", ())
    assert searcher.has_long_texts("layers.http.file_data")
    assert not searcher.has_long_texts("layers.http.request_uri")


@pytest.mark.parametrize(("text", "count"), [('ip.proto == "TCP"', 2), ('ip.proto == "ICMP"', 1), ("ip.proto == 6", 2)])
def test_names_of_values_are_wiresharks(text: str, count: int, program: Program, tmp_path: Path) -> None:
    registry = small_registry(tmp_path, {"ip.proto": "FT_UINT8", "frame.number": "FT_UINT32"})
    store = LocalStore(tmp_path / "local", registry)
    store.prepare()
    store.write([documents.make(number, ip={"proto": proto}) for number, proto in ((1, 6), (2, 6), (3, 1))])
    searcher = Searcher(program, registry, store)
    assert len(frames(searcher, searcher.read_filter(text))) == count
    searcher.close()


def test_recorded_names_of_values_come_first(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    """The fields of own dissectors, which the installed tshark may not have."""
    monkeypatch.setattr(searcher.registry, "value_names", lambda name: [(80, 80, f"Name in {name}")])
    assert searcher.read_filter('tcp.srcport == "name in tcp.srcport"') == Equals("layers.tcp.srcport", 80)


def test_display_filters_are_those_of_the_installed_tshark(searcher: Searcher) -> None:
    with pytest.raises(UsageError, match=r"xor needs tshark 4\.4 or newer, and 4\.0 is installed"):
        searcher.read_filter("tcp.srcport xor ip.src")


def test_a_store_that_does_not_exist_is_closed(searcher: Searcher, tmp_path: Path) -> None:
    assert searcher.require_existing() is searcher
    missing = replace(searcher, store=LocalStore(tmp_path / "missing", documents.registry(tmp_path)))
    closed: list[str] = []
    object.__setattr__(missing.store, "close", lambda: closed.append("store"))
    with pytest.raises(StoreError, match="missing"):
        missing.require_existing()
    assert closed == ["store"]


def test_the_registry_is_closed_after_a_store_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry, closed = documents.registry(tmp_path), list[str]()
    searcher = Searcher(Program("", "", None), registry, LocalStore(tmp_path / "local", registry))  # type: ignore[arg-type]

    def fail() -> None:
        raise StoreError("the disk is gone")

    monkeypatch.setattr(searcher.store, "close", fail)
    monkeypatch.setattr(registry, "close", lambda: closed.append("registry"))
    with pytest.raises(StoreError, match="the disk is gone"):
        searcher.close()
    assert closed == ["registry"]


def test_searchers_of_other_types(searcher: Searcher) -> None:
    derived = DerivedDocuments(Origin(documents.CAPTURE))
    time = 1_438_233_732_000_000_000
    searcher.store.write(
        [
            derived.document(FLOWS, time, 1, {"type": "flow", "network": {"transport": "tcp"}}, 9),
            derived.document(TRANSACTIONS, time, 1 << 15, {"type": "dns", "query": "example.org"}, 9),
            derived.document(TRANSACTIONS, time, 2 << 15, {"type": "http", "query": "/index.html"}, 9),
        ]
    )
    assert searcher.of_type(PACKETS) is searcher
    assert searcher.searched is PACKET_PATHS
    flows, transactions = searcher.of_type(FLOWS), searcher.of_type(TRANSACTIONS)
    assert (flows.of, flows.searched) == (FLOWS, DERIVED_PATHS)
    assert [each.store.search(Everything()).total for each in (flows, transactions)] == [1, 2]
    for text, count in (("example", 1), ("dns", 1), ("query:*", 2), ("tcp", 0)):
        assert transactions.store.search(transactions.prepare(text).query).total == count, text
    assert transactions.path("event.duration") == "event.duration"
    with pytest.raises(UsageError, match=r"no such field: tcp\.srcport"):
        transactions.path("tcp.srcport")
