"""Comparable forms of values."""

from ipaddress import ip_address
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from espcap.fields.field import Kind
from espcap.stores.local import terms
from espcap.stores.local.segment import Values


@pytest.mark.parametrize(
    ("kind", "dtype", "ascending"),
    [
        (Kind.INTEGER, "i8", [-(2**63), -1, 0, 1, 2**63 - 1]),
        (Kind.UNSIGNED, "u8", [0, 1, 2**63 - 1, 2**63, 2**64 - 1]),
        (Kind.FLOAT, "f8", [float("-inf"), -1.5, -5e-324, 0.0, 5e-324, 1.5, float("inf")]),
        (Kind.BOOLEAN, "?", [False, True]),
    ],
)
def test_ordinals_sort_as_numbers_do(kind: Kind, dtype: str, ascending: list[Any]) -> None:
    found = terms.ordinals(kind, np.array(ascending, dtype)).tolist()
    assert found == sorted(set(found))
    assert [terms.number_of(kind, ordinal) for ordinal in found] == ascending
    assert [terms.ordinal_of(kind, value) for value in ascending] == found


def test_zero_has_one_ordinal() -> None:
    assert terms.ordinal_of(Kind.FLOAT, -0.0) == terms.ordinal_of(Kind.FLOAT, 0.0)


@pytest.mark.parametrize("text", ["192.0.2.1", "2001:db8::1", "::", "255.255.255.255"])
def test_addresses(text: str) -> None:
    packed = terms.packed(text)
    assert packed == terms.packed_address(ip_address(text))
    assert (len(packed), terms.address_text(packed)) == (16, text)


def test_values_that_cannot_be_searched_for() -> None:
    """No address, and texts that are too long."""
    words = pa.array(["192.0.2.1", "nonsense", "x" * 8191, "x" * 8192, "\U0001f600" * 4096], pa.string())
    values = Values(None, np.arange(5), words)
    found, short = terms.searchable(values, Kind.IP), terms.searchable(values, Kind.STRING)
    assert found is not None
    assert short is not None
    assert found.tolist() == [True, False, False, False, False]
    assert short.tolist() == [True, True, True, False, False]
    assert terms.searchable(Values(None, np.arange(1), words[:1]), Kind.STRING) is None


@pytest.mark.parametrize(
    ("kind", "value", "found"),
    [
        (Kind.INTEGER, [1, "2", 3.5, True, None], [1]),
        (Kind.INTEGER, 2**63, []),
        (Kind.FLOAT, 1, [terms.ordinal_of(Kind.FLOAT, 1.0)]),
        (Kind.BOOLEAN, [False, 0], [0]),
        (Kind.TIME, ["1970-01-01T00:00:00.000000007Z", "yesterday"], [7]),
        (Kind.IP, ["192.0.2.1", "nonsense", 7], [terms.packed("192.0.2.1")]),
        (Kind.STRING, ["a", "", 7, "x" * 8192], ["a", ""]),
    ],
)
def test_terms_of_values_without_columns(kind: Kind, value: Any, found: list[Any]) -> None:
    assert terms.terms_of(kind, value) == found
