"""Parses queries of the user for a store, and reports packets that the store may not find."""

from dataclasses import dataclass
from functools import lru_cache
from typing import cast

from espcap.base.errors import StoreError, UsageError
from espcap.documents.types import PACKETS, DocumentType
from espcap.fields.derived import DerivedRegistry
from espcap.fields.field import PATHS, Kind, ValueName
from espcap.fields.registry import Registry
from espcap.query import Everything, Exists, Query, combine
from espcap.query.accuracy import accuracy_notes, having_long, order_notes
from espcap.query.filter_language import language_of
from espcap.query.languages import read_filter, read_query, sign_of_filter
from espcap.query.lucene import PACKET_PATHS, SearchedPaths, parse
from espcap.query.paths import Paths
from espcap.query.time_range import read_time_range
from espcap.stores import Store, existing
from espcap.stores.typed import StoreOfType
from espcap.transactions.paths import kinds_of
from espcap.tshark.program import Program
from espcap.tshark.value_names import value_names

DERIVED_PATHS = SearchedPaths(
    values=(
        *("type", "method", "status", "network.transport", "network.protocol", "network.community_id", "file_name"),
        *("source.ip", "destination.ip", "source.port", "destination.port", "source.mac", "destination.mac"),
    ),
    words=(
        *("query", "resource", "error.message", "url.full", "url.domain", "user_agent.original", "user.name"),
        *("dns.question.name", "tls.client.server_name", "email.subject", "email.from.address", "email.to.address"),
    ),
    protocols="",
)
_value_names = lru_cache(1000)(value_names)  # each call takes seconds


@dataclass(frozen=True)
class PreparedQuery:
    """A query, and notes on it for the user."""

    query: Query
    notes: tuple[str, ...] = ()
    """Notes on the language of the query, and on packets that it may not find."""


@dataclass(frozen=True)
class Searcher:
    """An open store and what is needed to build queries for it."""

    program: Program
    registry: Registry
    """The fields of the documents that are searched."""
    store: Store
    of: DocumentType = PACKETS
    """The type of the documents that are searched."""

    @property
    def searched(self) -> SearchedPaths:
        """The paths in which a word without a field is searched."""
        return PACKET_PATHS if self.of is PACKETS else DERIVED_PATHS

    def of_type(self, of: DocumentType) -> "Searcher":
        """Returns a searcher for documents of another type in the same store."""
        if of is PACKETS:
            return self
        kinds = kinds_of(of, self.registry)
        self.registry.add_kinds(kinds)
        store = cast(Store, StoreOfType(self.store, of))
        return Searcher(self.program, DerivedRegistry(self.registry, kinds), store, of)

    def require_existing(self) -> "Searcher":
        """Returns itself. Closes it and raises StoreError if the store does not exist."""
        try:
            existing(self.store)
        except StoreError:
            self.close()
            raise
        return self

    def prepare(self, text: str, display_filter: str = "", since: str = "", until: str = "") -> PreparedQuery:
        """Returns the query for packets that match a query string, a display filter and two times.

        Empty text matches everything. Raises UsageError if a part is invalid.
        """
        return self.combine(
            self.read_query(text), PreparedQuery(self.read_filter(display_filter)), read_time_range(since, until)
        )

    def combine(self, *parts: PreparedQuery | Query) -> PreparedQuery:
        """Returns the query for packets that match all parts, with notes on packets that it may not find."""
        query = combine(*(part.query if isinstance(part, PreparedQuery) else part for part in parts))
        notes = [note for part in parts if isinstance(part, PreparedQuery) for note in part.notes]
        return PreparedQuery(query, (*notes, *accuracy_notes(query, self.registry, self._count)))

    def read_query(self, text: str) -> PreparedQuery:
        """Returns the query of a query string, or of a display filter given as one. Raises UsageError."""
        if not text.strip():
            return PreparedQuery(Everything())
        paths, sign = self._paths(), sign_of_filter(text, self.registry)
        query, notes = read_query(
            text,
            sign,
            lambda text: parse(
                text, self.registry.kind, paths.field, paths.exists, paths.current, searched=self.searched
            ),
            self.read_filter,
        )
        return PreparedQuery(query, tuple(notes))

    def read_filter(self, text: str) -> Query:
        """Returns the query of a display filter.

        Raises UsageError if the filter is invalid, or if documents cannot answer it.
        """
        self.registry.refresh()
        language = language_of(self.program.version)
        return read_filter(text, self.registry, self._names_of_values, language)

    def _names_of_values(self, field: str) -> list[ValueName]:
        recorded = self.registry.value_names(field)
        return _value_names(self.program, field) if recorded is None else recorded

    def path(self, name: str) -> str:
        """Returns the path of a field. Raises UsageError, with similar names, if there is no field of this name."""
        path = self._paths().field(name)
        if path == "_id":
            raise UsageError("_id has no values to sort, count or show", "name capture_id or frame.number")
        return path

    def values_of(self, name: str, query: Query) -> tuple[str, tuple[str, ...]]:
        """Returns the path of a field to sort or count by, and notes on packets whose values are not indexed.

        Raises UsageError as `path`.
        """
        path = self.path(name)
        is_text = self.registry.kind(path) in (Kind.STRING, Kind.BYTES)
        return path, tuple(order_notes(query, path, self._count)) if is_text else ()

    def has_long_texts(self, path: str) -> bool:
        """Returns whether packets have a text at the path that is too long for the index."""
        return bool(having_long([path], self._count))

    def _paths(self) -> Paths:
        self.registry.refresh()
        known = PATHS if self.of is PACKETS else ["_id", *self.registry.names_starting("", 100_000)]
        return Paths(self.registry, lambda path: self._count(Exists(path)) > 0, known)

    def _count(self, query: Query) -> int:
        return self.store.search(query, size=0).total

    def close(self) -> None:
        """Closes the store and the registry."""
        try:
            self.store.close()
        finally:
            self.registry.close()
