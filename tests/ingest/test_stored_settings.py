"""The settings of the documents in a store, asked of a local index."""

from dataclasses import replace

import orjson

from espcap.documents.packets import Document
from espcap.ingest.ledger import StoredCapture
from espcap.ingest.stored_settings import SettingsInStore
from espcap.stores.local.store import LocalStore
from tests.support import documents


def packets(capture: str, count: int, settings_id: str = "") -> list[Document]:
    made = [documents.make(number, capture=capture) for number in range(1, count + 1)]
    if not settings_id:
        return made
    more = {"settings_id": settings_id}
    return [replace(each, body=orjson.dumps(each.source | more), settings_id=settings_id) for each in made]


def known(content: str, packets: int, settings_id: str) -> StoredCapture:
    return StoredCapture(content, packets, settings_id)


def test_an_empty_store(store: LocalStore) -> None:
    assert not SettingsInStore(store).has_earlier()
    assert SettingsInStore(store).find_replaced([known("a", 3, "one")]) == []


def test_one_setting(store: LocalStore) -> None:
    store.write(packets("a", 3, "one"))
    assert SettingsInStore(store).find_replaced([known("a", 3, "one")]) == []


def test_a_capture_that_was_replaced(store: LocalStore) -> None:
    """In part, in full, or not at all."""
    for capture in "abc":
        store.write(packets(capture, 3, "one"))
    store.write(packets("a", 2, "two"))
    store.write(packets("b", 3, "two"))
    captures = [known(content, 3, "one") for content in "abc"]
    assert SettingsInStore(store).find_replaced(captures) == ["a", "b"]
    assert SettingsInStore(store).find_replaced([known("b", 3, "two")]) == []


def test_all_packets_have_other_settings(store: LocalStore) -> None:
    """There is one value of settings in the store, but not the one that the ledger has."""
    store.write(packets("a", 3, "two"))
    assert SettingsInStore(store).find_replaced([known("a", 3, "one")]) == ["a"]


def test_a_capture_whose_days_were_pruned(store: LocalStore) -> None:
    store.write(packets("a", 2, "one"))
    store.write(packets("b", 2, "two"))
    assert SettingsInStore(store).find_replaced([known("a", 9, "one")]) == []


def test_documents_of_an_earlier_version(store: LocalStore) -> None:
    store.write(packets("a", 3, "one"))
    assert not SettingsInStore(store).has_earlier()
    store.write(packets("b", 3))
    assert SettingsInStore(store).has_earlier()
    assert SettingsInStore(store).find_replaced([known("a", 3, "one"), known("b", 3, "")]) == []
    assert SettingsInStore(store).find_replaced([known("b", 3, "one")]) == ["b"]
