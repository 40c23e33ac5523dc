"""A store of one type of documents asks for that type alone."""

from pathlib import Path

import pytest

from espcap.documents.derived import DerivedDocuments
from espcap.documents.packets import Origin
from espcap.documents.types import FLOWS, TRANSACTIONS, DocumentType
from espcap.fields.registry import Registry
from espcap.query import Equals, Everything
from espcap.stores.local.store import LocalStore
from espcap.stores.typed import StoreOfType
from tests.support.documents import make

TIME = 1_438_233_732_000_000_000


@pytest.fixture
def store(tmp_path: Path, packet_registry: Registry) -> LocalStore:
    packet_registry.add_kinds({"type": packet_registry.kind("protocol")})
    opened = LocalStore(tmp_path / "local", packet_registry)
    opened.prepare()
    derived = DerivedDocuments(Origin("0123456789abcdef", "a.pcap"))
    flows = [derived.document(FLOWS, TIME, number, {"type": "flow", "number": number}, 9) for number in (1, 2)]
    transactions = [derived.document(TRANSACTIONS, TIME, 1 << 15, {"type": "dns"}, 9)]
    assert opened.write([make(1), *flows, *transactions]).stored == 4
    assert opened.write([make(1), *flows, *transactions]).already_there == 4
    return opened


@pytest.mark.parametrize(("of", "count"), [(FLOWS, 2), (TRANSACTIONS, 1)])
def test_documents_of_the_type(store: LocalStore, of: DocumentType, count: int) -> None:
    found = StoreOfType(store, of).search(Everything())
    assert found.total == count
    assert {hit.index for hit in found.hits} == {f"{of.name}-2015-07-30"}
    assert store.search(Everything()).total == 1
    assert StoreOfType(store, of).address == store.address
    assert not hasattr(StoreOfType(store, of), "tables")


def test_identifiers(store: LocalStore) -> None:
    flows = StoreOfType(store, FLOWS)
    assert [hit.id for hit in flows.search(Everything()).hits] == ["0123456789abcdef-f1", "0123456789abcdef-f2"]
    [hit] = flows.search(Equals("_id", "0123456789abcdef-f2")).hits
    assert list(hit.source) == sorted(hit.source)
    assert hit.source == {"capture_id": "0123456789abcdef", "file_name": "a.pcap", "number": 2, "type": "flow"}


def test_a_capture_is_forgotten_with_all_types(store: LocalStore) -> None:
    assert store.forget(["0123456789abcdef"]) == 4
    assert store.search(Everything(), of=FLOWS).total == 0
