"""Sends documents in bulk requests until each one is stored or rejected, or the time for retries is over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from elastic_transport import TransportError
from elasticsearch import ApiError, Elasticsearch

from espcap.base.errors import StoreError
from espcap.documents.packets import Document
from espcap.sinks import Outcome, Rejection
from espcap.stores.elasticsearch.bulk import (
    ANSWER,
    LARGEST_REQUEST,
    UntrustedAnswerError,
    encode,
    judge,
    split_by_size,
)
from espcap.stores.elasticsearch.connection import Connection, is_temporary, store_error
from espcap.stores.elasticsearch.replacing import Version, look_up
from espcap.stores.elasticsearch.retry import Notice, Patience, Retry

_DISK_FULL = "disk flood-stage: the node accepts no documents until its disk has free space"


@dataclass(frozen=True)
class _Part:
    """The documents of one request: all of them are to be created, or all are to replace others."""

    documents: Sequence[Document]
    replaced: Mapping[str, Version] = field(default_factory=dict)

    def of(self, documents: Sequence[Document]) -> "_Part":
        """Returns a part with only these documents."""
        return _Part(documents, self.replaced)


class _Rest(NamedTuple):
    """The documents that are to be sent again after a bulk request."""

    documents: list[Document]
    failure: StoreError | None = None
    """The failure to wait for; None if there is no need to wait."""
    disk_is_full: bool = False
    answered: bool = True
    """Whether the server answered for each document."""
    taken: Sequence[Document] = ()
    """Documents whose identifiers are already in the index."""


class BulkSender:
    """Sends documents to one cluster, from several threads, which share the request size that the server accepts."""

    def __init__(self, client: Elasticsearch, connection: Connection, retry: Retry, notice: Notice) -> None:
        self._connection = connection
        self._retry = retry
        self._notice = notice
        self._largest = LARGEST_REQUEST
        seconds = retry.request_seconds(connection.timeout)
        nodes = len(connection.nodes)
        self._client = client.options(
            request_timeout=seconds, max_retries=nodes - 1
        )  # Patience waits between further attempts
        self._server_timeout = (
            f"{max(1, int(seconds / 2))}s"  # less than the client's: the answer then names a missing shard
        )

    def send(self, batch: Sequence[Document], outcome: Outcome) -> None:
        """Sends the documents, and adds the result for each one to `outcome` as the server answers.

        Raises StoreError for a failure that does not pass, and after `give_up_after` seconds without progress.
        """
        for part in split_by_size(batch, self._largest):
            self._send(part, outcome)

    def _send(self, documents: list[Document], outcome: Outcome) -> None:
        patience = Patience(self._retry, self._notice)
        parts = [_Part(documents)]
        while parts:
            part = parts.pop()
            rest = self._request(part, outcome)
            moved = len(rest.documents) + len(rest.taken) < len(part.documents)
            if moved:
                patience.progress()
            if rest.failure:
                patience.wait(rest.failure, rest.disk_is_full, quiet=moved and not rest.disk_is_full)
            middle = 0 if rest.answered else len(rest.documents) // 2  # a smaller request may succeed
            parts += [part.of(half) for half in (rest.documents[middle:], rest.documents[:middle]) if half]
            if rest.taken:
                parts += self._look_up(rest.taken, outcome, patience)

    def _look_up(self, documents: Sequence[Document], outcome: Outcome, patience: Patience) -> list[_Part]:
        """Looks up documents whose identifiers are in the index already. Returns the parts that are to be sent."""
        while True:
            try:
                taken = look_up(self._client, documents, outcome)
            except (ApiError, TransportError) as error:
                if not is_temporary(error):
                    raise store_error(self._connection, error) from error
                patience.wait(store_error(self._connection, error))
                continue
            if len(taken.to_create) < len(documents):
                patience.progress()
            else:
                patience.wait(self._failure("does not report which documents it has"))
            replacing = _Part(
                [document for document, _ in taken.to_replace],
                {document.id: version for document, version in taken.to_replace},
            )
            return [part for part in (_Part(taken.to_create), replacing) if part.documents]

    def _request(self, part: _Part, outcome: Outcome) -> _Rest:
        documents = list(part.documents)
        operations = b"".join([encode(document, part.replaced.get(document.id)) for document in documents])
        try:
            answer = self._client.bulk(
                operations=operations,  # type: ignore[arg-type]
                filter_path=ANSWER,
                timeout=self._server_timeout,
            )
            unfinished = judge(documents, answer.body, outcome, part.replaced)
        except UntrustedAnswerError:
            return _Rest(documents, self._failure("sends answers that do not match the documents"))
        except (ApiError, TransportError) as error:
            if isinstance(error, ApiError) and error.status_code == 413:
                return self._too_large(documents, len(operations), outcome)
            if not is_temporary(error):
                raise store_error(self._connection, error) from error
            return _Rest(documents, store_error(self._connection, error), answered=False)
        reason = f"{_DISK_FULL}: {unfinished.reason}" if unfinished.disk_is_full else f"is busy: {unfinished.reason}"
        failure = self._failure(reason) if unfinished.documents else None
        return _Rest(unfinished.documents, failure, unfinished.disk_is_full, taken=unfinished.taken)

    def _failure(self, cause: str) -> StoreError:
        return StoreError(f"{self._connection.addresses} {cause}", "see the log of the node")

    def _too_large(self, documents: list[Document], size: int, outcome: Outcome) -> _Rest:
        if len(documents) > 1:
            self._largest = min(self._largest, max(1, size // 2))
            return _Rest(documents, answered=False)
        reason = f"{len(documents[0].body):,} bytes are more than the node accepts (http.max_content_length)"
        outcome.rejected.append(Rejection(documents[0], reason))
        return _Rest([])
