"""Asks a store with which settings the documents of captures were made."""

from collections.abc import Iterable

from espcap.ingest.ledger import StoredCapture
from espcap.query import Equals, Everything, Exists, Not, Query
from espcap.stores import MOST_BUCKETS, Store

SETTINGS_ID, CAPTURE_ID = "settings_id", "capture_id"


class SettingsInStore:
    """The settings of the documents of a store. All methods raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find_replaced(self, known: Iterable[StoredCapture]) -> list[str]:
        """Returns the contents of captures of which packets were replaced with other settings.

        A capture that only lacks packets is not among them: its days were pruned.
        """
        in_store = list(self._count_values(Everything(), SETTINGS_ID))
        in_store += [""] if self.has_earlier() else []
        known = list(known)
        if not in_store or all(in_store == [each.settings_id] for each in known):
            return []
        counts = {each: self._count_values(_made_with(each), CAPTURE_ID) for each in in_store}
        if any(len(captures) >= MOST_BUCKETS for captures in counts.values()):
            return []
        return [each.content for each in known if _is_replaced(each, counts)]

    def has_earlier(self) -> bool:
        """Returns whether there are documents of an earlier version, which have no `settings_id`."""
        return bool(self._store.search(_made_with(""), size=0).total)

    def _count_values(self, query: Query, path: str) -> dict[str, int]:
        terms = {"values": {"terms": {"field": path, "size": MOST_BUCKETS}}}
        buckets = self._store.search(query, size=0, aggregations=terms).aggregations["values"]["buckets"]
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}


def _made_with(settings_id: str) -> Query:
    """Returns the query for documents with this `settings_id`, or without any if it is empty."""
    return Equals(SETTINGS_ID, settings_id) if settings_id else Not(Exists(SETTINGS_ID))


def _is_replaced(known: StoredCapture, counts: dict[str, dict[str, int]]) -> bool:
    own = counts.get(known.settings_id, {}).get(known.content, 0)
    has_others = any(known.content in captures for each, captures in counts.items() if each != known.settings_id)
    return has_others and own < known.packets
