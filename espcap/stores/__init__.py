"""Stores of documents: the Protocol `Store`, and `open_store`, which opens the store at an address."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from espcap.base.errors import StoreError, UsageError
from espcap.base.paths import is_local, local_folder
from espcap.documents.types import PACKETS, DocumentType
from espcap.fields.own_fields import OwnFields
from espcap.fields.registry import Registry
from espcap.query import Query
from espcap.sinks import Sink

MOST_BUCKETS = 65_536
"""The most buckets in one answer of a store: Elasticsearch rejects searches with more."""
TO_FILL = "espcap --file CAPTURE --node {} stores packets there"
"""Hint for a store without packets; `{}` stands for the store's address."""
SIMPLER = "write a shorter one with fewer repetitions"
"""Hint for a pattern that is too complex for a store."""


@dataclass(slots=True)
class Hit:
    """A document that a search has found."""

    index: str
    id: str
    source: dict[str, Any]


@dataclass
class SearchResult:
    """The answer of a search. `total` counts all matching documents, also those that are not in `hits`.

    `aggregations` has the shape of an Elasticsearch answer in all stores.
    """

    total: int
    hits: list[Hit]
    aggregations: dict[str, Any] = field(default_factory=dict)


class StoredDay(NamedTuple):
    """One index of a store, with the documents of one type and one day."""

    name: str
    """`packets-2015-07-30` or `packets-undated`."""
    documents: int
    """Number of documents."""
    bytes: int
    """Size on disk in bytes."""
    identity: str = ""
    """Identifier that changes if the index is deleted and made again; empty before the store has assigned one."""
    expires: float | None = None
    """When the store itself may delete the index, in seconds since 1970 UTC; None for never."""
    loaded: float | None = None
    """When packets were last stored, in seconds since 1970 UTC; the creation of the index if that is not known."""


class Store(Sink, Protocol):
    """A sink whose documents can be searched. All methods raise StoreError if the store as a whole fails."""

    @property
    def address(self) -> str:
        """The address that a user gives with --node, without credentials."""

    def own_fields(self) -> OwnFields | None:
        """Returns the fields of the user's own dissectors that `prepare` has recorded; None without a record."""

    def check(self) -> None:
        """Raises StoreError if packets are indexed, or would be, in a way that searches cannot use. Changes nothing."""

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
        """Returns the documents of a type that match, at most `size` of them, after the first `start`.

        `sort` has pairs of a path and whether its order is descending. `aggregations` are written as for Elasticsearch:
        `terms` and `date_histogram` (with `fixed_interval`), whose buckets may have others under `aggs`; `sum` and
        `stats` of numbers and of `@timestamp`; and `percentiles` of numbers. Raises UsageError if a part is not
        supported.
        """

    def days(self) -> list[StoredDay]:
        """Returns the indices of all types of documents in the order of their names."""

    def delete(self, index: str) -> None:
        """Deletes an index with all its documents. Does nothing if it does not exist."""

    def forget(self, captures: Sequence[str], keep: str = "") -> int:
        """Deletes the documents with these `capture_id`s, except those with the `settings_id` `keep`.

        Returns the number of deleted documents.
        """

    def keep(self, days: int) -> None:
        """Sets up the store to delete indices of this age by itself. Raises StoreError if it cannot do that."""

    def describe(self) -> str:
        """Returns the product, its version and the address, for people."""

    def missing(self) -> StoreError | None:
        """Returns the error to report if the store does not exist yet; None if it exists."""


class ColumnStore(Store, Protocol):
    """A store that also returns packets as columns, which is much faster than documents."""

    def tables(self, query: Query, paths: Sequence[str]) -> Iterator[Any]:
        """Yields the values of packets that match as Arrow tables, in the order of time.

        The columns are those of `espcap.stores.tables`.
        """

    def pages(self, query: Query, size: int) -> Iterator[list[dict[str, Any]]]:
        """Yields the documents of packets that match, `size` at a time, in the order of time.

        They are those of one moment: what other processes store or delete meanwhile changes nothing.
        """


def open_store(
    nodes: Sequence[str],
    registry: Registry,
    give_up_after: float = 300.0,
    wait_from_start: bool = False,
    on_note: Callable[[str], None] = lambda note: None,
    **credentials: Any,
) -> Store:
    """Returns the store at an address: `local`, `local:DIR`, or the addresses of the nodes of an Elasticsearch.

    If Elasticsearch cannot be reached, requests are repeated for `give_up_after` seconds without progress (`inf`: for
    ever) before they fail; the first request only if `wait_from_start`. `on_note` is called with a line of text when
    such waiting begins and ends, and when a deletion waits for another process. `credentials` are members of
    `Connection`. The registry then also has the fields of own dissectors that the store has recorded. Raises UsageError
    if an address is not valid.
    """
    store = _open(nodes, registry, give_up_after, wait_from_start, on_note, **credentials)
    registry.add_own_fields_from(store.own_fields)
    return store


def existing(store: Store) -> Store:
    """Returns the store. Raises StoreError if it does not exist."""
    if failure := store.missing():
        raise failure
    return store


def _open(
    nodes: Sequence[str],
    registry: Registry,
    give_up_after: float,
    wait_from_start: bool,
    on_note: Callable[[str], None],
    **credentials: Any,
) -> Store:
    if is_local(nodes):
        if len(nodes) > 1:
            raise UsageError("a local index cannot be named together with other nodes", "name one --node")
        from espcap.stores.local.store import LocalStore

        return LocalStore(local_folder(nodes[0]), registry, on_note)
    from espcap.stores.elasticsearch.connection import Connection
    from espcap.stores.elasticsearch.retry import Retry
    from espcap.stores.elasticsearch.store import ElasticsearchStore

    retry = Retry(give_up_after, wait_from_start)
    return ElasticsearchStore(Connection(nodes=tuple(nodes), **credentials), registry, retry, on_note)
