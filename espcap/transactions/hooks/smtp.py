"""SMTP: a message gets its sender and its recipients from the commands before it."""

from typing import Any

from espcap.documents.derived import put
from espcap.transactions.engine import Transaction

_MOST_RECIPIENTS = 1000


def complete(transaction: Transaction, source: dict[str, Any]) -> None:
    """Remembers senders and recipients, and adds them to the message."""
    memory = transaction.flow.state.memory
    method, address = source.get("method"), _address(source.get("resource", ""))
    if transaction.request and "smtp.eom" in transaction.request.values:
        mail = memory.pop(("smtp", "mail"), None)
        if mail:
            source["resource"], source["query"] = mail["from"], f"MAIL FROM:<{mail['from']}>"
            put(source, "email.from.address", mail["from"])
            put(source, "email.to.address", mail["to"])
            put(source, "smtp.rejected", mail["rejected"])
    elif method == "MAIL":
        memory["smtp", "mail"] = {"from": address, "to": [], "rejected": []}
    elif method == "RCPT" and (mail := memory.get(("smtp", "mail"))):
        recipients = mail["to"] if source["status"] == "OK" else mail["rejected"]
        if len(recipients) < _MOST_RECIPIENTS:
            recipients.append(address)
    elif method in ("RSET", "EHLO", "HELO"):
        memory.pop(("smtp", "mail"), None)


def _address(parameter: str) -> str:
    """Returns the address in a parameter such as `FROM:<a@example.test> SIZE=10`."""
    return parameter.partition(":")[2].strip().partition(" ")[0].strip("<>")
