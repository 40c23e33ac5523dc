"""The store that is an Elasticsearch cluster, version 8 or 9."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from elastic_transport import ObjectApiResponse, TransportError
from elasticsearch import ApiError, NotFoundError

from espcap.base.errors import StoreError, UsageError
from espcap.documents.packets import Document
from espcap.fields.own import OwnFields
from espcap.fields.registry import Registry
from espcap.query import Query
from espcap.query.words import fields_of, refuse_texts
from espcap.sinks import Outcome
from espcap.stores import SIMPLER, TO_FILL, SearchResult, StoredDay
from espcap.stores.elasticsearch.connection import (
    PRODUCT_HEADER,
    Connection,
    connect,
    is_temporary,
    server_reason,
    store_error,
    told,
)
from espcap.stores.elasticsearch.lifecycle import NOT_SUPPORTED, build_policy, seconds_kept
from espcap.stores.elasticsearch.query_dsl import aggregation_body, found, search_body
from espcap.stores.elasticsearch.record import NAME as RECORD
from espcap.stores.elasticsearch.record import add_to_record, read_record, type_fields
from espcap.stores.elasticsearch.retry import Notice, Patience, Retry
from espcap.stores.elasticsearch.ruling import find_misfits, find_rival, shortened
from espcap.stores.elasticsearch.sender import BulkSender
from espcap.stores.elasticsearch.template import NAME, PATTERN, PRIORITY, build_template

_REACH_SECONDS = 4.0
_DELETED_AT_ONCE = 10_000
_OK = 200
_MAY_NOT = (401, 403)
"""Status of an answer to who does not have the right."""
_REFRESHED_AT_ONCE = 100  # their names fit in a URL


class _Installed(NamedTuple):
    """What the cluster's own index template says."""

    version: int | None = None
    lifecycle: str = ""


