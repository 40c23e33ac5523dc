"""The store that is an Elasticsearch cluster, version 8 or 9."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from elastic_transport import TransportError
from elasticsearch import ApiError, NotFoundError

from espcap.documents import Document
from espcap.fields import Registry
from espcap.query import Query
from espcap.stores import Found, Outcome
from espcap.stores.elasticsearch.connection import PRODUCT_HEADER, Connection, connect, is_temporary, store_error, told
from espcap.stores.elasticsearch.query_dsl import found, search_body
from espcap.stores.elasticsearch.retry import Patience, Retry
from espcap.stores.elasticsearch.sender import BulkSender
from espcap.stores.elasticsearch.template import NAME, PATTERN, build_template

_REACH_SECONDS = 4.0
_REFRESHED_AT_ONCE = 100  # their names fit in a URL


class ElasticsearchStore:
    """A Store over `connection`. Makes no request before the first call of a method."""

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
        self._client = connect(connection)
        self._sender = BulkSender(self._client, connection, self._retry, on_note)
        self._written: set[str] = set()

    def prepare(self) -> None:
        """Puts the index template where the cluster does not have this one."""
        patience = Patience(self._retry, self._connection.addresses, self._on_note)
        while True:
            try:
                self._put_template()
                return patience.progress()
            except (ApiError, TransportError) as error:
                failure = store_error(self._connection, error)
                if not (self._retry.from_the_start and is_temporary(error)):
                    raise failure from error
                patience.wait(failure)

    def _put_template(self) -> None:
        template = build_template(self._registry)
        if self._installed_version() != template["version"]:
            self._client.indices.put_index_template(name=NAME, body=template)

    def _installed_version(self) -> int | None:
        """Also the first request: each node is asked, in seconds, whether it is there and is Elasticsearch."""
        seconds = min(self._connection.timeout, _REACH_SECONDS / len(self._connection.nodes))
        client = self._client.options(request_timeout=seconds, retry_on_timeout=True)
        path = "index_templates.index_template.version"
        try:
            answer = client.indices.get_index_template(name=NAME, filter_path=path)
            return int(answer["index_templates"][0]["index_template"]["version"])
        except NotFoundError as error:
            if PRODUCT_HEADER not in error.meta.headers:
                raise
        except (KeyError, TypeError, ValueError):
            pass  # somebody else's template of this name has no version
        return None

    def write(self, batch: Sequence[Document], outcome: Outcome | None = None) -> Outcome:
        """Creates the documents that are not there yet; waits and sends again where the cluster is busy or away."""
        outcome = outcome or Outcome()
        self._written.update(document.index for document in batch)
        self._sender.send(batch, outcome)
        return outcome

    def search(
        self,
        query: Query,
        size: int = 10,
        start: int = 0,
        sort: Sequence[tuple[str, bool]] = (("@timestamp", False),),
        aggregations: dict[str, Any] | None = None,
    ) -> Found:
        """As Store.search, over all indices of packets; what this store wrote is found."""
        body = search_body(query, sort, self._registry) | {"size": size, "from": start}
        body |= {"aggregations": aggregations} if aggregations else {}
        with told(self._connection):
            self._refresh()
            answer = self._client.search(index=PATTERN, body=body, allow_partial_search_results=False)
        return found(answer.body)

    def describe(self) -> str:
        """Product and version of the node that answers: `Elasticsearch 9.5.3 at http://localhost:9200`."""
        with told(self._connection):
            answer = self._client.nodes.info(node_id="_local", filter_path="nodes.*.version")
        versions = {node["version"] for node in answer.body["nodes"].values()}
        return f"Elasticsearch {', '.join(sorted(versions))} at {self._connection.addresses}"

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
