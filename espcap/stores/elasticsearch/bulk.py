"""Makes bulk requests from documents, and reads the result for each document from Elasticsearch's answer."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from espcap.base.errors import StoreError
from espcap.documents.packets import Document
from espcap.query.words import words
from espcap.sinks import Outcome, Rejection
from espcap.stores.elasticsearch.connection import TEMPORARY, server_reason
from espcap.stores.elasticsearch.replacing import Version
from espcap.stores.elasticsearch.template import WORDS

LARGEST_REQUEST = 8 << 20
"""Largest size of a bulk request in bytes; a single document may be larger."""

ANSWER = ",".join(f"items.*.{part}" for part in ("_id", "status", "error.type", "error.reason", "error.caused_by"))
"""The members of the answer that are needed, for `filter_path`."""

_TEMPORARY_ITEM = TEMPORARY - {500}  # a document that causes an error of the server must not stop the others
_NOT_THE_DOCUMENT = frozenset(["index_closed_exception", "validation_exception"])


class UntrustedAnswerError(Exception):
    """The answer does not have a result for each document."""


def encode(document: Document, replaced: Version | None = None) -> bytes:
    """Returns the two lines of a document in a bulk request. `replaced` is the version that it is to replace."""
    place: dict[str, Any] = {"_index": document.index, "_id": document.id}
    if replaced:
        place |= {"if_seq_no": replaced.seq_no, "if_primary_term": replaced.primary_term}
    action = {"index" if replaced else "create": place}
    return b"%b\n%b\n" % (orjson.dumps(action), _with_words(document) if document.info else document.body)


def _with_words(document: Document) -> bytes:
    """Returns the document with the words of its Info column as a further member, which is indexed and not stored."""
    text = " ".join(words(orjson.loads(document.info)))
    return b'%b,"%b":%b}' % (document.body[:-1], WORDS.encode(), orjson.dumps(text))


def split_by_size(batch: Sequence[Document], largest: int = LARGEST_REQUEST) -> Iterator[list[Document]]:
    """Yields parts of the batch whose requests have at most `largest` bytes, or a single document."""
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


class Unfinished(NamedTuple):
    """The documents of a bulk request that are neither stored nor rejected, and are to be sent again."""

    documents: list[Document]
    """Documents that the server could not store at that moment."""
    reason: str
    """The server's reason; empty if `documents` is empty."""
    disk_is_full: bool
    taken: list[Document]
    """Documents whose identifiers are already in the index."""


def judge(
    sent: Sequence[Document], answer: Any, outcome: Outcome, replaced: Mapping[str, Version] | None = None
) -> Unfinished:
    """Adds the results of a bulk request to `outcome`, and returns the documents to send again.

    `replaced` has the versions that the documents were to replace, by identifier.

    Raises UntrustedAnswerError if the answer does not fit the documents; `outcome` then is unchanged. Raises StoreError
    if an index accepts no documents; `outcome` then has the results of all other documents.
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
            outcome.rejected.append(Rejection(document, server_reason(item)))
        else:
            failure = StoreError(
                f"index {document.index} accepts no documents: {server_reason(item)}", "see the index's settings"
            )
    if failure:
        raise failure
    return Unfinished(again, reason, disk_is_full, taken)


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
    """Returns whether the same document may succeed later. Status 500 is temporary only if new fields timed out."""
    return item["status"] in _TEMPORARY_ITEM or (item["status"] == 500 and "timed out" in server_reason(item))


def _is_disk_full(item: dict[str, Any]) -> bool:
    """Returns whether the server has blocked the index because its disk is full. It removes the block by itself."""
    return _kind(item) == "cluster_block_exception" and (
        item["status"] == 429 or "create-index blocked" in server_reason(item)
    )


def _is_the_documents(item: dict[str, Any]) -> bool:
    return item["status"] not in (401, 403, 404) and _kind(item) not in _NOT_THE_DOCUMENT
