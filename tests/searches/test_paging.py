"""Pages of sorted packets: together they are the whole list, each packet once."""

from pathlib import Path
from typing import Any, cast

import pytest

from espcap.fields.registry import Registry
from espcap.query import Everything
from espcap.searches.paging import Cursor, page
from espcap.searches.searcher import Searcher
from espcap.stores.local.store import LocalStore
from espcap.tshark.program import Program
from tests.support import documents
from tests.support.documents import make


@pytest.fixture
def searcher(tmp_path: Path) -> Searcher:
    registry: Registry = documents.registry(tmp_path)
    store = LocalStore(tmp_path / "index", registry)
    store.prepare()
    store.write(documents.documents())
    store.write([make(50, capture=name, source={"port": 9}) for name in ("a", "b", "c")])  # all at the same time
    return Searcher(cast(Program, None), registry, store)


def numbers(searcher: Searcher, sort: tuple[str, bool], size: int) -> list[tuple[str, int]]:
    """The capture and the frame number of each packet, page by page."""
    found: list[tuple[str, int]] = []
    cursor: Cursor | None = None
    for _ in range(100):
        result = page(searcher, Everything(), sort, cursor, size)
        found += [(hit.source["capture_id"], hit.source["layers"]["frame"]["number"]) for hit in result.hits]
        cursor = result.next
        if cursor is None:
            return found
    raise AssertionError(found)


@pytest.mark.parametrize(
    "path", ["@timestamp", "protocol", "source.port", "layers.tcp.flags_syn", "layers.frame.number"]
)
@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("size", [1, 4, 11])
def test_pages_are_the_whole_list(path: str, descending: bool, size: int, searcher: Searcher) -> None:
    whole = numbers(searcher, (path, descending), 1000)
    assert len(whole) == 33
    assert sorted(numbers(searcher, (path, descending), size)) == sorted(whole)


@pytest.mark.parametrize("descending", [False, True])
def test_the_order_goes_on(descending: bool, searcher: Searcher) -> None:
    found = numbers(searcher, ("layers.frame.number", descending), 4)
    assert [number for _, number in found] == sorted((number for _, number in found), reverse=descending)


def test_a_cursor_skips_packets_with_its_values(searcher: Searcher) -> None:
    first = page(searcher, Everything(), ("source.port", False), None, 2)
    values: list[Any] = [hit.source["source"]["port"] for hit in first.hits]
    assert values == [9, 9]
    assert first.next is not None
    assert (first.next.value, first.next.skip) == ("9", 2)
