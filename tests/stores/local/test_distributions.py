"""Numbers of packets by code, and what is computed from them."""

import numpy as np
import pytest

from espcap.stores.local.distributions import Measure, by_code


def test_numbers_by_code() -> None:
    """Packets without a number, with several numbers and with several codes."""
    rows, codes = np.array([0, 1, 1, 2, 4], "u2"), np.array([7, 7, 3, 3, 9], "u1")
    number_rows, numbers = np.array([2, 0, 0, 1, 3]), np.array([5.0, 1.0, 2.0, 4.0, 8.0])
    found = {code: sorted(each.tolist()) for code, each in by_code(rows, codes, number_rows, numbers)}
    assert found == {7: [1.0, 2.0, 4.0], 3: [4.0, 5.0]}


def test_no_numbers() -> None:
    none = np.zeros(0, "i8")
    assert list(by_code(np.array([0]), np.array([1]), none, none.astype("f8"))) == []
    assert list(by_code(none, none, none, none.astype("f8"))) == []


def test_parts_count_together() -> None:
    parts = [np.array([3.0, 1.0]), np.array([2.0])]
    assert Measure("a", None).of(parts) == {"count": 3, "min": 1.0, "max": 3.0, "avg": 2.0, "sum": 6.0}
    assert Measure("a", (0, 50, 75)).of(parts) == {"values": {"0.0": 1.0, "50.0": 2.0, "75.0": pytest.approx(2.5)}}


def test_nothing_was_added() -> None:
    assert Measure("a", None).of([]) == {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
    assert Measure("a", (50, 99.9)).of([]) == {"values": {"50.0": None, "99.9": None}}


def test_limits_of_integers_are_exact() -> None:
    parts = [np.array([2**64 - 1, 2**53 + 1], "u8"), np.zeros(0), np.array([2**63], "u8")]
    found = Measure("a", None).of(parts)
    assert (found["count"], found["min"], found["max"]) == (3, 2**53 + 1, 2**64 - 1)
    assert found["sum"] == pytest.approx(2.0**64 + 2.0**63 + 2.0**53)
