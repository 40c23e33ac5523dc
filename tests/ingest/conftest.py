"""The store of tests that do not have a simpler one of their own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from espcap.stores.local.store import LocalStore
from tests.support import documents


@pytest.fixture
def store(tmp_path: Path) -> Iterator[LocalStore]:
    """An empty local index that knows the fields of `tests.support.documents`."""
    made = LocalStore(tmp_path / "local", documents.registry(tmp_path))
    made.prepare()
    yield made
    made.close()
