"""Builds the documents of transactions. Their names are those of the Elastic Common Schema and of Packetbeat."""

from importlib import import_module
from typing import Any

from espcap.base.times import timestamp
from espcap.documents.derived import DerivedDocuments, put
from espcap.documents.packets import Document
from espcap.documents.types import MESSAGES_OF_PACKET, PACKETS, TRANSACTIONS
from espcap.flows.documents import ends_of, flow_id, network_of
from espcap.transactions.declaration import FieldRule, RecordRule
from espcap.transactions.engine import Transaction
from espcap.transactions.messages import Message

_MOST_RECORDS = 1000
"""The most objects of a list in a document."""


def build_transaction(transaction: Transaction, derived: DerivedDocuments, read: int) -> Document:
    """Returns the document of a transaction. `read` is the number of the last packet that was read."""
    declaration, request, responses = transaction.declaration, transaction.request, transaction.responses
    first = request or responses[0]
    declared = _declared_status(transaction)
    client, server = ends_of(transaction.flow)
    if request and request.direction == 1:
        client, server = server, client
    source: dict[str, Any] = {
        "@timestamp": timestamp(first.time),
        "type": _type(transaction),
        "status": _status(transaction, declared),
        "event": _event(transaction),
        "flow": {"id": flow_id(transaction.flow, derived.origin.capture_id)},
        "network": network_of(transaction.flow) | {"protocol": declaration.type},
    }
    _add_sizes(transaction, client, server)
    source |= {"client": client, "server": server, "source": dict(client), "destination": dict(server)}
    _add_halves(transaction, source, derived.origin.capture_id)
    _add_texts(transaction, source, declared)
    if declaration.hook:
        hook = import_module(f"espcap.transactions.hooks.{declaration.hook}")
        hook.complete(transaction, source)
    number = first.frame * MESSAGES_OF_PACKET + first.place
    source["event"]["id"] = TRANSACTIONS.identifier(derived.origin.capture_id, number)
    return derived.document(TRANSACTIONS, first.time, number, source, read)


def _type(transaction: Transaction) -> str:
    message = transaction.request or transaction.responses[0]
    return next((name for name, holds in transaction.declaration.types if holds(message)), transaction.declaration.type)


def _status(transaction: Transaction, declared: str) -> str:
    if not transaction.responses or not transaction.request:
        is_one_way = transaction.request and not transaction.note
        return declared or ("OK" if is_one_way else "Error")
    if transaction.note:
        return "Error"
    return declared or "OK"


def _declared_status(transaction: Transaction) -> str:
    messages = transaction.responses or [each for each in (transaction.request,) if each]
    for name, holds in transaction.declaration.status:
        if any(holds(message) for message in messages):
            return name
    return ""


def _event(transaction: Transaction) -> dict[str, Any]:
    event: dict[str, Any] = {"kind": "event", "category": ["network"], "dataset": transaction.declaration.type}
    request, responses = transaction.request, transaction.responses
    if request:
        event["start"] = timestamp(request.time)
    if responses:
        event["end"] = timestamp(transaction.last_time)
    if request and responses:
        event["duration"] = transaction.last_time - request.time
        event["first_response"] = min(responses[0].begins, responses[0].time) - request.time
    return event


def _add_sizes(transaction: Transaction, client: dict[str, Any], server: dict[str, Any]) -> None:
    if transaction.request and transaction.request.size is not None:
        client["bytes"] = transaction.request.size
    if transaction.responses and transaction.response_size is not None:
        server["bytes"] = transaction.response_size


def _add_halves(transaction: Transaction, source: dict[str, Any], capture_id: str) -> None:
    """Adds the packets of the request and of the answer, and why one of them is missing."""
    if request := transaction.request:
        source["request"] = {"frame": request.frame, "id": PACKETS.identifier(capture_id, request.frame)}
        if request.last_frame > request.frame:
            source["request"]["last_frame"] = request.last_frame
    if transaction.responses:
        frame = transaction.last_frame
        source["response"] = {"frame": frame, "id": PACKETS.identifier(capture_id, frame)}
        source["response"]["first_frame"] = transaction.responses[0].frame
    if transaction.note:
        source["error"] = {"message": [transaction.note]}


def _add_texts(transaction: Transaction, source: dict[str, Any], declared: str) -> None:
    declaration, request, responses = transaction.declaration, transaction.request, transaction.responses
    asked = request or responses[0]
    for name, template in declaration.texts.items():
        if (text := template.fill(asked)) is not None:
            source[name] = text if isinstance(text, str) else str(text)
    if method := next((name for name, holds in declaration.methods if holds(asked)), ""):
        source["method"] = method
    if declaration.error and declared not in ("", "OK"):
        for message in responses:
            if (text := declaration.error.fill(message)) is not None:
                source.setdefault("error", {}).setdefault("message", []).append(str(text))
                break
    for rule in declaration.fields:
        _add_field(rule, source, request, responses)
    for path, count in transaction.counts.items():
        put(source, path, count)
    for record in declaration.records:
        _add_records(record, source, [request] if record.side == "request" and request else responses)


def _add_field(rule: FieldRule, source: dict[str, Any], request: Message | None, responses: list[Message]) -> None:
    if request and rule.side != "response" and (value := rule.template.fill(request)) is not None:
        put(source, rule.path, value)
    elif rule.side != "request":
        for response in responses:
            if (value := rule.template.fill(response)) is not None:
                put(source, rule.path, value)
                break


def _add_records(rule: RecordRule, source: dict[str, Any], messages: list[Message]) -> None:
    found = [record for message in messages for record in _records(rule, message)]
    if found:
        put(source, rule.path, found[:_MOST_RECORDS])


def _records(rule: RecordRule, message: Message) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    members = {name: member for member, names in rule.members.items() for name in names}
    for name, _, value in message.tree:
        if name == rule.begin:
            found.append({})
        if found and name in members:
            found[-1].setdefault(members[name], value)
    count = message.first(rule.count)
    return found[:count] if isinstance(count, int) else found
