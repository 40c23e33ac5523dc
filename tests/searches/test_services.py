"""Services and flows, of documents whose figures are known."""

from typing import Any

import pytest

from espcap.documents.derived import DerivedDocuments
from espcap.documents.packets import Origin
from espcap.documents.types import FLOWS, TRANSACTIONS
from espcap.query import Equals, Everything
from espcap.searches.searcher import Searcher
from espcap.searches.services import summarize_flows, summarize_transactions
from tests.support.documents import CAPTURE

TIME = 1_438_233_732_000_000_000

ASKED: list[tuple[str, str, str, int | None]] = [
    *[("http", "/a", "OK", milliseconds) for milliseconds in (1, 2, 3)],
    ("http", "/b", "Error", 40),
    ("http", "/b", "Error", None),
    ("dns", "example.org", "OK", 5),
    ("dns", "example.org", "Error", None),
    ("ftp", "RETR x", "Error", None),
]
"""Type, query, status and response time of requests; without a time they have no answer."""

FLOWN = [
    ("tcp", 10, 9_000, 7_000, "fin"),
    ("udp", 4, 400, 100, "timeout"),
    ("tcp", 2, 120, 0, "timeout"),
]
"""Transport, packets, bytes, bytes of the server, and the end of flows."""


@pytest.fixture
def transactions(searcher: Searcher) -> Searcher:
    derived = DerivedDocuments(Origin(CAPTURE))
    searcher.of_type(TRANSACTIONS)  # so that their paths are known when they are written
    for number, (kind, query, status, milliseconds) in enumerate(ASKED, 1):
        source: dict[str, Any] = {"type": kind, "query": query, "status": status}
        if milliseconds:
            source["event"] = {"duration": milliseconds * 1_000_000}
        searcher.store.write([derived.document(TRANSACTIONS, TIME, number << 15, source, 9)])
    return searcher.of_type(TRANSACTIONS)


@pytest.fixture
def flows(searcher: Searcher) -> Searcher:
    derived = DerivedDocuments(Origin(CAPTURE))
    searcher.of_type(FLOWS)
    for number, (transport, packets, size, back, end) in enumerate(FLOWN, 1):
        source = {
            "type": "flow",
            "network": {"transport": transport, "packets": packets, "bytes": size},
            "source": {"ip": "192.0.2.1", "port": 40000 + number},
            "destination": {"ip": "192.0.2.2", "port": 80, "bytes": back},
            "event": {"duration": number * 1000},
            "flow": {"end_reason": end},
        }
        searcher.store.write([derived.document(FLOWS, TIME, number, source, 9)])
    return searcher.of_type(FLOWS)


def test_services_with_their_errors_and_response_times(transactions: Searcher) -> None:
    found = summarize_transactions(transactions, Everything(), 10)
    assert (found["transactions"], found["errors"]) == (8, 4)
    services = {each["value"]: each for each in found["services"]}
    counts = {
        name: (each["transactions"], each["errors"], each["answered"], each["maximum"])
        for name, each in services.items()
    }
    assert counts == {"http": (5, 2, 4, 40_000_000), "dns": (2, 1, 1, 5_000_000), "ftp": (1, 1, 0, None)}
    assert [each["value"] for each in found["services"]] == ["http", "dns", "ftp"]
    assert 1_000_000 <= services["http"]["p50"] <= 3_000_000 < services["http"]["p99"] <= 40_000_000
    assert services["ftp"]["p50"] is None


def test_slowest_and_failed_requests(transactions: Searcher) -> None:
    found = summarize_transactions(transactions, Everything(), 2)
    assert [each["event"]["duration"] for each in found["slowest"]] == [40_000_000, 5_000_000]
    assert [each["query"] for each in found["slowest"]] == ["/b", "example.org"]
    assert found["failed"][0] == {"value": "/b", "transactions": 2}
    assert len(found["failed"]) == len(found["services"]) == 2
    assert found["errors"] == 4


@pytest.mark.parametrize("size", [1, 2, 3])
def test_figures_of_a_service_do_not_depend_on_how_many_are_listed(size: int, transactions: Searcher) -> None:
    """Another service has more errors than the largest, and another one more answers."""
    derived = DerivedDocuments(Origin("another"))
    sources: list[dict[str, Any]] = [{"type": "smtp", "query": "RCPT", "status": "Error"} for _ in range(4)]
    sources += [{"type": "ntp", "query": "", "status": "OK", "event": {"duration": 7}} for _ in range(5)]
    transactions.store.write(
        [derived.document(TRANSACTIONS, TIME, number << 15, each, 9) for number, each in enumerate(sources, 1)]
    )
    found = summarize_transactions(transactions, Everything(), size)
    counts = [(each["value"], each["transactions"], each["errors"], each["answered"]) for each in found["services"]]
    assert counts == [("http", 5, 2, 4), ("ntp", 5, 0, 5), ("smtp", 4, 4, 0)][:size]
    assert found["errors"] == 8


def test_services_of_transactions_that_match(transactions: Searcher) -> None:
    found = summarize_transactions(transactions, Equals("query", "/a"), 10)
    assert (found["transactions"], found["errors"], found["failed"]) == (3, 0, [])
    assert [(each["value"], each["errors"], each["answered"]) for each in found["services"]] == [("http", 0, 3)]
    nothing = summarize_transactions(transactions, Equals("type", "none"), 10)
    assert nothing == {"transactions": 0, "errors": 0, "services": [], "slowest": [], "failed": []}


def test_largest_flows_and_their_ends(flows: Searcher) -> None:
    found = summarize_flows(flows, Everything(), 2)
    assert (found["flows"], found["packets"], found["bytes"]) == (3, 16, 9_520)
    assert found["largest"][0] == {
        "source": {"ip": "192.0.2.1", "port": 40001},
        "destination": {"ip": "192.0.2.2", "port": 80, "bytes": 7_000},
        "transport": "tcp",
        "protocol": None,
        "packets": 10,
        "bytes": 9_000,
        "bytes_back": 7_000,
        "duration": 1000,
    }
    assert [each["bytes"] for each in found["largest"]] == [9_000, 400]
    assert found["ends"] == [{"value": "timeout", "flows": 2}, {"value": "fin", "flows": 1}]


def test_flows_that_match(flows: Searcher) -> None:
    found = summarize_flows(flows, Equals("network.transport", "udp"), 10)
    assert (found["flows"], found["packets"], found["bytes"], len(found["largest"])) == (1, 4, 400, 1)
    nothing = summarize_flows(flows, Equals("network.transport", "none"), 10)
    assert nothing == {"flows": 0, "packets": 0, "bytes": 0, "largest": [], "ends": []}