class ElasticsearchStore:
    """A Store over `connection`. Makes no request before the first call of a method."""

    writes_at_once = 2
    batches_ahead = 0  # what waits would be lost with an interrupted run

    def __init__(
        self,
        connection: Connection,
        registry: Registry,
        retry: Retry | None = None,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> None:
        """`on_note` is told when the store begins to wait for the cluster, and when it is back.

        Raises UsageError where an address or a certificate file is wrong.
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
        """Puts the index template where the cluster does not have this one; a lifecycle that it names stays.

        Raises StoreError if packets would not be, or are not, indexed as it says.
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
        installed = self._installed()
        if self._registry.own:
            self._record(self._registry.own, bool(installed.lifecycle))
        self._own_fields()  # fails here, where it is waited for: a cluster that starts has templates before shards
        template = build_template(self._registry, installed.lifecycle)
        if installed.version != template["version"]:
            self._client.indices.put_index_template(name=NAME, body=template)

    def _record(self, own: OwnFields, has_lifecycle: bool) -> None:
        where = self._connection.addresses
        try:
            add_to_record(self._client, own, where, has_lifecycle)
        except ApiError as error:
            if error.status_code not in _MAY_NOT:
                raise
            reason = server_reason(error.body)
            self._on_note(f"{where} does not record the fields of the profile, so searches do not know them: {reason}")
        if reason := type_fields(self._client, own):
            self._on_note(f"{where}: in indices that are there, some fields of the profile are text: {reason}")

    def own_fields(self) -> OwnFields | None:
        """What is recorded in the cluster."""
        with told(self._connection):
            return self._own_fields()

    def _own_fields(self) -> OwnFields | None:
        try:
            return read_record(self._client, self._connection.addresses)
        except ApiError as error:
            if error.status_code in _MAY_NOT:
                return None
            raise

    def check(self) -> None:
        """Raises StoreError if another template decides over indices of packets, or one has other types of fields."""
        with told(self._connection):
            self._check()

    def _check(self) -> None:
        where = self._connection.addresses
        if rival := find_rival(self._client):
            message = f"{where} has another index template, {rival.name} (priority {rival.priority}), that decides"
            hint = f"give it a priority below {PRIORITY}, or patterns that do not match {PATTERN}"
            raise StoreError(f"{message} over {PATTERN}: packets could not be searched", hint)
        if misfits := find_misfits(self._client):
            message = f"{where} has indices that packets cannot be searched in: {shortened(misfits)}"
            raise StoreError(message, f"delete them, or reindex them under names that do not match {PATTERN}")

    def _installed(self) -> _Installed:
        """Also the first request: each node is asked, in seconds, whether it is there and is Elasticsearch."""
        nodes = len(self._connection.nodes)
        seconds = min(self._connection.timeout, _REACH_SECONDS / nodes)
        client = self._client.options(request_timeout=seconds, retry_on_timeout=nodes > 1)
        paths = "index_templates.index_template.version", "**.settings.index.lifecycle.name"
        try:
            answer = client.indices.get_index_template(name=NAME, filter_path=",".join(paths))
            template = answer["index_templates"][0]["index_template"]
            index = template.get("template", {}).get("settings", {}).get("index", {})
            return _Installed(template.get("version"), index.get("lifecycle", {}).get("name", ""))
        except NotFoundError as error:
            if PRODUCT_HEADER not in error.meta.headers:
                raise
        except (KeyError, TypeError, ValueError, AttributeError):
            pass  # somebody else's template of this name may hold anything
        return _Installed()

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Creates the documents that are not there yet; waits and sends again where the cluster is busy or away."""
        outcome = outcome or Outcome()
        self._written.update(document.index for document in batch)
        self._sender.send(batch, outcome)
        return outcome

    def flush(self, more_comes: bool = False) -> None:
        """Nothing to do: what a node acknowledged is durable (as long as `index.translog.durability` is `request`)."""

    def flush_if_due(self) -> None:
        """Nothing to do either."""

    def not_durable(self) -> Outcome:
        """Nothing."""
        return Outcome()

    def days(self) -> list[StoredDay]:
        """The indices of packets in the order of their names; `expires` follows the lifecycle of `keep`."""
        columns = "index,uuid,docs.count,store.size,creation.date"
        with told(self._connection):
            self._refresh()
            answer = self._client.cat.indices(
                index=PATTERN, format="json", bytes="b", h=columns, expand_wildcards="all", s="index"
            )
            kept = self._seconds_kept()
        return [day for row in answer.body if (day := _day(row, kept)).name != RECORD]

    def _seconds_kept(self) -> float | None:
        try:
            return seconds_kept(self._client.ilm.get_lifecycle(name=NAME).body)
        except ApiError as error:
            if error.status_code in NOT_SUPPORTED | {401, 403}:  # it may be hidden from whom only writes
                return None
            raise

    def delete(self, index: str) -> None:
        """Deletes one index."""
        with told(self._connection):
            self._client.indices.delete(index=index, ignore_unavailable=True)

    def forget(self, captures: Sequence[str], keep: str = "") -> int:
        """Deletes what a search finds of them, in all indices, some at a time."""
        query: dict[str, Any] = {"filter": [{"terms": {"capture_id": list(captures)}}]}
        query |= {"must_not": [{"term": {"settings_id": keep}}]} if keep else {}
        forgotten = 0
        with told(self._connection):
            while hits := self._identifiers({"bool": query}):
                deleted = self._delete(hits)
                if not deleted:
                    hint = "see the index's settings, and its log"
                    raise StoreError(f"{self._connection.addresses} does not delete documents", hint)
                forgotten += deleted
        return forgotten

    def _identifiers(self, query: dict[str, Any]) -> list[dict[str, Any]]:
        self._client.indices.refresh(index=PATTERN, ignore_unavailable=True)
        body = {"query": query, "size": _DELETED_AT_ONCE, "_source": False, "sort": ["_doc"]}
        answer = self._search(body, filter_path="hits.hits._index,hits.hits._id").body
        hits: list[dict[str, Any]] = answer.get("hits", {}).get("hits", [])
        return hits

    def _delete(self, hits: Sequence[dict[str, Any]]) -> int:
        actions = [{"delete": {"_index": hit["_index"], "_id": hit["_id"]}} for hit in hits]
        answer = self._client.bulk(operations=actions, filter_path="items.delete.status").body
        return sum(item["delete"]["status"] == _OK for item in answer["items"])

    def keep(self, days: int) -> None:
        """Writes the lifecycle policy `packets`, and has the indices that are and those to come follow it."""
        with told(self._connection):
            try:
                self._client.ilm.put_lifecycle(name=NAME, policy=build_policy(days))
            except ApiError as error:
                if error.status_code in NOT_SUPPORTED:
                    message = f"{self._connection.addresses} has no lifecycle management (ILM)"
                    hint = f"run espcap prune --keep {days}d every day instead, for example from cron"
                    raise StoreError(message, hint) from error
                raise
            self._client.indices.put_index_template(name=NAME, body=build_template(self._registry, NAME))
            self._client.indices.put_settings(
                index=PATTERN, settings={"index.lifecycle.name": NAME}, allow_no_indices=True
            )

    def search(
        self,
        query: Query,
        size: int = 10,
        start: int = 0,
        sort: Sequence[tuple[str, bool]] = (("@timestamp", False),),
        aggregations: dict[str, Any] | None = None,
    ) -> SearchResult:
        """As Store.search, over all indices of packets; what this store wrote is found."""
        refuse_texts([*(path for path, _ in sort), *fields_of(aggregations or {})])
        body = search_body(query, sort, self._registry) | {"size": size, "from": start}
        body |= {"aggregations": aggregation_body(aggregations)} if aggregations else {}
        with told(self._connection):
            self._refresh()
            answer = self._search(body)
        return found(answer.body, aggregations or {})

    def _search(self, body: dict[str, Any], **more: Any) -> ObjectApiResponse[Any]:
        try:
            return self._client.search(index=PATTERN, body=body, allow_partial_search_results=False, **more)
        except ApiError as error:
            if "would require more than" in str(error.body):  # states of an automaton
                raise UsageError("a pattern of the query is too complex", SIMPLER) from error
            if error.status_code == 400:
                self._check()  # for whoever has an index that fits no query of ours
            raise

    def describe(self) -> str:
        """Product and version of the node that answers: `Elasticsearch 9.5.3 at http://localhost:9200`."""
        with told(self._connection):
            answer = self._client.nodes.info(node_id="_local", filter_path="nodes.*.version")
        versions = {node["version"] for node in answer.body["nodes"].values()}
        return f"Elasticsearch {', '.join(sorted(versions))} at {self._connection.addresses}"

    @property
    def address(self) -> str:
        """The addresses of its nodes."""
        return " --node ".join(self._connection.addresses.split(", "))

    def missing(self) -> StoreError | None:
        """Where the cluster has neither an index of packets nor the template."""
        with told(self._connection):
            answer = self._client.search(index=PATTERN, size=0, filter_path="_shards.total")
            if answer["_shards"]["total"] or self._has_template():
                return None
        return StoreError(f"{self._connection.addresses} has no packets", TO_FILL.format(self.address))

    def _has_template(self) -> bool:
        try:
            return bool(self._client.indices.exists_index_template(name=NAME))
        except ApiError as error:
            if error.status_code in (401, 403):  # it may be hidden from whom only reads
                return False
            raise

    def close(self) -> None:
        """Makes what was written visible to all searches."""
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
