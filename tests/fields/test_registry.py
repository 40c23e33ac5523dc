import os
import re
import sqlite3
import stat
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from espcap.base.errors import EspcapError
from espcap.fields.casts import cast
from espcap.fields.field import PATHS, PRESENCE, Field, Kind
from espcap.fields.glossaries import parse_fields, parse_protocols
from espcap.fields.registry import Registry, build_registry
from espcap.tshark import registry as fields
from espcap.tshark.program import Program
from espcap.tshark.registry import open_registry, registry_path

pytest_plugins = ["tests.support.core_fixtures"]

PROTOCOL = "Protocol A\tA\ta"
"""A line of `tshark -G protocols`."""


def line(name: str, wireshark_type: str, protocol: str = "x", base: str = "") -> str:
    """A line of `tshark -G fields`."""
    return f"F\tA description\t{name}\t{wireshark_type}\t{protocol}\t{base}\t0x0\tA blurb\n"


def field(kind: Kind, base: str = "", wireshark_type: str = "") -> Field:
    return Field("x.y", "x", "y", kind, base, wireshark_type)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (line("ip.src", "FT_IPv4", "ip"), Field("ip.src", "ip", "src", Kind.IP, "", "FT_IPv4")),
        (line("ipv6.src", "FT_IPv6", "ipv6"), Field("ipv6.src", "ipv6", "src", Kind.IP, "", "FT_IPv6")),
        (
            line("tcp.analysis.initial_rtt", "FT_RELATIVE_TIME", "tcp"),
            Field("tcp.analysis.initial_rtt", "tcp", "analysis_initial_rtt", Kind.FLOAT, "", "FT_RELATIVE_TIME"),
        ),
        (
            line("dns.qry.name", "FT_STRING", "mdns"),
            Field("dns.qry.name", "dns", "qry_name", Kind.STRING, "", "FT_STRING"),
        ),
        # Without a dot: under the protocol that registered it.
        (
            line("iwarp_ddp", "FT_NONE", "iwarp_ddp_rdmap"),
            Field("iwarp_ddp", "iwarp_ddp_rdmap", "iwarp_ddp", Kind.BOOLEAN, PRESENCE, "FT_NONE"),
        ),
        (
            line("cba_revision_build", "FT_UINT16", "cba_pdev", "BASE_DEC"),
            Field("cba_revision_build", "cba_pdev", "cba_revision_build", Kind.INTEGER, "BASE_DEC", "FT_UINT16"),
        ),
        (line("x.y", "FT_CHAR", base="BASE_HEX"), field(Kind.STRING, "BASE_HEX", "FT_CHAR")),
        (line("x.y", "FT_NONE"), field(Kind.BOOLEAN, PRESENCE, "FT_NONE")),
        (line("x.y", "FT_PROTOCOL"), field(Kind.BOOLEAN, PRESENCE, "FT_PROTOCOL")),
        (line("x.y", "FT_BOOLEAN", base="8"), field(Kind.BOOLEAN, "8", "FT_BOOLEAN")),
        (line("x.y", "FT_UINT8", base="BASE_OCT"), field(Kind.INTEGER, "BASE_OCT", "FT_UINT8")),
        (line("x.y", "FT_UINT32", base="BASE_DEC"), field(Kind.INTEGER, "BASE_DEC", "FT_UINT32")),
        (line("x.y", "FT_INT64", base="BASE_DEC"), field(Kind.INTEGER, "BASE_DEC", "FT_INT64")),
        (line("x.y", "FT_FRAMENUM"), field(Kind.INTEGER, "", "FT_FRAMENUM")),
        (line("x.y", "FT_UINT64", base="BASE_HEX"), field(Kind.UNSIGNED, "BASE_HEX", "FT_UINT64")),
        (line("x.y", "FT_DOUBLE"), field(Kind.FLOAT, "", "FT_DOUBLE")),
        (
            line("x.y", "FT_ABSOLUTE_TIME", base="ABSOLUTE_TIME_UTC"),
            field(Kind.TIME, "ABSOLUTE_TIME_UTC", "FT_ABSOLUTE_TIME"),
        ),
        (line("x.y", "FT_BYTES"), field(Kind.BYTES, "", "FT_BYTES")),
        (line("x.y", "FT_UINT_BYTES"), field(Kind.BYTES, "", "FT_UINT_BYTES")),
        (line("x.y", "FT_ETHER"), field(Kind.STRING, "", "FT_ETHER")),
        (line("x.y", "FT_GUID"), field(Kind.STRING, "", "FT_GUID")),
        (line("x.y", "FT_NOT_YET_INVENTED"), field(Kind.STRING, "", "FT_NOT_YET_INVENTED")),
    ],
)
def test_parse_fields(text: str, expected: Field) -> None:
    assert list(parse_fields([text])) == [expected]


