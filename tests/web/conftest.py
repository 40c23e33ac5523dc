"""Fixtures that several tests of the page share."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from espcap.ingest.job import Listener
from espcap.web.uploads import Uploads


@pytest.fixture
def uploads(indexer: Any, tmp_path: Path) -> Iterator[Uploads]:
    """Captures that are sent to the page. `indexer`, a fixture of each file of tests, reads them."""

    def open_indexer(listener: Listener) -> Any:
        return indexer

    made = Uploads(tmp_path / "captures", open_indexer)
    yield made
    made.close()
