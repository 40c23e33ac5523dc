"""gRPC: the status of a call is a header of HTTP/2, of which Wireshark shows names and values one after the other."""

from typing import Any

from espcap.documents.derived import put
from espcap.transactions.engine import Transaction


def complete(transaction: Transaction, source: dict[str, Any]) -> None:
    """Adds the status of a gRPC call, and takes its path for the method."""
    if source["type"] != "grpc":
        return
    source["method"] = source["query"] = source.get("resource", "")
    headers = dict(pair for message in transaction.responses for pair in _headers(message.tree))
    if "grpc-status" not in headers:
        return
    status = headers["grpc-status"]
    put(source, "grpc.status_code", int(status) if status.isdecimal() else None)
    if status != "0":
        source["status"] = "Error"
        if text := headers.get("grpc-message"):
            put(source, "error.message", [text])


def _headers(tree: list[tuple[str, int, Any]]) -> list[tuple[str, str]]:
    found, name = [], ""
    for field, _, value in tree:
        if field == "http2.header.name":
            name = value
        elif field == "http2.header.value" and name:
            found.append((name, value))
            name = ""
    return found