def test_parse_fields_leaves_out_what_is_no_field() -> None:
    assert list(parse_fields(["P\tTransmission Control Protocol\ttcp\n", "\n", "", line("tcp.len", "FT_UINT32")])) == [
        Field("tcp.len", "tcp", "len", Kind.INTEGER, "", "FT_UINT32")
    ]


def test_parse_protocols() -> None:
    lines = ["Transmission Control Protocol\tTCP\ttcp\n", "", "no\tprotocol\n", "Short Frame\tShort frame\t_ws.short\n"]
    assert list(parse_protocols(lines)) == [("tcp", "Transmission Control Protocol"), ("_ws.short", "Short Frame")]


def test_parse_protocols_of_newer_versions() -> None:
    lines = ["Internet Control Message Protocol\tICMP\ticmp\tT\tT\tT\n"]
    assert list(parse_protocols(lines)) == [("icmp", "Internet Control Message Protocol")]


def test_the_packets_time_is_seconds_on_every_version() -> None:
    (field,) = parse_fields([line("frame.time_epoch", "FT_ABSOLUTE_TIME", "frame", "ABSOLUTE_TIME_UNIX")])
    assert (field.kind, field.type) == (Kind.FLOAT, "FT_RELATIVE_TIME")


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


class TestCache:
    @pytest.fixture(autouse=True)
    def cache(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        return tmp_path / "cache" / "espcap"

    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """The lists that tshark has been asked for; it answers with little."""
        names: list[str] = []

        def print_list(program: Program, name: str, profile_folder: str = "") -> list[str]:
            names.append(name)
            return [line("ip.src", "FT_IPv4")] if name == "fields" else ["Internet Protocol\tIP\tip"]

        monkeypatch.setattr(fields, "print_list", print_list)
        return names

    def test_made_once_and_used_again(self, program: Program, cache: Path, asked: list[str]) -> None:
        assert open_registry(program).is_protocol("ip")
        assert asked == ["fields", "protocols"]
        (file,) = cache.iterdir()
        assert file == registry_path(program)
        before = file.stat()
        assert open_registry(program).field("ip.src") == Field("ip.src", "ip", "src", Kind.IP, "", "FT_IPv4")
        assert asked == ["fields", "protocols"]
        assert file.stat().st_mtime_ns == before.st_mtime_ns

    def test_one_for_each_version_and_each_state_of_a_profile(self, program: Program, tmp_path: Path) -> None:
        profile = tmp_path / "profile"
        profile.mkdir()
        paths = [registry_path(program), registry_path(program, str(profile))]
        (profile / "plugin.lua").write_text("")
        paths += [registry_path(program, str(profile)), registry_path(Program(program.path, "other", program.version))]
        assert len(set(paths)) == 4
        assert registry_path(program) == paths[0]

    def test_only_for_the_user(self, program: Program, cache: Path, asked: list[str]) -> None:
        before = os.umask(0)
        try:
            open_registry(program)
        finally:
            os.umask(before)
        assert stat.S_IMODE(cache.stat().st_mode) == 0o700
        assert stat.S_IMODE(registry_path(program).stat().st_mode) == 0o600

    def test_made_by_several_at_once(self, tmp_path: Path) -> None:
        path = tmp_path / "fields.sqlite"
        lines = [line(f"a.b{number}", "FT_UINT8") for number in range(2000)]

        def build(_: int) -> int:
            build_registry(path, lines, [PROTOCOL])
            return len(Registry(path).paths(Kind.INTEGER))

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(build, range(8))) == [2000] * 8
        assert list(tmp_path.iterdir()) == [path]

    def test_a_build_that_fails_leaves_nothing(self, tmp_path: Path) -> None:
        def lines() -> Iterator[str]:
            yield line("a.b", "FT_UINT8")
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            build_registry(tmp_path / "fields.sqlite", lines(), [PROTOCOL])
        assert list(tmp_path.iterdir()) == []

    def test_a_damaged_file_is_made_anew(self, program: Program, asked: list[str]) -> None:
        path = registry_path(program)
        path.parent.mkdir(parents=True)
        path.write_bytes(b"")
        assert open_registry(program).is_protocol("ip")

    def test_a_folder_that_cannot_be_made(
        self, program: Program, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "file").write_bytes(b"")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
        with pytest.raises(EspcapError) as caught:
            open_registry(program)
        assert str(tmp_path / "file" / "espcap") in caught.value.message
        assert caught.value.hint

    def test_the_file_is_not_changed(self, tmp_path: Path) -> None:
        path = tmp_path / "fields.sqlite"
        build_registry(path, [line("a.b", "FT_UINT8")], [PROTOCOL])
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            Registry(path)._database.execute("DELETE FROM field")


