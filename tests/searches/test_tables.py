"""Packets in pages and in tables are all packets, in order, from each way to read them."""

import sys
from itertools import chain
from typing import Any

import pyarrow as pa
import pytest

from espcap.base.errors import EspcapError, UsageError
from espcap.query import Equals, Everything, Range
from espcap.searches import paging
from espcap.searches import tables as room
from espcap.searches.searcher import Searcher
from espcap.searches.tables import DEFAULT_COLUMNS, columns_of, pages, tables
from tests.support import documents

SOURCES = sorted((document.source for document in documents.documents()), key=lambda each: str(each["@timestamp"]))
BY_LENGTH = ("layers.frame.len", True)
"""An order in which a store skips earlier packets by their number."""


def number(source: dict[str, Any]) -> int:
    return int(source["layers"]["frame"]["number"])


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "_PAGE_SIZE", 7)


def test_columns_are_paths(searcher: Searcher) -> None:
    assert columns_of(searcher, ["frame.number", "source.ip"]) == ["layers.frame.number", "source.ip"]
    assert columns_of(searcher, []) == list(DEFAULT_COLUMNS)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["frame.number", "source.ip", "layers.frame.number"], "the column frame.number is named twice"),
        (["source.ip", "source.ip"], "the column source.ip is named twice"),
        (["frame.number", "frame.nonsense"], "frame.nonsense"),
    ],
)
def test_columns_that_are_named_twice_or_do_not_exist(names: list[str], message: str, searcher: Searcher) -> None:
    with pytest.raises(UsageError, match=message):
        columns_of(searcher, names)


@pytest.mark.parametrize("most", [1, 6, 7, 8, 14, 29, 30, 31, sys.maxsize])
@pytest.mark.parametrize("descending", [False, True])
def test_pages_have_the_first_packets_in_order(most: int, descending: bool, searcher: Searcher) -> None:
    found = list(pages(searcher, Everything(), ("@timestamp", descending), most))
    expected = list(map(number, SOURCES[::-1] if descending else SOURCES))[:most]
    assert [number(each) for page in found for each in page] == expected
    assert all(0 < len(page) <= 7 for page in found)


def test_pages_in_another_order(searcher: Searcher) -> None:
    found = [each for page in pages(searcher, Range("layers.frame.number", 1, 25), BY_LENGTH) for each in page]
    assert [each["layers"]["frame"]["len"] for each in found] == [80] * 8 + [70] * 9 + [60] * 8
    assert sorted(map(number, found)) == list(range(1, 26))


def test_pages_of_nothing(searcher: Searcher) -> None:
    for sort in (("@timestamp", False), BY_LENGTH):
        assert list(pages(searcher, Equals("protocol", "none"), sort)) == []


@pytest.mark.parametrize(("most", "count", "total"), [(sys.maxsize, 14, "30"), (20, 14, "20")])
def test_an_order_that_the_store_cannot_read_to_its_end(
    most: int, count: int, total: str, searcher: Searcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 20)
    found: list[dict[str, Any]] = []
    with pytest.raises(EspcapError) as raised:
        found.extend(chain.from_iterable(pages(searcher, Everything(), BY_LENGTH, most)))
    assert len(found) == count
    assert raised.value.message == f"only the first {count} of {total} packets can be read in this order"


def test_an_order_that_the_store_can_read_far_enough(searcher: Searcher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST_COUNTED", 20)
    assert [len(page) for page in pages(searcher, Everything(), BY_LENGTH, 14)] == [7, 7]


PATHS = ["layers.frame.number", "protocol", "source.ip", "layers.ip.src", "layers.tcp.flags_syn", "@timestamp"]


@pytest.mark.parametrize("query", [Everything(), Equals("protocol", "http"), Equals("protocol", "none")])
def test_tables_of_columns_and_of_documents_are_the_same(query: Any, searcher: Searcher) -> None:
    quick = list(tables(searcher, query, PATHS))
    plain = list(tables(searcher, query, PATHS, most=1000))
    assert [row for each in quick for row in each.to_pylist()] == [row for each in plain for row in each.to_pylist()]
    count = searcher.store.search(query, size=0).total
    assert sum(each.num_rows for each in plain) == count
    for each in (*quick, *plain):
        assert each.column_names == PATHS
    if count:
        assert pa.concat_tables(quick).schema == pa.concat_tables(plain).schema


@pytest.mark.parametrize("most", [3, 10])
def test_tables_have_only_the_first_packets(most: int, searcher: Searcher) -> None:
    found = [row for each in tables(searcher, Everything(), PATHS[:2], most=most) for row in each.to_pylist()]
    assert found == [{PATHS[0]: [number(each)], "protocol": each["protocol"]} for each in SOURCES[:most]]
