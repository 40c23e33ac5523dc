"""Documents to bulk requests, and the answer of Elasticsearch to what became of each document."""

from collections.abc import Iterator, Sequence
from typing import Any

import orjson

from espcap.documents import Document
from espcap.errors import StoreError
from espcap.stores import Outcome, Refusal
from espcap.stores.elasticsearch.connection import server_reason

LARGEST_REQUEST = 8 << 20
"""Bytes of a bulk request; one document may be more."""

ANSWER = ",".join(f"items.create.{part}" for part in ("_id", "status", "error.type", "error.reason", "error.caused_by"))
"""What of the answer is needed."""

TEMPORARY = frozenset([429, 500, 502, 503, 504])
_TEMPORARY_ITEM = TEMPORARY - {500}  # one document that the server stumbles over must not stop the others
_NOT_THE_DOCUMENT = frozenset(["index_closed_exception", "validation_exception"])


class UntrustedAnswerError(Exception):
    """The answer does not say what became of each document."""


def encode(document: Document) -> bytes:
    """The two lines of a document in a bulk request."""
    action = {"create": {"_index": document.index, "_id": document.id}}
    return b"%b\n%b\n" % (orjson.dumps(action), document.body)


def split_by_size(batch: Sequence[Document], largest: int = LARGEST_REQUEST) -> Iterator[list[Document]]:
    """The batch in parts that make requests of at most `largest` bytes where they have more than one document."""
    part: list[Document] = []
    size = 0
    for document in batch:
        length = len(document.body) + len(document.id) + len(document.index) + 40
        if part and size + length > largest:
            yield part
            part, size = [], 0
        part.append(document)
        size += length
    if part:
        yield part


def judge(sent: Sequence[Document], answer: Any, outcome: Outcome) -> tuple[list[Document], str]:
    """Adds what became of the documents to `outcome`; gives back those to send again, and why.

    Raises UntrustedAnswerError, with `outcome` as it was, and StoreError where the failure is not the document's.
    """
    again: list[Document] = []
    reason = ""
    for document, item in zip(sent, _items(sent, answer), strict=True):
        status = item["status"]
        if status in (200, 201):
            outcome.stored += 1
        elif status == 409:
            outcome.already_there += 1
        elif status in _TEMPORARY_ITEM:
            again.append(document)
            reason = server_reason(item)
        else:
            outcome.refused.append(_refusal(document, item))
    return again, reason


def _items(sent: Sequence[Document], answer: Any) -> list[dict[str, Any]]:
    try:
        items = [item["create"] for item in answer["items"]]
        answered = [item["_id"] for item in items if isinstance(item["status"], int)]
    except (TypeError, KeyError) as error:
        raise UntrustedAnswerError from error
    if answered != [document.id for document in sent]:
        raise UntrustedAnswerError
    return items


def _refusal(document: Document, item: dict[str, Any]) -> Refusal:
    error = item.get("error")
    kind = error.get("type") if isinstance(error, dict) else ""
    if item["status"] in (401, 403, 404) or kind in _NOT_THE_DOCUMENT:
        raise StoreError(
            f"index {document.index} takes no documents: {server_reason(item)}", "see the index's settings"
        )
    return Refusal(document, server_reason(item))
