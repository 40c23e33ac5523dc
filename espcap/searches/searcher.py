"""What it takes to ask a store."""

from dataclasses import dataclass
from functools import lru_cache

from espcap.base.errors import StoreError, UsageError
from espcap.fields.field import Kind, ValueName
from espcap.fields.registry import Registry
from espcap.query import Everything, Exists, Query
from espcap.query.filter_language import language_of
from espcap.query.languages import read_query, sign_of_filter
from espcap.query.lucene import parse
from espcap.query.moments import read_times
from espcap.query.narrowing import doubts, having_long, read_filter, together, values_left_out
from espcap.query.paths import Paths
from espcap.stores import Store, existing
from espcap.tshark.program import Program
from espcap.tshark.value_names import value_names

_value_names = lru_cache(1000)(value_names)  # each takes seconds to find


@dataclass(frozen=True)
class PreparedQuery:
    """What a user asks for."""

    query: Query
    notes: tuple[str, ...] = ()
    """How it was taken, and what it may not find."""


@dataclass(frozen=True)
class Searcher:
    """What it takes to answer."""

    program: Program
    registry: Registry
    store: Store

    def there(self) -> "Searcher":
        """Itself. Raises StoreError where there is no such store."""
        try:
            existing(self.store)
        except StoreError:
            self.close()
            raise
        return self

    def ask(self, text: str, display_filter: str = "", since: str = "", until: str = "") -> PreparedQuery:
        """What a query string, a display filter and two times ask for together. Raises UsageError."""
        return self.together(
            self.read_query(text), PreparedQuery(self.read_filter(display_filter)), read_times(since, until)
        )

    def together(self, *parts: PreparedQuery | Query) -> PreparedQuery:
        """All parts at once, with what the whole may not find."""
        query = together(*(part.query if isinstance(part, PreparedQuery) else part for part in parts))
        taken = [note for part in parts if isinstance(part, PreparedQuery) for note in part.notes]
        return PreparedQuery(query, (*taken, *doubts(query, self.registry, self._count)))

    def read_query(self, text: str) -> PreparedQuery:
        """A query string, or what was given as one and is a display filter. Raises UsageError."""
        if not text.strip():
            return PreparedQuery(Everything())
        paths, sign = self._paths(), sign_of_filter(text, self.registry)
        query, notes = read_query(
            text,
            sign,
            lambda text: parse(text, self.registry.kind, paths.field, paths.exists, paths.current),
            self.read_filter,
        )
        return PreparedQuery(query, tuple(notes))

    def read_filter(self, text: str) -> Query:
        """A display filter. Raises UsageError."""
        self.registry.look_again()
        language = language_of(self.program.version)
        return read_filter(text, self.registry, self._names_of_values, language)

    def _names_of_values(self, field: str) -> list[ValueName]:
        recorded = self.registry.value_names(field)
        return _value_names(self.program, field) if recorded is None else recorded

    def path(self, name: str) -> str:
        """The path of what a user calls a field. Raises UsageError with the nearest names where there is none."""
        path = self._paths().field(name)
        if path == "_id":
            raise UsageError("_id has no values to sort, count or show", "name capture_id or frame.number")
        return path

    def values_of(self, name: str, query: Query) -> tuple[str, tuple[str, ...]]:
        """The path of what a user calls a field, and which values of a query's packets are neither sorted nor counted.

        Raises UsageError as `path`.
        """
        path = self.path(name)
        is_text = self.registry.kind(path) in (Kind.STRING, Kind.BYTES)
        return path, tuple(values_left_out(query, path, self._count)) if is_text else ()

    def has_long_texts(self, path: str) -> bool:
        """Whether packets have a text there that is too long for the index."""
        return bool(having_long([path], self._count))

    def _paths(self) -> Paths:
        self.registry.look_again()
        return Paths(self.registry, lambda path: self._count(Exists(path)) > 0)

    def _count(self, query: Query) -> int:
        return self.store.search(query, size=0).total

    def close(self) -> None:
        """Lets go of the store and the registry."""
        try:
            self.store.close()
        finally:
            self.registry.close()
