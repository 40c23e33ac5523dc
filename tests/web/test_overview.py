"""Lines of the tables: sizes with units, and values in quotes for a query."""

import pytest

from espcap.fields.field import Kind
from espcap.query import Equals
from espcap.query.lucene import parse
from espcap.web.overview import TableLine


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1 kB"), (1_234_567, "1.23 MB"), (5 * 10**12, "5 TB"), (10**17, "100 PB")],
)
def test_size(size: int, text: str) -> None:
    assert TableLine("x", 1, size).size == text


@pytest.mark.parametrize("value", ["http", 'a"b', "a\\", '\\"', "a b:c*"])
def test_quoted(value: str) -> None:
    """The query string that it is put in finds the value."""
    assert parse(f"protocol:{TableLine(value, 1, 1).quoted}", lambda path: Kind.STRING) == Equals("protocol", value)
