"""Documents to bulk requests, and the answer of Elasticsearch to what became of each document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from espcap.base.errors import StoreError
from espcap.documents.packets import Document
from espcap.query.words import words
from espcap.sinks import Outcome, Refusal
from espcap.stores.elasticsearch.connection import TEMPORARY, server_reason
from espcap.stores.elasticsearch.replacing import Version
from espcap.stores.elasticsearch.template import WORDS

LARGEST_REQUEST = 8 << 20
"""Bytes of a bulk request; one document may be more."""

ANSWER = ",".join(f"items.*.{part}" for part in ("_id", "status", "error.type", "error.reason", "error.caused_by"))
"""What of the answer is needed."""

_TEMPORARY_ITEM = TEMPORARY - {500}  # one document that the server stumbles over must not stop the others
_NOT_THE_DOCUMENT = frozenset(["index_closed_exception", "validation_exception"])


class UntrustedAnswerError(Exception):
    """The answer does not say what became of each document."""


def encode(document: Document, replaced: Version | None = None) -> bytes:
    """The two lines of a document in a bulk request; `replaced` is what it takes the place of."""
    place: dict[str, Any] = {"_index": document.index, "_id": document.id}
    if replaced:
        place |= {"if_seq_no": replaced.seq_no, "if_primary_term": replaced.primary_term}
    action = {"index" if replaced else "create": place}
    return b"%b\n%b\n" % (orjson.dumps(action), _with_words(document) if document.info else document.body)


def _with_words(document: Document) -> bytes:
    """The document with the words of its text as a member that is searched and not kept."""
    text = " ".join(words(orjson.loads(document.info)))
    return b'%b,"%b":%b}' % (document.body[:-1], WORDS.encode(), orjson.dumps(text))


def split_by_size(batch: Sequence[Document], largest: int = LARGEST_REQUEST) -> Iterator[list[Document]]:
    """The batch in parts that make requests of at most `largest` bytes where they have more than one document."""
    part: list[Document] = []
    size = 0
    for document in batch:
        length = len(document.body) + len(document.info) + len(document.id) + len(document.index) + 40
        if part and size + length > largest:
            yield part
            part, size = [], 0
        part.append(document)
        size += length
    if part:
        yield part


class Again(NamedTuple):
    """The documents that are to be sent again, and why in the server's words."""

    documents: list[Document]
    reason: str
    disk_is_full: bool
    taken: list[Document]
    """Those whose identifiers are taken."""


def judge(
    sent: Sequence[Document], answer: Any, outcome: Outcome, replaced: Mapping[str, Version] | None = None
) -> Again:
    """Adds what became of the documents to `outcome`; gives back those to send again.

    `replaced` has what they were sent to take the place of.

    Raises UntrustedAnswerError, with `outcome` as it was, and StoreError where a failure is not the document's; then
    `outcome` has all the others.
    """
    again: list[Document] = []
    taken: list[Document] = []
    reason, disk_is_full = "", False
    failure: StoreError | None = None
    for document, item in zip(sent, _items(sent, answer), strict=True):
        status = item["status"]
        if status in (200, 201):
            outcome.stored += not replaced
            outcome.replaced += bool(replaced)
        elif status == 409:
            taken.append(document)
        elif _is_temporary(item) or _is_disk_full(item):
            again.append(document)
            reason = server_reason(item)
            disk_is_full = disk_is_full or _is_disk_full(item)
        elif _is_the_documents(item):
            outcome.refused.append(Refusal(document, server_reason(item)))
        else:
            failure = StoreError(
                f"index {document.index} takes no documents: {server_reason(item)}", "see the index's settings"
            )
    if failure:
        raise failure
    return Again(again, reason, disk_is_full, taken)


def _items(sent: Sequence[Document], answer: Any) -> list[dict[str, Any]]:
    try:
        items = [result for item in answer["items"] for result in item.values()]
        answered = [item["_id"] for item in items if isinstance(item["status"], int)]
    except (TypeError, KeyError, AttributeError) as error:
        raise UntrustedAnswerError from error
    if answered != [document.id for document in sent]:
        raise UntrustedAnswerError
    return items


def _kind(item: dict[str, Any]) -> Any:
    error = item.get("error")
    return error.get("type") if isinstance(error, dict) else ""


def _is_temporary(item: dict[str, Any]) -> bool:
    """Also a server that had no time to make the fields of a document, which it calls its own error."""
    return item["status"] in _TEMPORARY_ITEM or (item["status"] == 500 and "timed out" in server_reason(item))


def _is_disk_full(item: dict[str, Any]) -> bool:
    """A block that the server sets when its disk is full, and takes back when it has room."""
    return _kind(item) == "cluster_block_exception" and (
        item["status"] == 429 or "create-index blocked" in server_reason(item)
    )


def _is_the_documents(item: dict[str, Any]) -> bool:
    return item["status"] not in (401, 403, 404) and _kind(item) not in _NOT_THE_DOCUMENT
