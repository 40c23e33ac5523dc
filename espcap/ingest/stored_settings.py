"""Which settings the documents of captures were made with, as the store itself tells."""

from collections.abc import Iterable

from espcap.ingest.ledger import StoredCapture
from espcap.query import Equals, Everything, Exists, Not, Query
from espcap.stores import Store

MOST_VALUES = 65_536
"""Buckets that Elasticsearch gives in one answer."""

SETTINGS, CAPTURE = "settings_id", "capture_id"


class SettingsInStore:
    """What a store tells of the settings of its documents. Its methods raise StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def find_replaced(self, known: Iterable[StoredCapture]) -> list[str]:
        """Contents of captures that have packets of other settings in the place of their own.

        A capture without any other packets is none of them: its days were pruned.
        """
        settings = list(self._count_values(Everything(), SETTINGS))
        settings += [""] if self.has_earlier() else []
        known = list(known)
        if all(each.documents == settings[0] for each in known) if len(settings) == 1 else not settings:
            return []
        counts = {each: self._count_values(_made_with(each), CAPTURE) for each in settings}
        if any(len(captures) >= MOST_VALUES for captures in counts.values()):
            return []
        return [each.content for each in known if _is_replaced(each, counts)]

    def has_earlier(self) -> bool:
        """Whether there are documents of an earlier version, which have no `settings_id`."""
        return bool(self._store.search(_made_with(""), size=0).total)

    def _count_values(self, query: Query, path: str) -> dict[str, int]:
        terms = {"values": {"terms": {"field": path, "size": MOST_VALUES}}}
        buckets = self._store.search(query, size=0, aggregations=terms).aggregations["values"]["buckets"]
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}


def _made_with(settings: str) -> Query:
    """Documents with this `settings_id`; without one for the empty one."""
    return Equals(SETTINGS, settings) if settings else Not(Exists(SETTINGS))


def _is_replaced(known: StoredCapture, counts: dict[str, dict[str, int]]) -> bool:
    own = counts.get(known.documents, {}).get(known.content, 0)
    has_others = any(known.content in captures for settings, captures in counts.items() if settings != known.documents)
    return has_others and own < known.packets