@pytest.mark.parametrize(
    ("kind", "base", "text", "value"),
    [
        (Kind.INTEGER, "BASE_DEC", "80", 80),
        (Kind.INTEGER, "BASE_DEC", "-12", -12),
        (Kind.INTEGER, "BASE_HEX", "0x0800", 0x800),
        (Kind.INTEGER, "BASE_HEX", "0xffffffff", 2**32 - 1),
        (Kind.INTEGER, "BASE_OCT", "420", 420),
        (Kind.INTEGER, "BASE_DEC", "017", 17),
        (Kind.UNSIGNED, "BASE_DEC", "18446744073709551615", 2**64 - 1),
        (Kind.UNSIGNED, "BASE_HEX", "0xffffffffffffffff", 2**64 - 1),
        (Kind.BOOLEAN, "8", "0", False),
        (Kind.BOOLEAN, "8", "1", True),
        (Kind.BOOLEAN, "8", "False", False),
        (Kind.BOOLEAN, "8", "True", True),
        (Kind.BOOLEAN, PRESENCE, "", True),
        (Kind.BOOLEAN, PRESENCE, "any text", True),
        (Kind.FLOAT, "", "0.000123456", 0.000123456),
        (Kind.FLOAT, "", "-1.5e-07", -1.5e-07),
        (Kind.FLOAT, "", "3", 3.0),
        (Kind.TIME, "", "May  1, 2024 10:00:00.123456000 UTC", "2024-05-01T10:00:00.123456000Z"),
        (Kind.TIME, "", "Dec 31, 1969 23:59:59.999999999 UTC", "1969-12-31T23:59:59.999999999Z"),
        (Kind.TIME, "", "Feb 29, 2024 00:00:00 UTC", "2024-02-29T00:00:00.000000000Z"),
        (Kind.TIME, "", "Feb 29, 2024 00:00:00.5 GMT", "2024-02-29T00:00:00.500000000Z"),
        (Kind.TIME, "", "2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.123456789Z"),
        (Kind.TIME, "", "2024-05-01T10:00:00Z", "2024-05-01T10:00:00.000000000Z"),
        (Kind.TIME, "", "2024-05-01T10:00:00.123456+0000", "2024-05-01T10:00:00.123456000Z"),
        (Kind.TIME, "", "2024-05-01 10:00:00.1 UTC", "2024-05-01T10:00:00.100000000Z"),
        (Kind.IP, "", "192.0.2.1", "192.0.2.1"),
        (Kind.IP, "", "2001:db8::2", "2001:db8::2"),
        (Kind.IP, "", "::ffff:192.0.2.1", "::ffff:192.0.2.1"),
        (Kind.STRING, "", "", ""),
        (Kind.STRING, "", "0x12", "0x12"),
        (Kind.BYTES, "", "de:ad:be:ef", "de:ad:be:ef"),
    ],
)
def test_cast(kind: Kind, base: str, text: str, value: Any) -> None:
    got = cast(field(kind, base), text)
    assert got == value
    assert type(got) is type(value)


@pytest.mark.parametrize(
    ("kind", "base", "text"),
    [
        (Kind.INTEGER, "BASE_DEC", ""),
        (Kind.INTEGER, "BASE_DEC", "http"),
        (Kind.INTEGER, "BASE_DEC", "1.5"),
        (Kind.INTEGER, "BASE_HEX", "0xgg"),
        (Kind.BOOLEAN, "8", "2"),
        (Kind.BOOLEAN, "8", "yes"),
        (Kind.FLOAT, "", "nan"),
        (Kind.FLOAT, "", "-nan"),
        (Kind.FLOAT, "", "inf"),
        (Kind.FLOAT, "", "-Infinity"),
        (Kind.FLOAT, "", "1e999"),
        (Kind.FLOAT, "", "1,5"),
        (Kind.TIME, "", "Not representable"),
        (Kind.TIME, "", "May  1, 36812 10:00:00.000000000 UTC"),
        (Kind.TIME, "", "Xyz  1, 2024 10:00:00.000000000 UTC"),
        (Kind.TIME, "", "May  1, 2024 10:00:00.000000000 CEST"),
        (Kind.TIME, "", "May  1, 2024 10:00:00.1500000000 UTC"),
        (Kind.TIME, "", "2024/122:10:00:00.000000000 UTC"),
        (Kind.TIME, "", "2024-05-01T10:00:00+0200"),
        (Kind.IP, "", "192.0.2.256"),
        (Kind.IP, "", "192.0.2"),
        (Kind.IP, "", "192.0.2.1/24"),
        (Kind.IP, "", "2001:db8:::1"),
        (Kind.IP, "", "fe80::1%eth0"),
        (Kind.IP, "", "www.example.test"),
        (Kind.IP, "", "192.0.2.1\0"),
        (Kind.IP, "", "\ud800"),
    ],
)
def test_cast_refuses(kind: Kind, base: str, text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - its text is the value
        cast(field(kind, base), text)
