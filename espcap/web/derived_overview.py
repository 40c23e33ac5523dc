"""Summarizes the flows or the transactions of a view: over time, services, the slowest, failures, conversations."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from espcap.base.members import end_of
from espcap.base.text import quoted
from espcap.documents.types import FLOWS, PACKETS, TRANSACTIONS, DocumentType
from espcap.query import Query
from espcap.searches.searcher import Searcher
from espcap.searches.services import conversations, failures, response_times, services, slowest, summarize_flows
from espcap.searches.summary import Steps
from espcap.web.derived_columns import COLUMNS
from espcap.web.overview import ROWS, STEPS, histogram, size_text, tables

FAILED = "NOT status:OK"
"""The query string for transactions that failed."""
TIMES = ("p50", "p95", "p99")
_UNITS = (("s", 1), ("min", 60), ("h", 3600), ("d", 86_400))
_SERVICES = 50
"""The most services in the table."""


@dataclass(frozen=True)
class Cell:
    """A cell of a table."""

    text: str
    term: str = ""
    """A query string to add for the documents that the cell counts; empty without a link."""
    open: str = ""
    """The identifier of the document to open; empty without a link."""
    is_number: bool = True


@dataclass(frozen=True)
class WideTable:
    """A table whose columns have titles."""

    title: str
    columns: list[str]
    rows: list[list[Cell]]


def transaction_tables(searcher: Searcher, query: Query) -> list[WideTable]:
    """Returns the tables of services, of the slowest transactions, and of those that failed most often."""
    times = Steps.of(searcher.store, query, STEPS).times
    seconds = (times["max"] - times["min"]) / 1000 if times["count"] else 0.0
    found = [_service(each, seconds) for each in services(searcher, query, _SERVICES)]
    titles = ["Service", "Transactions", "Rate", "Errors", *(f"{name} (ms)" for name in TIMES)]
    return [
        WideTable("Services", titles, found),
        WideTable("Slowest", ["Transaction", "Duration (ms)"], _slowest(searcher, query)),
        WideTable("Failed most often", ["Query", "Transactions"], _failed(searcher, query)),
    ]


def _service(service: dict[str, Any], seconds: float) -> list[Cell]:
    term, count, errors = f"type:{quoted(str(service['value']))}", service["transactions"], service["errors"]
    return [
        _name(str(service["value"]), term),
        Cell(f"{count:,}"),
        Cell(rate(count, seconds)),
        Cell(f"{errors:,}", f"{term} AND {FAILED}" if errors else ""),
        *(Cell(milliseconds(service[name])) for name in TIMES),
    ]


def rate(count: int, seconds: float) -> str:
    """Returns how often something occurs, in the shortest unit that makes it 1 or more; empty without a time span."""
    if not seconds:
        return ""
    unit, length = next(((unit, length) for unit, length in _UNITS if count * length >= seconds), _UNITS[-1])
    number = count * length / seconds
    return f"{number:,.0f}/{unit}" if number >= 1000 else f"{number:.3g}/{unit}"


def _slowest(searcher: Searcher, query: Query) -> list[list[Cell]]:
    columns = COLUMNS[TRANSACTIONS]
    return [
        [
            Cell(" ".join(columns[name].text(hit.source) for name in ("type", "query")), open=hit.id, is_number=False),
            Cell(columns["duration"].text(hit.source)),
        ]
        for hit in slowest(searcher, query, ROWS)
    ]


def _failed(searcher: Searcher, query: Query) -> list[list[Cell]]:
    return [
        [
            _name(str(each["value"]), f"query:{quoted(str(each['value']))} AND {FAILED}"),
            Cell(f"{each['transactions']:,}"),
        ]
        for each in failures(searcher, query, ROWS)
    ]


def flow_tables(searcher: Searcher, query: Query) -> list[WideTable]:
    """Returns the tables of the largest conversations, with both directions, and of the reasons why flows ended."""
    titles = ["Client", "Server", "Protocol", "Packets →", "← Packets", "Bytes →", "← Bytes"]
    ends = summarize_flows(searcher, query, ROWS)["ends"]
    rows = [
        [_name(each["value"], f"flow.end_reason:{quoted(each['value'])}"), Cell(f"{each['flows']:,}")] for each in ends
    ]
    found = [_conversation(each) for each in conversations(searcher, query, ROWS)]
    return [WideTable("Top conversations", titles, found), WideTable("Ended by", ["Reason", "Flows"], rows)]


def _conversation(line: dict[str, Any]) -> list[Cell]:
    return [
        _name(end_of(line["source"]), f"flow.id:{quoted(line['flow'])}"),
        _name(end_of(line["destination"])),
        _name(str(line["protocol"] or line["transport"] or "")),
        *(Cell(f"{line[name]:,}") for name in ("packets", "packets_back")),
        *(Cell(size_text(line[name])) for name in ("bytes", "bytes_back")),
    ]


def _name(text: str, term: str = "") -> Cell:
    return Cell(text, term, is_number=False)


def milliseconds(nanoseconds: float | None) -> str:
    """Returns a time as text; empty if it is None."""
    return "" if nanoseconds is None else f"{nanoseconds / 1e6:,.3f}"


def transaction_histogram(searcher: Searcher, query: Query) -> dict[str, Any]:
    """Returns the transactions, errors and response times over time; see `response_times`."""
    return response_times(searcher, query, STEPS)


class Summary(NamedTuple):
    """A part of the page that is searched for by itself."""

    template: str
    search: Callable[[Searcher, Query], Any]


OVER_TIME: dict[DocumentType, Summary] = {
    PACKETS: Summary("histogram.html", histogram),
    FLOWS: Summary("histogram.html", histogram),
    TRANSACTIONS: Summary("response_times.html", transaction_histogram),
}
"""For each type of documents those over time."""
BREAKDOWN: dict[DocumentType, Summary] = {
    PACKETS: Summary("tables.html", tables),
    FLOWS: Summary("wide_tables.html", flow_tables),
    TRANSACTIONS: Summary("wide_tables.html", transaction_tables),
}
"""For each type of documents its tables."""
