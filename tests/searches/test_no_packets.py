"""Why a search found no packets."""

from pathlib import Path

import pytest

from espcap.query import And, Equals, Not, Or, Query, Range
from espcap.searches.no_packets import explain_no_packets
from espcap.stores.local.store import LocalStore
from tests.support.documents import make
from tests.support.small_registry import small_registry

TCP, NONE = Equals("protocol", "tcp"), Equals("layers.none.such", "1")


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    opened = LocalStore(tmp_path / "index", small_registry(tmp_path))
    opened.prepare()
    return opened


def test_an_empty_store(store: LocalStore) -> None:
    assert explain_no_packets(store, TCP).startswith(f"{store.address} has no packets yet: ")


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (And((TCP, NONE)), "; none of them has layers.none.such"),
        (Or((NONE, Equals("layers.a.b", "1"))), "; none of them has layers.a.b or layers.none.such"),
        (Not(NONE), ""),
        (And((TCP, Not(TCP))), ""),
        (And((TCP, Range("layers.tcp.port", 7, None))), "; none of them has layers.tcp.port"),
        (Equals("protocol", "TCP"), "; names of protocols are in lower case: protocol:tcp"),
    ],
)
def test_reasons(query: Query, reason: str, store: LocalStore) -> None:
    store.write([make(1), make(2)])
    text = explain_no_packets(store, query)
    assert text.startswith("none of the 2 packets from ")
    assert text.partition(" matches")[2] == reason
