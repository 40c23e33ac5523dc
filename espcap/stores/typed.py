"""A store from which documents of one type are asked for."""

from typing import Any

from espcap.documents.types import DocumentType
from espcap.query import Query
from espcap.stores import SearchResult, Store


class StoreOfType:
    """A store whose `search` returns documents of one type. All other methods are those of the store."""

    def __init__(self, store: Store, of: DocumentType) -> None:
        self._store = store
        self._of = of

    def __getattr__(self, name: str) -> Any:
        if name in ("tables", "pages"):  # only packets can be read as columns
            raise AttributeError(name)
        return getattr(self._store, name)

    def search(self, query: Query, *arguments: Any, **named: Any) -> SearchResult:
        """Returns the documents of the type that match. The parameters are those of `Store.search`, without `of`."""
        return self._store.search(query, *arguments, **named, of=self._of)
