"""The times that the packets of a query can have."""

import pytest

from espcap.base.times import DAY
from espcap.fields.registry import Registry
from espcap.query.lucene import parse
from espcap.stores.local.bounds import EVER, time_bounds

FIRST = 16_646 * DAY
"""2015-07-30."""


@pytest.mark.parametrize(
    ("query", "low", "high"),
    [
        ("@timestamp:2015-07-30", FIRST, FIRST + DAY - 1),
        ("@timestamp:>=2015-07-30", FIRST, EVER[1]),
        ("@timestamp:<2015-07-30", EVER[0], FIRST - 1),
        ("@timestamp:[2015-07-30 TO 2015-07-31] AND protocol:tcp", FIRST, FIRST + 2 * DAY - 1),
        ("@timestamp:2015-07-30 OR @timestamp:2015-08-01", FIRST, FIRST + 3 * DAY - 1),
        ("@timestamp:2015-07-30 OR protocol:tcp", *EVER),
        ("NOT @timestamp:2015-07-30", *EVER),
    ],
)
def test_bounds(query: str, low: int, high: int, packet_registry: Registry) -> None:
    assert time_bounds(parse(query, packet_registry.kind)) == (low, high)
