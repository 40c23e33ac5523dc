"""MongoDB's protocol: FerretDB as the server, a dialogue as the client."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import bson

from ..network import SERVER_IP, recording
from .log import Transaction
from .programs import folder, program
from .sockets import converse

PORT, OP_MSG = 27017, 2013
WRONG = (
    "unknown top level operator: $wrong. If you have a field name that starts with a '$' symbol, "
    "consider using $getField or $setField."
)


@contextmanager
def server() -> Iterator[None]:
    with folder() as place:
        options = (f"--sqlite-url=file:{place}/", f"--state-dir={place}", "--handler=sqlite", "--debug-addr=-")
        with program("ferretdb", *options, f"--listen-addr={SERVER_IP}:{PORT}", "--telemetry=disable", port=PORT):
            yield


def command(number: int, document: dict[str, Any], error: str = "") -> Transaction:
    """A command with the number of its message; its answer names the number."""
    content = bson.encode({**document, "$db": "shop"})
    body = number.to_bytes(4, "little") + bytes(4) + OP_MSG.to_bytes(4, "little") + bytes(4)
    sent = (len(body) + 5 + len(content)).to_bytes(4, "little") + body + b"\0" + content
    end = number.to_bytes(4, "little") + OP_MSG.to_bytes(4, "little")
    method, value = next(iter(document.items()))
    more: dict[str, object] = {"request": number}
    if isinstance(value, str):
        more["resource"] = f"shop.{value}"
    return Transaction(method, sent, end, error, more=more)


SINGLE = (
    command(1, {"hello": 1}),
    command(2, {"insert": "item", "documents": [{"_id": 1, "name": "one"}, {"_id": 2, "name": "two"}]}),
    command(3, {"find": "item", "filter": {"_id": {"$gt": 0}}}),
    command(4, {"insert": "item", "documents": [{"_id": 1}]}, "E11000 duplicate key error collection: shop.item"),
    command(5, {"update": "item", "updates": [{"q": {"_id": 1}, "u": {"$set": {"name": "eins"}}}]}),
    command(6, {"aggregate": "item", "pipeline": [{"$count": "n"}], "cursor": {}}),
    command(7, {"frobnicate": 1}, "no such command: 'frobnicate'"),
)
PIPELINE = (
    command(8, {"count": "item"}),
    command(9, {"find": "item", "filter": {"$wrong": 1}}, WRONG),
    command(10, {"delete": "item", "deletes": [{"q": {"_id": 2}, "limit": 1}]}),
)
UNANSWERED = replace(command(11, {"find": "item"}), received=None, error="connection reset", connection=1)


def mongodb(path: Path) -> list[Transaction]:
    """Commands, errors, three commands in one segment, and one whose connection is reset before the answer."""
    with recording(path, f"tcp port {PORT}"), server():
        return converse(PORT, SINGLE, PIPELINE, UNANSWERED)
