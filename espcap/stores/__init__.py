"""Stores of documents: one Protocol, `Store`, and `open_store`, which finds the right one for an address."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from espcap.base.errors import StoreError, UsageError
from espcap.base.paths import is_local, local_folder
from espcap.fields.own import OwnFields
from espcap.fields.registry import Registry
from espcap.query import Query
from espcap.sinks import Sink

TO_FILL = "espcap --file CAPTURE --node {} stores packets there"
"""What to do about a store without packets."""
SIMPLER = "write a shorter one with fewer repetitions"
"""What to do about a pattern that a store finds too complex."""


@dataclass(slots=True)
class Hit:
    """One document found."""

    index: str
    id: str
    source: dict[str, Any]


@dataclass
class SearchResult:
    """The answer of a search. `aggregations` has the shape of an Elasticsearch answer, whatever the store."""

    total: int
    hits: list[Hit]
    aggregations: dict[str, Any] = field(default_factory=dict)


class StoredDay(NamedTuple):
    """One index of a store."""

    name: str
    """`packets-2015-07-30` or `packets-undated`."""
    documents: int
    bytes: int
    """On disk."""
    identity: str = ""
    """Another one after the index was deleted and made anew; empty where the store has none yet."""
    expires: float | None = None
    """Seconds since 1970, UTC, from when on the store itself may delete it; None is never."""
    loaded: float | None = None
    """Seconds since 1970, UTC: when packets were last loaded or, where the store does not know, when the first were."""


class Store(Sink, Protocol):
    """A sink whose documents can be searched. All methods raise StoreError if the store as a whole fails."""

    @property
    def address(self) -> str:
        """What a user calls it with --node, without credentials."""

    def own_fields(self) -> OwnFields | None:
        """The fields of own dissectors that `prepare` has recorded, in this run or before; None if there are none."""

    def check(self) -> None:
        """Raises StoreError if packets are stored, or would be, in a way that searches cannot use. Changes nothing."""

    def search(
        self,
        query: Query,
        size: int = 10,
        start: int = 0,
        sort: Sequence[tuple[str, bool]] = (("@timestamp", False),),
        aggregations: dict[str, Any] | None = None,
    ) -> SearchResult:
        """Documents that match.

        `start` is the number of hits to leave out first, `sort` pairs of path and descending. `aggregations` are
        written as for Elasticsearch: terms, date_histogram (fixed_interval), and sum and stats of integers and of
        @timestamp. The buckets of the former two may have sums, under `aggs`.
        """

    def days(self) -> list[StoredDay]:
        """The indices of packets in the order of their names."""

    def delete(self, index: str) -> None:
        """Deletes an index of packets with all its documents; nothing happens if there is none."""

    def forget(self, captures: Sequence[str], keep: str = "") -> int:
        """Deletes the documents of captures, by `capture_id`; returns how many.

        Those with the `settings_id` to keep stay.
        """

    def keep(self, days: int) -> None:
        """Has the store itself delete indices of this age from now on. Raises StoreError if it cannot."""

    def describe(self) -> str:
        """What the store is and where: product and version."""

    def missing(self) -> StoreError | None:
        """The error to report if there is no such store yet, neither prepared nor written to; None if it is there."""


def open_store(
    nodes: Sequence[str],
    registry: Registry,
    give_up_after: float = 300.0,
    wait_from_start: bool = False,
    on_note: Callable[[str], None] = lambda note: None,
    **credentials: Any,
) -> Store:
    """The store for what a user calls a node: `local`, `local:DIR`, or the addresses of an Elasticsearch.

    `give_up_after` are the seconds without progress after which an Elasticsearch that is away is a failure (`inf`:
    never), from the very first request on with `wait_from_start`. `on_note` is told of such waiting.
    `credentials` are those of `Connection`. The registry then finds the own fields that the store has recorded, too.
    Raises UsageError for an address that is none.
    """
    store = _open(nodes, registry, give_up_after, wait_from_start, on_note, **credentials)
    registry.consult(store.own_fields)
    return store


def existing(store: Store) -> Store:
    """The store. Raises StoreError where it is not there."""
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

        return LocalStore(local_folder(nodes[0]), registry)
    from espcap.stores.elasticsearch.connection import Connection
    from espcap.stores.elasticsearch.retry import Retry
    from espcap.stores.elasticsearch.store import ElasticsearchStore

    retry = Retry(give_up_after, wait_from_start)
    return ElasticsearchStore(Connection(nodes=tuple(nodes), **credentials), registry, retry, on_note)
