"""A ring in a folder of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from espcap.live.folder import RunFolder, create
from espcap.live.ring import Ring


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[RunFolder]:
    """The folder of a run in a spool."""
    made = create(tmp_path, "host")
    yield made
    made.close(remove=True)


@pytest.fixture
def dropped() -> list[int]:
    """The numbers of packets that were reported as dropped."""
    return []


@pytest.fixture
def ring(folder: RunFolder, dropped: list[int]) -> Ring:
    """The ring of that folder."""
    return Ring(folder, dropped.append)
