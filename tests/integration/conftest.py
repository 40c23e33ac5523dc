"""Fixtures of the integration tests."""

from pathlib import Path

import pytest


@pytest.fixture(params=["local", "elasticsearch"])
def node(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, as --node names it."""
    if request.param == "local":
        return f"local:{tmp_path / 'index'}"
    return str(request.getfixturevalue("elasticsearch_url"))
