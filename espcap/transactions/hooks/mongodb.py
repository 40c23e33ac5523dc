"""MongoDB: a command is the name of the first element of a document, the error of an answer one of its elements."""

from typing import Any

from espcap.documents.derived import put
from espcap.transactions.engine import Transaction
from espcap.transactions.messages import Message


def complete(transaction: Transaction, source: dict[str, Any]) -> None:
    """Adds the collection of a command, and the error of an answer."""
    request = transaction.request
    if request and not source.get("resource"):
        elements = _elements(request)
        if elements:
            name, value = next(iter(elements.items()))
            database = elements.get("$db", "")
            target = f"{database}.{value}" if isinstance(value, str) and database else str(value or name)
            source["method"], source["resource"], source["query"] = name, target, target
    for message in transaction.responses:
        answer = _elements(message)
        if answer.get("ok") == 0 or "errmsg" in answer or "writeErrors" in answer:
            source["status"] = "Error"
            if (text := _first(message, "errmsg")) is not None:
                put(source, "error.message", [str(text)])
            if (code := _first(message, "code")) is not None:
                put(source, "mongodb.error_code", code)


def _first(message: Message, wanted: str) -> Any:
    """Returns the value of the first element of a name, at any depth; None if there is none."""
    name = ""
    for field, _, value in message.tree:
        if field == "mongo.element.name":
            name = str(value)
        elif field.startswith("mongo.element.value") and name == wanted:
            return value
    return None


def _elements(message: Message) -> dict[str, Any]:
    """Returns the elements at the top of the document."""
    found: dict[str, Any] = {}
    name, least = "", 1 << 30
    for field, depth, value in message.tree:
        if field == "mongo.element.name":
            least = min(least, depth)
            name = str(value) if depth == least else ""
            if name:
                found.setdefault(name, None)
        elif field.startswith("mongo.element.value") and name and found.get(name) is None:
            found[name] = value
    return found
