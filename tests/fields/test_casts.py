"""Texts of tshark as typed values."""

from typing import Any

import pytest

from espcap.fields.casts import cast
from espcap.fields.field import PRESENCE, Field, Kind


def field(kind: Kind, base: str = "") -> Field:
    return Field("x.y", "x", "y", kind, base, "")


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
