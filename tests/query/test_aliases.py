"""Former names of protocols."""

from pathlib import Path

import pytest

from espcap.fields.registry import Registry, build_registry
from espcap.query.aliases import current_name
from tests.support.small_registry import small_registry


@pytest.mark.parametrize(
    ("name", "current"),
    [
        ("ssl", "tls"),
        ("ssl.handshake.type", "tls.handshake.type"),
        ("bootp.type", "dhcp.type"),
        ("nas_eps", "nas-eps"),
        ("tls", "tls"),
        ("sslx.handshake", "sslx.handshake"),
        ("x.ssl", "x.ssl"),
    ],
)
def test_current_name(name: str, current: str, tmp_path: Path) -> None:
    assert current_name(name, small_registry(tmp_path, {"tls.handshake.type": "FT_UINT8"})) == current


def test_a_protocol_with_the_name_of_an_alias(tmp_path: Path) -> None:
    """One of the user's own dissectors, or of another version."""
    path = tmp_path / "fields.sqlite"
    build_registry(path, ["F\tId\tnm.id\tFT_UINT8\tnm\tBASE_DEC\t0x0\t"], ["Network Monitor\tNM\tnm"])
    assert current_name("nm.id", Registry(path)) == "nm.id"
