"""Which packets a query finds, asked for in small parts."""

from pathlib import Path

import pytest

from espcap import selection
from espcap.errors import UsageError
from espcap.fields import Registry
from espcap.query.lucene import parse
from espcap.selection import Selection, select
from espcap.stores.local.store import LocalStore
from tests.stores import documents
from tests.stores.documents import make


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return documents.registry(tmp_path)


@pytest.fixture
def store(tmp_path: Path, registry: Registry) -> LocalStore:
    opened = LocalStore(tmp_path / "index", registry)
    opened.prepare()
    opened.write([*documents.documents(), make(100, capture="another"), make(3, capture="another")])
    return opened


def numbers(found: list[Selection]) -> dict[str, list[int]]:
    return {each.capture_id: [number for number in range(200) if number in each.frames] for each in found}


@pytest.mark.parametrize("at_once", [1, 7, 50_000])
def test_frames(at_once: int, store: LocalStore, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "_FRAMES_AT_ONCE", at_once)
    found = select(store, parse("layers.frame.number:(3 OR 29 OR 100)", registry.kind))
    [first] = [each for each in found if each.capture_id != "another"]
    assert numbers(found) == {first.capture_id: [3, 29], "another": [3, 100]}
    assert [len(each.frames) for each in found] == [2, 2]
    assert select(store, parse("protocol:none", registry.kind)) == []


def test_too_many(store: LocalStore, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(selection, "MOST_VALUES", 2)
    with pytest.raises(UsageError, match="2 captures or more"):
        select(store, parse("", registry.kind))
