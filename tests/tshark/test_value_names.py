"""The names of values, from the lines of `tshark -G values`."""

from espcap.tshark.program import find_program
from espcap.tshark.value_names import parse_value_names, value_names

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
