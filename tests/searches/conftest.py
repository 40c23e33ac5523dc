"""A searcher of a local index."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.version import Version

from espcap.searches.searcher import Searcher
from espcap.stores.local.store import LocalStore
from espcap.tshark.program import Program
from tests.support import documents

WIRESHARK = Program("/nowhere/tshark", "TShark (Wireshark) 4.0.17", Version("4.0.17"))
"""Only its version is used."""


@pytest.fixture
def searcher(tmp_path: Path) -> Iterator[Searcher]:
    """A searcher of `tests.support.documents`."""
    registry = documents.registry(tmp_path)
    store = LocalStore(tmp_path / "local", registry)
    store.prepare()
    store.write(documents.documents())
    opened = Searcher(WIRESHARK, registry, store)
    yield opened
    opened.close()
