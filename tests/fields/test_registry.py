import re
import sqlite3
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from espcap.base.errors import EspcapError
from espcap.fields.field import PATHS, PRESENCE, Field, Kind
from espcap.fields.registry import Registry, build_registry
from espcap.tshark.program import Program

pytest_plugins = ["tests.support.core_fixtures"]

PROTOCOL = "Protocol A\tA\ta"
"""A line of `tshark -G protocols`."""


def line(name: str, wireshark_type: str, protocol: str = "x", base: str = "") -> str:
    """A line of `tshark -G fields`."""
    return f"F\tA description\t{name}\t{wireshark_type}\t{protocol}\t{base}\t0x0\tA blurb\n"


@pytest.mark.parametrize(
    ("fields", "protocols", "missing"),
    [
        ([], [PROTOCOL], "fields"),
        (["A\tB\n"], [PROTOCOL], "fields"),
        ([line("a.b", "FT_UINT8")], ["A\tB"], "protocols"),
    ],
)
def test_a_list_that_cannot_be_read_is_an_error(
    fields: list[str], protocols: list[str], missing: str, tmp_path: Path
) -> None:
    with pytest.raises(EspcapError, match=f"tshark -G {missing} "):
        build_registry(tmp_path / "fields.sqlite", fields, protocols)
    assert list(tmp_path.iterdir()) == []


class TestRegistryOfAFewFields:
    """What becomes of names that come to the same path, and of protocols whose names are paths."""

    @pytest.fixture
    def registry(self, tmp_path: Path) -> Registry:
        lines = [
            line("a.b.c", "FT_UINT8"),
            line("a.b_c", "FT_UINT16"),
            line("bgp.prefix.length", "FT_NONE"),
            line("bgp.prefix_length", "FT_UINT8", base="BASE_DEC"),
            line("a.ip", "FT_IPv6"),
            line("a.ip", "FT_IPv6"),
        ]
        path = tmp_path / "fields.sqlite"
        build_registry(path, lines, ["Short Frame\tShort frame\t_ws.short", "Protocol A\tA\ta"])
        return Registry(path)

    @pytest.mark.parametrize(
        ("name", "key", "kind"),
        [
            ("a.b.c", "b_c", Kind.INTEGER),
            ("a.b_c", "b_c", Kind.INTEGER),
            ("bgp.prefix_length", "prefix_length", Kind.INTEGER),
            ("bgp.prefix.length", "prefix__length", Kind.BOOLEAN),
            ("_ws.short", "short", Kind.BOOLEAN),
        ],
    )
    def test_keys(self, registry: Registry, name: str, key: str, kind: Kind) -> None:
        found = registry.field(name)
        assert found
        assert (found.layer, found.key, found.kind) == (name.partition(".")[0], key, kind)
        assert registry.kind(f"layers.{found.layer}.{key}") is kind

    def test_paths(self, registry: Registry) -> None:
        assert registry.paths(Kind.INTEGER) == ["layers.a.b_c", "layers.bgp.prefix_length"]
        assert registry.paths(Kind.BOOLEAN) == ["layers._ws.short", "layers.bgp.prefix__length"]
        assert registry.paths(Kind.IP) == ["layers.a.ip"]
        assert registry.paths(Kind.TIME) == []

    def test_protocols(self, registry: Registry) -> None:
        assert registry.protocols() == [("_ws.short", "Short Frame"), ("a", "Protocol A")]
        assert registry.is_protocol("a")
        assert not registry.is_protocol("bgp")
        assert not registry.is_protocol("a.b.c")

    def test_unknown_field(self, registry: Registry) -> None:
        assert registry.field("a.b") is None
        assert registry.field("") is None


