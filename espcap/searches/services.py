"""Summarizes transactions by service, and flows by their ends. The result is the same on every store."""

from collections.abc import Iterable
from typing import Any

from espcap.base.members import part
from espcap.query import And, Equals, Everything, Exists, Not, Or, Query
from espcap.searches.measures import measure
from espcap.searches.searcher import Searcher

_DURATION, _TYPE, _STATUS = "event.duration", "type", "status"
_FIGURES = ("p50", "p95", "p99", "maximum")
_FAILED = Not(Equals(_STATUS, "OK"))


def summarize_transactions(searcher: Searcher, query: Query, size: int) -> dict[str, Any]:
    """Returns the services, the slowest requests, and those that failed most often.

    `{"transactions", "errors", "services": [{"value", "transactions", "errors", "answered", "p50", "p95", "p99",
    "maximum"}], "slowest": [DOCUMENT], "failed": [{"value", "transactions"}]}`. Response times are in nanoseconds.
    """
    counts = _count(searcher, query, _TYPE, size)
    of_services = And((query, _any_of(counts)))  # the services with most errors may be others
    errors = _count(searcher, And((of_services, _FAILED)), _TYPE, size)
    times = {group["value"]: group for group in measure(searcher, of_services, _DURATION, _TYPE, size)["groups"]}
    failed = And((query, _FAILED))
    services = [
        {"value": value, "transactions": count, "errors": errors.get(value, 0), **_times(times.get(value, {}))}
        for value, count in counts.items()
    ]
    store, slowest = searcher.store, And((query, Exists(_DURATION)))
    return {
        "transactions": store.search(query, size=0).total,
        "errors": store.search(failed, size=0).total,
        "services": services,
        "slowest": [hit.source for hit in store.search(slowest, size, sort=[(_DURATION, True)]).hits],
        "failed": [
            {"value": value, "transactions": count} for value, count in _count(searcher, failed, "query", size).items()
        ],
    }


def _any_of(services: Iterable[str]) -> Query:
    conditions = tuple(Equals(_TYPE, service) for service in services)
    return Or(conditions) if conditions else Everything()


def _times(found: dict[str, Any]) -> dict[str, Any]:
    return {"answered": found.get("count", 0)} | {name: found.get(name) for name in _FIGURES}


def _count(searcher: Searcher, query: Query, path: str, size: int) -> dict[str, int]:
    """Returns the most frequent values of a path, and the number of documents of each."""
    found = searcher.store.search(query, size=0, aggregations={"values": {"terms": {"field": path, "size": size}}})
    return {bucket["key"]: bucket["doc_count"] for bucket in found.aggregations["values"]["buckets"]}


def summarize_flows(searcher: Searcher, query: Query, size: int) -> dict[str, Any]:
    """Returns the largest flows, and why flows ended.

    `{"flows", "packets", "bytes", "largest": [{"source", "destination", "transport", "protocol", "packets", "bytes",
    "bytes_back", "duration"}], "ends": [{"value", "flows"}]}`. `bytes_back` are those of the server. Records of a long
    flow count as flows.
    """
    sums = {name: {"sum": {"field": f"network.{name}"}} for name in ("packets", "bytes")}
    totals = searcher.store.search(query, size=0, aggregations=sums)
    largest = searcher.store.search(query, size, sort=[("network.bytes", True)]).hits
    ends = _count(searcher, query, "flow.end_reason", size)
    return {
        "flows": totals.total,
        **{name: int(totals.aggregations[name]["value"]) for name in sums},
        "largest": [_flow(hit.source) for hit in largest],
        "ends": [{"value": value, "flows": count} for value, count in ends.items()],
    }


def _flow(source: dict[str, Any]) -> dict[str, Any]:
    network, server = part(source, "network"), part(source, "destination")
    return {
        "source": part(source, "source"),
        "destination": server,
        **{name: network.get(name) for name in ("transport", "protocol", "packets", "bytes")},
        "bytes_back": server.get("bytes"),
        "duration": part(source, "event").get("duration"),
    }
