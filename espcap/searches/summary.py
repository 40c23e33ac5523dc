"""Summarizes the packets of a query with aggregations. The result is the same on every store."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from espcap.base.members import part
from espcap.query import And, Equals, Everything, Query, Range
from espcap.query.values import Time, milliseconds_text
from espcap.stores import Store

TABLES = {
    "protocols": "protocol",
    "sources": "source.ip",
    "destinations": "destination.ip",
    "dns_names": "layers.dns.qry_name",
    "http_hosts": "layers.http.host",
    "tls_server_names": "layers.tls.handshake_extensions_server_name",
}
"""Names of tables, and the path whose values each counts."""

MOST_STEPS = 60
"""The most time steps."""

_BYTES = {"bytes": {"sum": {"field": "network.bytes"}}}
_STEPS = [
    *((f"{count}ms", count) for count in (1, 2, 5, 10, 20, 50, 100, 200, 500)),
    *((f"{count}s", count * 1000) for count in (1, 2, 5, 10, 30)),
    *((f"{count}m", count * 60_000) for count in (1, 2, 5, 10, 30)),
    *((f"{count}h", count * 3_600_000) for count in (1, 2, 6, 12)),
]
_DAY = 86_400_000
_MARGIN = 2_000_000
"""Nanoseconds by which the times that are asked for are wider: the stores give limits in milliseconds."""


def summarize(store: Store, query: Query, size: int) -> dict[str, Any]:
    """Returns totals, the `size` most frequent values of each table, the largest conversations, and time steps.

    `{"packets", "bytes", "first", "last", "interval", "over_time": [{"time", "packets", "bytes"}],
    "protocols": [{"value", "packets", "bytes"}], …, "conversations": [{"community_id", "source_ip", "source_port",
    "destination_ip", "destination_port", "transport", "packets", "bytes"}]}`. Times are RFC 3339 with milliseconds.
    """
    tables = {name: {"terms": {"field": path, "size": size}, "aggs": _BYTES} for name, path in TABLES.items()}
    flows = {"flows": {"terms": {"field": "network.community_id", "size": size}, "aggs": _BYTES}}
    totals = {"times": {"stats": {"field": "@timestamp"}}, **_BYTES}
    answer = store.search(query, size=0, aggregations=tables | flows | totals)
    found = answer.aggregations
    return {
        "packets": answer.total,
        "bytes": int(found["bytes"]["value"]),
        **count_over_time(store, query, found["times"]),
        **{name: [{"value": bucket["key"]} | _counts(bucket) for bucket in found[name]["buckets"]] for name in TABLES},
        "conversations": [*filter(None, (_conversation(store, query, bucket) for bucket in found["flows"]["buckets"]))],
    }


def time_span(store: Store) -> tuple[str, str] | None:
    """Returns a time before all packets of a store and one after them; None if it has no packets.

    The times are RFC 3339 with milliseconds.
    """
    stats = {"stats": {"field": "@timestamp"}}
    times = store.search(Everything(), size=0, aggregations={"times": stats}).aggregations["times"]
    return (milliseconds_text(times["min"]), milliseconds_text(times["max"] + 1)) if times["count"] else None


def _counts(bucket: dict[str, Any]) -> dict[str, int]:
    return {"packets": bucket["doc_count"], "bytes": int(bucket["bytes"]["value"])}


def step_of(milliseconds: int, most: int = MOST_STEPS) -> str:
    """Returns the shortest round time step, such as `5m`, that divides a time span into at most `most` steps."""
    for name, length in _STEPS:
        if milliseconds / length < most - 1:  # the first and the last step can be partial
            return name
    return f"{ceil((milliseconds + 1) / (most - 1) / _DAY)}d"


@dataclass(frozen=True)
class Steps:
    """The time steps into which the documents of a query are divided."""

    store: Store
    total: int
    """Number of documents of the query."""
    times: dict[str, Any]
    """The `stats` of `@timestamp`."""
    interval: str = ""
    """The length of a step, such as `5m`; empty if no document has a time."""

    @classmethod
    def of(cls, store: Store, query: Query, most: int) -> "Steps":
        """Returns at most `most` steps for a query."""
        answer = store.search(query, size=0, aggregations={"times": {"stats": {"field": "@timestamp"}}})
        return cls.between(store, answer.total, answer.aggregations["times"], most)

    @classmethod
    def between(cls, store: Store, total: int, times: dict[str, Any], most: int) -> "Steps":
        """Returns at most `most` steps. `times` are the `stats` of `@timestamp`."""
        return cls(store, total, times, step_of(int(times["max"] - times["min"]), most) if times["count"] else "")

    def limits(self) -> dict[str, Any]:
        """Returns `{"first", "last", "interval"}`: two times, and the length of a step; None without times."""
        if not self.interval:
            return {"first": None, "last": None, "interval": None}
        first, last = milliseconds_text(self.times["min"]), milliseconds_text(self.times["max"])
        return {"first": first, "last": last, "interval": self.interval}

    def count(self, query: Query, measures: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """Returns a bucket for each step, with aggregations of its documents."""
        if not self.interval:
            return []
        low = Time(max(0, int(self.times["min"]) * 1_000_000 - _MARGIN))
        high = Time(int(self.times["max"]) * 1_000_000 + _MARGIN)
        between = And((query, Range("@timestamp", low, high)))  # other packets may have come in between
        histogram = {"date_histogram": {"field": "@timestamp", "fixed_interval": self.interval}}
        request = {"steps": histogram | ({"aggs": measures} if measures else {})}
        answer = self.store.search(between, 0, aggregations=request)
        buckets: list[dict[str, Any]] = answer.aggregations["steps"]["buckets"]
        return buckets


def count_over_time(store: Store, query: Query, times: dict[str, Any], most: int = MOST_STEPS) -> dict[str, Any]:
    """Returns `{"first", "last", "interval", "over_time"}` of a query, in at most `most` time steps.

    `times` are the `stats` of `@timestamp` for the query.
    """
    steps = Steps.between(store, times["count"], times, most)
    buckets = steps.count(query, _BYTES)
    return steps.limits() | {"over_time": [{"time": bucket["key_as_string"]} | _counts(bucket) for bucket in buckets]}


def _conversation(store: Store, query: Query, bucket: dict[str, Any]) -> dict[str, Any] | None:
    """Returns a conversation, whose source is that of its first packet; None if it has just been deleted."""
    flow = Equals("network.community_id", bucket["key"])
    hits = store.search(And((query, flow)), size=1).hits
    if not hits:
        return None
    first = hits[0]
    ends = {end: part(first.source, end) for end in ("source", "destination")}
    named = {f"{end}_{part}": values.get(part) for end, values in ends.items() for part in ("ip", "port")}
    transport = part(first.source, "network").get("transport")
    return {"community_id": bucket["key"], **named, "transport": transport} | _counts(bucket)
