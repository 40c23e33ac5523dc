"""What is said of a query that nothing matches."""

import pytest

from espcap.fields.registry import Registry
from espcap.query import And, Query
from espcap.query.advice import advice
from espcap.query.lucene import parse
from espcap.query.paths import Paths
from espcap.query.time_range import read_time_range

pytest_plugins = ["tests.support.core_fixtures"]

FIRST, LAST = 1714557600_000.0, 1714561200_000.0  # 2024-05-01T10:00 to 11:00


def advised(query: Query, found: bool = False) -> str:
    return advice(query, FIRST, LAST, lambda part: found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("protocol:UDP", "names of protocols are in lower case: protocol:udp"),
        ("2024-05-01", "@timestamp:2024-05-01 finds packets by their time"),
        ("192.168.1", "write 192.168.1.* for addresses that begin with it"),
        ("POP3", "'POP3' is searched for as a whole word; POP3* finds words that begin with it"),
        ('"GET /x"', "'GET /x' is searched for as words that follow each other"),
        ("http.host:google.com", "layers.http.host:*google.com* finds longer values too"),
        ("user=admin", "'user=admin' is searched for as words that follow each other"),
        ("dns AND protocol:DNS", "'dns' is searched for as a whole word"),
        ('http.host:"a b"', ""),
        ("capture_id:foo", ""),
        ("tcp.port:80", ""),
        ("NOT dns", ""),
        ("http.host:g*", ""),
    ],
)
def test_words_and_values(text: str, said: str, registry: Registry) -> None:
    paths = Paths(registry)
    query = parse(text, registry.kind, paths.field, paths.exists)
    assert said in advised(query) if said else advised(query) == ""
    assert advised(query, found=True) in ("", "each condition has matches, but nothing meets all of them")


def test_conditions_that_no_packet_meets_at_once(registry: Registry) -> None:
    both = parse("dns http", registry.kind)
    assert advised(both, found=True) == "each condition has matches, but nothing meets all of them"
    assert advised(parse("dns", registry.kind), found=True) == ""


def test_times(registry: Registry) -> None:
    """They are named first: a word that is found at other times is not at fault."""
    word = parse("dns", registry.kind)
    assert (
        advised(And((word, read_time_range("2025-01-01", ""))))
        == "none of them is at or after 2025-01-01T00:00:00.000Z"
    )
    assert advised(And((word, read_time_range("", "2024-01-01")))) == "none of them is before 2024-01-01T00:00:00.000Z"
    assert advised(read_time_range("2024-05-01T10:30", "")) == ""
    assert advice(read_time_range("2025-01-01", ""), None, None, lambda part: False) == ""