class TestRegistryOfTshark:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("ip.src", Field("ip.src", "ip", "src", Kind.IP, "BASE_NONE", "FT_IPv4")),
            ("tcp.srcport", Field("tcp.srcport", "tcp", "srcport", Kind.INTEGER, "BASE_PT_TCP", "FT_UINT16")),
            ("frame.time", Field("frame.time", "frame", "time", Kind.TIME, "ABSOLUTE_TIME_LOCAL", "FT_ABSOLUTE_TIME")),
            ("_ws.short", Field("_ws.short", "_ws", "short", Kind.BOOLEAN, PRESENCE, "FT_PROTOCOL")),
            ("_ws.expert.message", Field("_ws.expert.message", "_ws", "expert_message", Kind.STRING, "", "FT_STRING")),
            ("marc", Field("marc", "z3950", "marc", Kind.BOOLEAN, PRESENCE, "FT_NONE")),
        ],
    )
    def test_field(self, registry: Registry, name: str, expected: Field) -> None:
        found = registry.field(name)
        assert found
        assert found._replace(base="") == expected._replace(base="")
        assert (found.base == PRESENCE) == (expected.base == PRESENCE)

    @pytest.mark.parametrize(
        ("path", "kind"),
        [
            ("layers.ip.src", Kind.IP),
            ("layers.tcp.flags_syn", Kind.BOOLEAN),
            ("layers.tcp.time_delta", Kind.FLOAT),
            ("layers.http.response_code", Kind.INTEGER),
            ("layers.http.host", Kind.STRING),
            ("layers.collectd.val_counter", Kind.UNSIGNED),
            ("layers.nothing.known", Kind.STRING),
            ("layers.xml.envelope", Kind.STRING),
            ("layers.ip", Kind.STRING),
            ("unparsed.ip.src", Kind.STRING),
            ("protocol", Kind.STRING),
            ("", Kind.STRING),
            *PATHS.items(),
        ],
    )
    def test_kind_of_a_path(self, registry: Registry, path: str, kind: Kind) -> None:
        assert registry.kind(path) is kind

    def test_protocols(self, registry: Registry) -> None:
        names = [name for name, _ in registry.protocols()]
        assert names == sorted(names)
        assert {"tcp", "http", "_ws.malformed"} <= set(names)
        assert all(map(registry.is_protocol, names))
        assert not registry.is_protocol("ip.src")

    def test_every_address_of_tshark_is_an_address(self, program: Program, registry: Registry) -> None:
        """Held against the raw list: all FT_IPv4 and FT_IPv6 names, as many paths as they come to."""
        answer = subprocess.run([program.path, "-G", "fields"], capture_output=True, check=True)
        rows = [text.split("\t") for text in answer.stdout.decode().splitlines()]
        names = {row[2] for row in rows if row[0] == "F" and row[3] in ("FT_IPv4", "FT_IPv6")}
        assert len(names) > 2500
        found = [registry.field(name) for name in names]
        assert {field.kind for field in found if field} == {Kind.IP}
        paths = registry.paths(Kind.IP)
        assert paths == sorted({f"layers.{field.layer}.{field.key}" for field in found if field})
        assert len(paths) == len({name.replace(".", "_") for name in names})

    def test_no_path_has_two_kinds(self, registry: Registry) -> None:
        paths = [path for kind in Kind for path in registry.paths(kind)]
        assert len(paths) > 200_000
        assert len(paths) == len(set(paths))

    def test_no_field_takes_the_place_of_envelope(self, registry: Registry) -> None:
        taken = [path for kind in Kind for path in registry.paths(kind) if path.endswith(".envelope")]
        assert taken == []

    def test_paths_have_a_layer_and_a_key(self, registry: Registry) -> None:
        paths = [path for kind in Kind for path in registry.paths(kind)]
        assert [path for path in paths if not re.fullmatch(r"layers\.[^.]+\.[^.]+", path)] == []


def test_made_by_several_at_once(tmp_path: Path) -> None:
    path = tmp_path / "fields.sqlite"
    lines = [line(f"a.b{number}", "FT_UINT8") for number in range(2000)]

    def build(_: int) -> int:
        build_registry(path, lines, [PROTOCOL])
        return len(Registry(path).paths(Kind.INTEGER))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(build, range(8))) == [2000] * 8
    assert list(tmp_path.iterdir()) == [path]


def test_a_build_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def lines() -> Iterator[str]:
        yield line("a.b", "FT_UINT8")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_registry(tmp_path / "fields.sqlite", lines(), [PROTOCOL])
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_not_changed(tmp_path: Path) -> None:
    path = tmp_path / "fields.sqlite"
    build_registry(path, [line("a.b", "FT_UINT8")], [PROTOCOL])
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        Registry(path)._database.execute("DELETE FROM field")
