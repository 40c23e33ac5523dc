"""The names of values, from the lines of `tshark -G values`."""

import json
from pathlib import Path

from espcap.tshark.program import find_program
from espcap.tshark.value_names import KnownNames, parse_value_names, value_names

LINES = [
    b"E\tip.proto\t225\tipproto_val\t[Direct (indexed) Access]\n",
    b"V\tip.proto\t6\tTCP\n",
    b"V\tip.protocol\t7\tAnother field\n",
    b"V\tip.proto\t0x11\tUDP\twith a tab\n",
    b"V\tip.proto\t'a'\tA character\n",
    b"R\tip.proto\t0xfd\t0xfe\tExperimental\n",
    b"T\tip.proto\tSet\tNot set\n",
]


def test_lines_of_one_field() -> None:
    assert parse_value_names(LINES, "ip.proto") == [
        (6, 6, "TCP"),
        (17, 17, "UDP\twith a tab"),
        (253, 254, "Experimental"),
        (1, 1, "Set"),
        (0, 0, "Not set"),
    ]
    assert parse_value_names(LINES, "ip.pro") == []


def test_of_tshark() -> None:
    assert (17, 17, "UDP") in value_names(find_program(), "ip.proto")


def test_known_names_are_kept(tmp_path: Path) -> None:
    """tshark prints them once; later they come from the file, unless other fields are asked for."""
    path = tmp_path / "names.json"
    names = KnownNames(find_program(), path)
    names.wanted = ["ip.proto", "udp.stream"]
    assert (names.of("ip.proto", 17), names.of("ip.proto", 300), names.of("ip.proto", "x")) == ("UDP", None, None)
    assert names.of("udp.stream", 1) is None
    known = json.loads(path.read_text())
    path.write_text(json.dumps(known | {"ip.proto": [[17, 17, "from the file"]]}))
    again = KnownNames(find_program(), path)
    again.wanted = ["ip.proto"]
    assert again.of("ip.proto", 17) == "from the file"
    other = KnownNames(find_program(), path)
    other.wanted = ["ip.proto", "dns.flags.opcode"]
    assert (other.of("ip.proto", 17), other.of("dns.flags.opcode", 0)) == ("UDP", "Standard query")
