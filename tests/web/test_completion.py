"""Names that complete a word, for display filters and for query strings."""

from typing import cast

import pytest

from espcap.documents.types import PACKETS
from espcap.fields.registry import Registry
from espcap.searches.searcher import Searcher
from espcap.web.completion import MOST, complete

pytest_plugins = ["tests.support.core_fixtures"]


class OnlyRegistry:
    """A searcher of which only the registry and the type are used."""

    of = PACKETS

    def __init__(self, registry: Registry) -> None:
        self.registry = registry


@pytest.fixture
def searcher(registry: Registry) -> Searcher:
    return cast(Searcher, OnlyRegistry(registry))


def test_display_filter(searcher: Searcher) -> None:
    assert "dns.qry.name" in complete(searcher, "dns.qry.n", "filter")
    assert all(name.startswith("tcp.") for name in complete(searcher, "tcp.", "filter"))
    assert len(complete(searcher, "tcp.", "filter")) == MOST
    assert complete(searcher, "source.i", "filter") == []


def test_query_string(searcher: Searcher) -> None:
    assert complete(searcher, "source.i", "query") == ["source.ip"]
    assert "layers.dns.qry_name" in complete(searcher, "layers.dns.qry_n", "query")
    assert "_exists_" in complete(searcher, "_ex", "query")
    assert complete(searcher, "dns.qry.n", "query") == []


@pytest.mark.parametrize("language", ["filter", "query"])
def test_nothing(searcher: Searcher, language: str) -> None:
    assert complete(searcher, "", language) == []
    assert complete(searcher, "no such name", language) == []
