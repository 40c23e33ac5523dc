"""Sends documents in bulk requests until each has been stored or refused, or patience ends."""

from collections.abc import Sequence
from typing import NamedTuple

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from espcap.documents import Document
from espcap.errors import StoreError
from espcap.stores import Outcome, Refusal
from espcap.stores.elasticsearch.bulk import (
    ANSWER,
    LARGEST_REQUEST,
    UntrustedAnswerError,
    encode,
    judge,
    split_by_size,
)
from espcap.stores.elasticsearch.connection import Connection, is_temporary, store_error
from espcap.stores.elasticsearch.retry import Notice, Patience, Retry

_DISK_FULL = "disk flood-stage: the node takes no documents until its disk has room"


class _Rest(NamedTuple):
    """What a bulk request left to be sent again."""

    documents: list[Document]
    failure: StoreError | None = None
    """None where there is no reason to wait."""
    disk_is_full: bool = False
    answered: bool = True


class BulkSender:
    """Sends to one cluster, for several threads at once. What it learns of the size of requests holds for all."""

    def __init__(self, client: Elasticsearch, connection: Connection, retry: Retry, notice: Notice) -> None:
        self._connection = connection
        self._retry = retry
        self._notice = notice
        self._largest = LARGEST_REQUEST
        seconds = retry.request_seconds(connection.timeout)
        nodes = len(connection.nodes)
        self._client = client.options(request_timeout=seconds, max_retries=nodes - 1)  # Patience does the rest
        self._server_timeout = f"{max(1, int(seconds / 2))}s"  # so that a shard that is away is told, not a timeout

    def send(self, batch: Sequence[Document], outcome: Outcome) -> None:
        """Adds to `outcome` what became of each document, as it is told.

        Raises StoreError where waiting is of no use, or has been of none for too long.
        """
        for part in split_by_size(batch, self._largest):
            self._send(part, outcome)

    def _send(self, documents: list[Document], outcome: Outcome) -> None:
        patience = Patience(self._retry, self._notice)
        parts = [documents]
        while parts:
            part = parts.pop()
            rest = self._request(part, outcome)
            moved = len(rest.documents) < len(part)
            if moved:
                patience.progress()
            if rest.failure:
                patience.wait(rest.failure, rest.disk_is_full, quiet=moved and not rest.disk_is_full)
            middle = 0 if rest.answered else len(rest.documents) // 2  # a smaller request may fare better
            parts += [half for half in (rest.documents[middle:], rest.documents[:middle]) if half]

    def _request(self, documents: list[Document], outcome: Outcome) -> _Rest:
        operations = b"".join(map(encode, documents))
        try:
            answer = self._client.bulk(
                operations=operations,  # type: ignore[arg-type]
                filter_path=ANSWER,
                timeout=self._server_timeout,
            )
            again = judge(documents, answer.body, outcome)
        except UntrustedAnswerError:
            return _Rest(documents, self._failure("gives answers that do not fit the documents sent"))
        except (ApiError, TransportError) as error:
            if isinstance(error, ApiError) and error.status_code == 413:
                return self._too_large(documents, len(operations), outcome)
            if not is_temporary(error):
                raise store_error(self._connection, error) from error
            return _Rest(documents, store_error(self._connection, error), answered=False)
        reason = f"{_DISK_FULL}: {again.reason}" if again.disk_is_full else f"is busy: {again.reason}"
        return _Rest(again.documents, self._failure(reason) if again.documents else None, again.disk_is_full)

    def _failure(self, cause: str) -> StoreError:
        return StoreError(f"{self._connection.addresses} {cause}", "see the log of the node")

    def _too_large(self, documents: list[Document], size: int, outcome: Outcome) -> _Rest:
        if len(documents) > 1:
            self._largest = min(self._largest, max(1, size // 2))
            return _Rest(documents, answered=False)
        reason = f"{len(documents[0].body):,} bytes are more than the node takes (http.max_content_length)"
        outcome.refused.append(Refusal(documents[0], reason))
        return _Rest([])
