"""Which packets a query finds, asked for in small parts."""

from pathlib import Path
from typing import Any

import pytest

from espcap.base.errors import UsageError
from espcap.fields.registry import Registry
from espcap.query.lucene import parse
from espcap.searches import selection
from espcap.searches.selection import Selection, select, select_conversations
from espcap.stores import SearchResult
from espcap.stores.local.store import LocalStore
from tests.support import documents
from tests.support.documents import make
from tests.support.small_registry import small_registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """That of Wireshark has many more."""
    return small_registry(tmp_path, documents.FIELDS | {"ip.fragment": "FT_FRAMENUM", "ip.fragment.count": "FT_UINT32"})


@pytest.fixture
def store(tmp_path: Path, registry: Registry) -> LocalStore:
    opened = LocalStore(tmp_path / "index", registry)
    opened.prepare()
    opened.write([*documents.documents(), make(100, capture="another"), make(3, capture="another")])
    return opened


def numbers(found: list[Selection]) -> dict[str, list[int]]:
    return {each.capture_id: [number for number in range(200) if number in each.frames] for each in found}


@pytest.mark.parametrize("at_once", [1, 2, 7, 50_000])
def test_frames(at_once: int, store: LocalStore, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "_FRAMES_AT_ONCE", at_once)
    found = select(store, parse("layers.frame.number:(3 OR 29 OR 100)", registry.kind))
    [first] = [each for each in found if each.capture_id != "another"]
    assert numbers(found) == {first.capture_id: [3, 29], "another": [3, 100]}
    assert [len(each.frames) for each in found] == [2, 2]
    assert select(store, parse("protocol:none", registry.kind)) == []


def test_too_many(store: LocalStore, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST_BUCKETS", 2)
    with pytest.raises(UsageError, match="2 captures or more"):
        select(store, parse("", registry.kind))


class Counted(LocalStore):
    """Counts what it is asked."""

    searches = 0

    def search(self, *arguments: Any, **named: Any) -> SearchResult:
        self.searches += 1
        return super().search(*arguments, **named)


def test_far_numbers(tmp_path: Path, registry: Registry) -> None:
    """Two packets cost a few searches, however far apart their numbers are."""
    store = Counted(tmp_path / "index", registry)
    store.prepare()
    store.write([make(1), make(1_000_000_000)])
    [found] = select(store, parse("", registry.kind))
    assert (1 in found.frames, 1_000_000_000 in found.frames, len(found.frames)) == (True, True, 2)
    assert store.searches <= 5


def test_conversation_with_its_pieces(store: LocalStore, registry: Registry) -> None:
    """Fragments have no ports, and so another conversation or none; whatever fragments they came in."""
    flow = {"community_id": "1:flow"}
    pieces: dict[str, Any] = {"protocols": ["frame", "ip", "udp"], "network": flow}
    store.write(
        [
            make(50, capture="c", ip={"fragment": [48, 49, 50]}, **pieces),
            *(make(number, capture="c", protocols=["frame", "ip"]) for number in (48, 49, 51)),
            make(60, capture="c", **pieces),
            make(49, capture="another", protocols=["frame", "ip"]),
        ]
    )
    for text in ("layers.frame.number:60", "layers.frame.number:50 AND capture_id:c", "layers.frame.number:48"):
        query = parse(text, registry.kind)
        assert numbers(select_conversations(store, query, registry))["c"] == [48, 49, 50, 60]
    alone = parse("layers.frame.number:49 AND capture_id:another", registry.kind)
    assert numbers(select_conversations(store, alone, registry)) == {"another": [49]}
