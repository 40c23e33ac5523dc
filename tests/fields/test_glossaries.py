"""The lists that tshark prints with `-G fields` and `-G protocols`."""

import pytest

from espcap.fields.field import PRESENCE, Field, Kind
from espcap.fields.glossaries import parse_fields, parse_protocols


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
