"""The predefined columns of the lists of flows and transactions."""

from typing import Any

from espcap.base.members import end_of, part, values_at
from espcap.documents.types import FLOWS, PACKETS, TRANSACTIONS
from espcap.web.columns import PREDEFINED, Column, Document, shown, time_of


def _at(name: str, title: str, path: str, *others: str, is_number: bool = False) -> Column:
    """A column with the values at a path, or at the first of other paths that has some."""

    def text(document: Document) -> str:
        found = next((values for each in (path, *others) if (values := values_at(document, each))), [])
        return shown([_grouped(value) for value in found] if is_number else found)

    return Column(name, title, path, text, is_number)


def _grouped(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _time(title: str) -> Column:
    return Column("time", title, "@timestamp", time_of)


def _end(name: str, title: str, path: str) -> Column:
    return Column(name, title, f"{path}.ip", lambda document: end_of(part(document, path)))


def _duration(title: str, unit: float, decimals: int) -> Column:
    """`unit` is in nanoseconds."""

    def text(document: Document) -> str:
        found = part(document, "event").get("duration")
        return f"{found / unit:,.{decimals}f}" if isinstance(found, int) else ""

    return Column("duration", title, "event.duration", text, is_number=True)


_FILE = PREDEFINED["file"]
_FLOW_COLUMNS = (
    _time("Start (UTC)"),
    _at("protocol", "Protocol", "network.protocol", "network.transport"),
    _end("client", "Client", "source"),
    _end("server", "Server", "destination"),
    _at("packets", "Packets →", "source.packets", is_number=True),
    _at("packets_back", "← Packets", "destination.packets", is_number=True),
    _at("bytes", "Bytes →", "source.bytes", is_number=True),
    _at("bytes_back", "← Bytes", "destination.bytes", is_number=True),
    _duration("Duration (s)", 1e9, 6),
    _at("state", "State", "tcp.state"),
    _at("end", "Ended by", "flow.end_reason"),
    _FILE,
)
_TRANSACTION_COLUMNS = (
    _time("Time (UTC)"),
    _at("type", "Type", "type"),
    _at("method", "Method", "method"),
    _at("query", "Query", "query", "resource"),
    _at("resource", "Resource", "resource"),
    _at("status", "Status", "status"),
    _duration("Duration (ms)", 1e6, 3),
    _end("client", "Client", "client"),
    _end("server", "Server", "server"),
    _at("bytes", "Bytes →", "client.bytes", is_number=True),
    _at("bytes_back", "← Bytes", "server.bytes", is_number=True),
    _at("error", "Error", "error.message"),
    _FILE,
)
COLUMNS = {
    PACKETS: PREDEFINED,
    FLOWS: {column.name: column for column in _FLOW_COLUMNS},
    TRANSACTIONS: {column.name: column for column in _TRANSACTION_COLUMNS},
}
"""The predefined columns of each type of documents, by their names."""
