"""Common names that are not fields."""

from pathlib import Path

import pytest

from espcap.fields.registry import Registry
from espcap.query.suggestions import suggested_fields
from tests.support.small_registry import small_registry


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return small_registry(tmp_path, {"ip.src": "FT_IPv4", "tcp.port": "FT_UINT16", "http.host": "FT_STRING"})


@pytest.mark.parametrize(
    ("name", "paths", "expected"),
    [
        ("src_ip", [], ["ip.src"]),
        ("SRC_IP", ["source.ip"], ["ip.src", "source.ip"]),
        ("port", [], ["tcp.port"]),
        ("hostname", [], ["http.host"]),
        ("dport", ["destination.port"], ["destination.port"]),
        ("dport", [], []),
        ("src_ips", ["source.ip"], []),
    ],
)
def test_suggested_fields(name: str, paths: list[str], expected: list[str], registry: Registry) -> None:
    """Only those that exist, either in the registry or among the paths."""
    assert suggested_fields(name, registry, paths) == expected
