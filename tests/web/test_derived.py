"""Cells and tables of flows and transactions."""

from typing import Any, cast

import pytest

from espcap.documents.types import FLOWS, TRANSACTIONS
from espcap.searches.searcher import Searcher
from espcap.stores import Hit
from espcap.web.columns import columns, row
from espcap.web.derived import members
from espcap.web.derived_columns import COLUMNS
from espcap.web.derived_overview import milliseconds, rate
from espcap.web.view import COLUMNS_OF

FLOW: dict[str, Any] = {
    "@timestamp": "2024-05-01T10:00:00.000000000Z",
    "source": {"ip": "10.0.0.1", "port": 4000, "packets": 1200, "bytes": 90_000},
    "destination": {"ip": "fd00::2", "port": 80, "packets": 7, "bytes": 600},
    "network": {"transport": "tcp"},
    "event": {"duration": 1_500_000_000},
    "tcp": {"state": "reset"},
    "flow": {"end_reason": "reset"},
}
TRANSACTION: dict[str, Any] = {
    "@timestamp": "2024-05-01T10:00:00.000000000Z",
    "type": "http",
    "method": "GET",
    "resource": "/x",
    "status": "Error",
    "client": {"ip": "10.0.0.1", "port": 4000, "bytes": 90},
    "server": {"ip": "10.0.0.2", "port": 80},
    "error": {"message": ["connection reset", "broken"]},
}


@pytest.mark.parametrize(
    ("of", "document", "expected"),
    [
        (FLOWS, FLOW, "tcp|10.0.0.1:4000|[fd00::2]:80|1,200|7|90,000|600|1.500000|reset|reset"),
        (TRANSACTIONS, TRANSACTION, "http|GET|/x|Error||10.0.0.1:4000|10.0.0.2:80|90||connection reset, broken"),
        (FLOWS, {}, "|||||||||"),
        (TRANSACTIONS, {"event": 1, "client": "x", "query": None}, "|||||||||"),
    ],
)
def test_cells(of: Any, document: dict[str, Any], expected: str) -> None:
    shown, errors = columns(COLUMNS_OF[of.name].split(), str, COLUMNS[of])
    assert not errors
    [time, *cells] = row(Hit("", "", document), shown).cells
    assert cells == expected.split("|")
    assert time == ("2024-05-01 10:00:00.000000" if "@timestamp" in document else "")


@pytest.mark.parametrize(
    ("count", "seconds", "text"),
    [
        (10, 2.0, "5/s"),
        (10, 30.0, "20/min"),
        (3, 7200.0, "1.5/h"),
        (1, 864_000.0, "0.1/d"),
        (5000, 1.0, "5,000/s"),
        (1, 0.0, ""),
    ],
)
def test_rate(count: int, seconds: float, text: str) -> None:
    assert rate(count, seconds) == text


def test_milliseconds() -> None:
    assert [milliseconds(each) for each in (None, 0.0, 1_234_567_891.0)] == ["", "0.000", "1,234.568"]


def test_members() -> None:
    """Lists and objects are taken apart; a value that no query finds has no link."""

    class Known:
        def field(self, name: str) -> object:
            return None if name == "odd" else name

    class OnlyRegistry:
        registry = Known()

    document = {"a": {"b": [1, {"c": True}]}, "odd": "x", "long": "y" * 300, "text": 'say "hi"'}
    found = [(each.path, each.text, each.term) for each in members(cast(Searcher, OnlyRegistry()), document)]
    assert found == [
        ("a.b", "1", 'a.b:"1"'),
        ("a.b.c", "true", 'a.b.c:"true"'),
        ("odd", "x", ""),
        ("long", "y" * 300, ""),
        ("text", 'say "hi"', r'text:"say \"hi\""'),
    ]
