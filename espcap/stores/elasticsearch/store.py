"""The store in an Elasticsearch cluster of version 8 or 9."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from elastic_transport import ObjectApiResponse, TransportError
from elasticsearch import ApiError, NotFoundError

from espcap.base.errors import StoreError, UsageError
from espcap.base.text import shell_word
from espcap.documents.packets import Document
from espcap.documents.types import PACKETS, TYPES, DocumentType
from espcap.fields.own_fields import OwnFields
from espcap.fields.registry import Registry
from espcap.query import Query
from espcap.query.words import check_sortable, fields_of
from espcap.sinks import Outcome
from espcap.stores import SIMPLER, TO_FILL, SearchResult, StoredDay
from espcap.stores.elasticsearch.connection import (
    PRODUCT_HEADER,
    Connection,
    as_store_error,
    connect,
    is_temporary,
    server_reason,
    store_error,
)
from espcap.stores.elasticsearch.lifecycle import NOT_SUPPORTED, build_policy, seconds_kept
from espcap.stores.elasticsearch.query_dsl import aggregation_body, search_body, search_result
from espcap.stores.elasticsearch.record import NAME as RECORD
from espcap.stores.elasticsearch.record import add_to_record, read_record, type_fields
from espcap.stores.elasticsearch.retry import Notice, Patience, Retry
from espcap.stores.elasticsearch.ruling import find_misfits, find_rival, shortened
from espcap.stores.elasticsearch.sender import BulkSender
from espcap.stores.elasticsearch.template import PRIORITY, build_template

_PATTERNS = ",".join(each.pattern for each in TYPES)
_REACH_SECONDS = 4.0
_DELETED_AT_ONCE = 10_000
_OK = 200
_MAY_NOT = (401, 403)
"""HTTP statuses of the answer if the user does not have the right."""
_REFRESHED_AT_ONCE = 100  # their names fit in a URL


class _Installed(NamedTuple):
    """Version and lifecycle policy of the index template that the cluster has."""

    version: int | None = None
    lifecycle: str = ""


class ElasticsearchStore:
    """The Store of the cluster at `connection`. Sends no request before the first call of a method."""

    writes_at_once = 2
    batches_ahead = 0  # an interrupted run would lose batches that wait

    def __init__(
        self,
        connection: Connection,
        registry: Registry,
        retry: Retry | None = None,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> None:
        """`on_note` is called with a line of text when the store begins to wait for the cluster, and when it is back.

        Raises UsageError if an address or the certificate file is not valid.
        """
        self._connection = connection
        self._registry = registry
        self._retry = retry or Retry()
        self._on_note = on_note
        self._notice = Notice(connection.addresses, on_note)
        self._client = connect(connection)
        self._sender = BulkSender(self._client, connection, self._retry, self._notice)
        self._written: set[str] = set()

    def prepare(self) -> None:
        """Writes the index template, if the cluster has another version of it. Keeps its lifecycle policy.

        Raises StoreError if packets are not, or would not be, indexed as the template says.
        """
        patience = Patience(self._retry, self._notice)
        while True:
            try:
                self._put_template()
                self._check()
                return patience.progress()
            except (ApiError, TransportError) as error:
                failure = store_error(self._connection, error)
                if not (self._retry.from_the_start and is_temporary(error)):
                    raise failure from error
                patience.wait(failure)

    def _put_template(self) -> None:
        installed = {documents: self._installed(documents) for documents in TYPES}
        lifecycle = installed[PACKETS].lifecycle
        if self._registry.own:
            self._record(self._registry.own, bool(lifecycle))
        self._own_fields()  # fails while the cluster starts: shards are available later than templates
        for documents, known in installed.items():
            template = build_template(self._registry, lifecycle, documents)
            if known.version != template["version"]:
                self._client.indices.put_index_template(name=documents.name, body=template)

    def _record(self, own: OwnFields, has_lifecycle: bool) -> None:
        addresses = self._connection.addresses
        try:
            add_to_record(self._client, own, addresses, has_lifecycle)
        except ApiError as error:
            if error.status_code not in _MAY_NOT:
                raise
            reason = server_reason(error.body)
            self._on_note(
                f"{addresses} does not record the fields of the profile, so searches do not know them: {reason}"
            )
        if reason := type_fields(self._client, own):
            self._on_note(f"{addresses}: in existing indices, some fields of the profile are text: {reason}")

    def own_fields(self) -> OwnFields | None:
        """Returns the fields of own dissectors that are recorded in the cluster; None without a record."""
        with as_store_error(self._connection):
            return self._own_fields()

    def _own_fields(self) -> OwnFields | None:
        try:
            return read_record(self._client, self._connection.addresses)
        except ApiError as error:
            if error.status_code in _MAY_NOT:
                return None
            raise

    def check(self) -> None:
        """Raises StoreError if another template applies to packets, or if an index has other types than ours."""
        with as_store_error(self._connection):
            self._check()

    def _check(self) -> None:
        addresses = self._connection.addresses
        if rival := find_rival(self._client):
            message = f"{addresses} has another index template, {rival.name} (priority {rival.priority}), that applies"
            hint = f"give it a priority below {PRIORITY}, or patterns that do not match {PACKETS.pattern}"
            raise StoreError(f"{message} to {PACKETS.pattern}: packets could not be searched", hint)
        if misfits := find_misfits(self._client):
            message = f"{addresses} has indices in which packets cannot be searched: {shortened(misfits)}"
            raise StoreError(message, f"delete them, or reindex them under names that do not match {PACKETS.pattern}")

    def _installed(self, documents: DocumentType) -> _Installed:
        """Returns the installed template of a type of documents.

        As the first request, it has a short timeout for nodes that do not answer.
        """
        nodes = len(self._connection.nodes)
        seconds = min(self._connection.timeout, _REACH_SECONDS / nodes)
        client = self._client.options(request_timeout=seconds, retry_on_timeout=nodes > 1)
        paths = "index_templates.index_template.version", "**.settings.index.lifecycle.name"
        try:
            answer = client.indices.get_index_template(name=documents.name, filter_path=",".join(paths))
            template = answer["index_templates"][0]["index_template"]
            index = template.get("template", {}).get("settings", {}).get("index", {})
            return _Installed(template.get("version"), index.get("lifecycle", {}).get("name", ""))
        except NotFoundError as error:
            if PRODUCT_HEADER not in error.meta.headers:
                raise
        except (KeyError, TypeError, ValueError, AttributeError):
            pass  # a template of this name that another program has made can have any form
        return _Installed()

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Stores the documents that are not stored yet. Waits and sends again if the cluster is busy or away."""
        outcome = outcome or Outcome()
        self._written.update(document.index for document in batch)
        self._sender.send(batch, outcome)
        return outcome

    def flush(self, more_comes: bool = False) -> None:
        """Does nothing: acknowledged documents are durable, with the default `index.translog.durability`."""

    def flush_if_due(self) -> None:
        """Does nothing, as `flush`."""

    def not_durable(self) -> Outcome:
        """Returns an empty outcome."""
        return Outcome()

    def days(self) -> list[StoredDay]:
        """Returns the indices of packets in the order of their names. `expires` follows from the policy of `keep`."""
        columns = "index,uuid,docs.count,store.size,creation.date"
        with as_store_error(self._connection):
            self._refresh()
            answer = self._client.cat.indices(
                index=_PATTERNS, format="json", bytes="b", h=columns, expand_wildcards="all", s="index"
            )
            kept = self._seconds_kept()
        return [day for row in answer.body if (day := _day(row, kept)).name != RECORD]

    def _seconds_kept(self) -> float | None:
        try:
            return seconds_kept(self._client.ilm.get_lifecycle(name=PACKETS.name).body)
        except ApiError as error:
            if error.status_code in NOT_SUPPORTED | {401, 403}:  # a user may have the right to write packets only
                return None
            raise

    def delete(self, index: str) -> None:
        """Deletes an index. Does nothing if it does not exist."""
        with as_store_error(self._connection):
            self._client.indices.delete(index=index, ignore_unavailable=True)

    def forget(self, captures: Sequence[str], keep: str = "") -> int:
        """Searches for documents of the captures and deletes them, 10,000 at a time. See `Store.forget`."""
        query: dict[str, Any] = {"filter": [{"terms": {"capture_id": list(captures)}}]}
        query |= {"must_not": [{"term": {"settings_id": keep}}]} if keep else {}
        forgotten = 0
        with as_store_error(self._connection):
            while hits := self._identifiers({"bool": query}):
                deleted = self._delete(hits)
                if not deleted:
                    hint = "see the index's settings, and its log"
                    raise StoreError(f"{self._connection.addresses} does not delete documents", hint)
                forgotten += deleted
        return forgotten

    def _identifiers(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        self._client.indices.refresh(index=_PATTERNS, ignore_unavailable=True)
        body = {"query": query, "size": _DELETED_AT_ONCE, "_source": False, "sort": ["_doc"]}
        answer = self._search(body, _PATTERNS, filter_path="hits.hits._index,hits.hits._id").body
        hits: list[dict[str, Any]] = answer.get("hits", {}).get("hits", [])
        return hits

    def _delete(self, hits: Sequence[dict[str, Any]]) -> int:
        actions = [{"delete": {"_index": hit["_index"], "_id": hit["_id"]}} for hit in hits]
        answer = self._client.bulk(operations=actions, filter_path="items.delete.status").body
        return sum(item["delete"]["status"] == _OK for item in answer["items"])

    def keep(self, days: int) -> None:
        """Writes the lifecycle policy `packets`, and applies it to existing and new indices."""
        with as_store_error(self._connection):
            try:
                self._client.ilm.put_lifecycle(name=PACKETS.name, policy=build_policy(days))
            except ApiError as error:
                if error.status_code in NOT_SUPPORTED:
                    message = f"{self._connection.addresses} has no lifecycle management (ILM)"
                    hint = f"run espcap prune --keep {days}d every day instead, for example from cron"
                    raise StoreError(message, hint) from error
                raise
            for documents in TYPES:
                template = build_template(self._registry, PACKETS.name, documents)
                self._client.indices.put_index_template(name=documents.name, body=template)
            self._client.indices.put_settings(
                index=_PATTERNS, settings={"index.lifecycle.name": PACKETS.name}, allow_no_indices=True
            )

    def search(  # noqa: PLR0913 - most have defaults
        self,
        query: Query,
        size: int = 10,
        start: int = 0,
        sort: Sequence[tuple[str, bool]] = (("@timestamp", False),),
        aggregations: dict[str, Any] | None = None,
        *,
        of: DocumentType = PACKETS,
    ) -> SearchResult:
        """Returns the documents that match; refreshes first the indices that this store has written to.

        See `Store.search`.
        """
        check_sortable([*(path for path, _ in sort), *fields_of(aggregations or {})])
        body = search_body(query, sort, self._registry) | {"size": size, "from": start}
        body |= {"aggregations": aggregation_body(aggregations)} if aggregations else {}
        with as_store_error(self._connection):
            self._refresh()
            answer = self._search(body, of.pattern)
        return search_result(answer.body, aggregations or {})

    def _search(self, body: dict[str, Any], pattern: str, **more: Any) -> ObjectApiResponse[Any]:
        try:
            return self._client.search(index=pattern, body=body, allow_partial_search_results=False, **more)
        except ApiError as error:
            if "would require more than" in str(error.body):  # states of an automaton
                raise UsageError("a pattern of the query is too complex", SIMPLER) from error
            if error.status_code == 400:
                self._check()  # reports an index with other types, if that is the cause
            raise

    def describe(self) -> str:
        """Returns `Elasticsearch 9.5.3 at http://localhost:9200`: the version is that of the node that answers."""
        with as_store_error(self._connection):
            answer = self._client.nodes.info(node_id="_local", filter_path="nodes.*.version")
        versions = {node["version"] for node in answer.body["nodes"].values()}
        return f"Elasticsearch {', '.join(sorted(versions))} at {self._connection.addresses}"

    @property
    def address(self) -> str:
        """The addresses of the nodes, as they are given with --node."""
        return " --node ".join(self._connection.addresses.split(", "))

    def missing(self) -> StoreError | None:
        """Returns an error if the cluster has neither an index of packets nor the template, else None."""
        with as_store_error(self._connection):
            answer = self._client.search(index=_PATTERNS, size=0, filter_path="_shards.total")
            if answer["_shards"]["total"] or self._has_template():
                return None
        return StoreError(f"{self._connection.addresses} has no packets", TO_FILL.format(shell_word(self.address)))

    def _has_template(self) -> bool:
        try:
            return bool(self._client.indices.exists_index_template(name=PACKETS.name))
        except ApiError as error:
            if error.status_code in _MAY_NOT:  # a user may have the right to read packets only
                return False
            raise

    def close(self) -> None:
        """Makes documents that were written visible to searches, and closes the connections."""
        with suppress(ApiError, TransportError):  # nothing is lost: the cluster refreshes by itself later
            self._refresh()
        self._client.close()

    def _refresh(self) -> None:
        indices = sorted(self._written)
        for first in range(0, len(indices), _REFRESHED_AT_ONCE):
            some = indices[first : first + _REFRESHED_AT_ONCE]
            self._client.indices.refresh(index=some, ignore_unavailable=True)
        self._written.clear()


def _day(row: Any, kept: float | None) -> StoredDay:
    made = int(row["creation.date"]) / 1000
    documents, size = int(row.get("docs.count") or 0), int(row.get("store.size") or 0)
    return StoredDay(row["index"], documents, size, row["uuid"], made + kept if kept else None, made)
