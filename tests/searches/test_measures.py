"""The numbers of a field, by the values of another one, of a local index."""

import pytest

from espcap.base.errors import UsageError
from espcap.fields.field import Kind
from espcap.query import Everything
from espcap.searches.measures import COLUMNS, check_numbers, measure
from espcap.searches.searcher import Searcher


def test_limits_of_unsigned_numbers_are_exact(searcher: Searcher) -> None:
    found = measure(searcher, Everything(), "ptp.clock", "", 10)
    assert (found["packets"], found["groups"]) == (4, [])
    assert [found["all"][name] for name in ("count", "minimum", "maximum")] == [5, 5, 2**64 - 1]
    assert tuple(found["all"]) == COLUMNS


def test_greatest_groups_first_then_by_value(searcher: Searcher) -> None:
    groups = measure(searcher, Everything(), "frame.len", "tcp.option_kind", 10)["groups"]
    assert [(group["value"], group["packets"], group["count"]) for group in groups] == [(1, 1, 1), (3, 1, 1)]
    groups = measure(searcher, Everything(), "tcp.option_kind", "protocol", 10)["groups"]
    assert [(group["value"], group["packets"], group["count"]) for group in groups] == [("tcp", 1, 3)]
    groups = measure(searcher, Everything(), "frame.len", "protocol", 2)["groups"]
    assert [(group["value"], group["packets"]) for group in groups] == [("tcp", 25), ("http", 3)]


@pytest.mark.parametrize("kind", [Kind.BOOLEAN, Kind.TIME, Kind.IP, Kind.BYTES, Kind.STRING])
def test_fields_without_numbers(kind: Kind) -> None:
    with pytest.raises(UsageError, match=f"^layers.a.b has no numbers: its values are of type {kind}") as raised:
        check_numbers("a.b", "layers.a.b", kind)
    assert "espcap search --agg a.b" in str(raised.value.hint)
