"""Summarizes transactions by service, and flows by their ends. The result is the same on every store."""

from typing import Any

from espcap.base.members import part
from espcap.query import And, Equals, Exists, Not, Or, Query
from espcap.searches.measures import PERCENTS, measure, percentiles_of
from espcap.searches.searcher import Searcher
from espcap.searches.summary import Steps
from espcap.stores import Hit

_DURATION, _TYPE, _STATUS = "event.duration", "type", "status"
_FIGURES = ("p50", "p95", "p99", "maximum")
_RECORDS = 10
"""Records of long flows that are read for each conversation."""
_ENDS = {"": "source", "_back": "destination"}


def summarize_transactions(searcher: Searcher, query: Query, size: int) -> dict[str, Any]:
    """Returns the services, the slowest requests, and those that failed most often.

    `{"transactions", "errors", "services": [SERVICE], "slowest": [DOCUMENT], "failed": [{"value", "transactions"}]}`,
    where a SERVICE is that of `services`. Response times are in nanoseconds.
    """
    return {
        "transactions": searcher.store.search(query, size=0).total,
        "errors": searcher.store.search(failed(query), size=0).total,
        "services": services(searcher, query, size),
        "slowest": [hit.source for hit in slowest(searcher, query, size)],
        "failed": failures(searcher, query, size),
    }


def failed(query: Query) -> Query:
    """Returns the query for transactions of another one that failed."""
    return And((query, Not(Equals(_STATUS, "OK"))))


def services(searcher: Searcher, query: Query, size: int) -> list[dict[str, Any]]:
    """Returns `{"value", "transactions", "errors", "answered", "p50", "p95", "p99", "maximum"}` for each service."""
    counts = _count(searcher, query, _TYPE, size)
    listed = And((query, Or(tuple(Equals(_TYPE, value) for value in counts))))
    errors = _count(searcher, failed(listed), _TYPE, size)
    times = {group["value"]: group for group in measure(searcher, listed, _DURATION, _TYPE, size)["groups"]}
    return [
        {"value": value, "transactions": count, "errors": errors.get(value, 0), **_times(times.get(value, {}))}
        for value, count in counts.items()
    ]


def slowest(searcher: Searcher, query: Query, size: int) -> list[Hit]:
    """Returns the transactions with the longest response times."""
    return searcher.store.search(And((query, Exists(_DURATION))), size, sort=[(_DURATION, True)]).hits


def failures(searcher: Searcher, query: Query, size: int) -> list[dict[str, Any]]:
    """Returns `{"value", "transactions"}` for each of the requests that failed most often."""
    counts = _count(searcher, failed(query), "query", size)
    return [{"value": value, "transactions": count} for value, count in counts.items()]


def _times(found: dict[str, Any]) -> dict[str, Any]:
    return {"answered": found.get("count", 0)} | {name: found.get(name) for name in _FIGURES}


def _count(searcher: Searcher, query: Query, path: str, size: int) -> dict[str, int]:
    """Returns the most frequent values of a path, and the number of documents of each."""
    found = searcher.store.search(query, size=0, aggregations={"values": {"terms": {"field": path, "size": size}}})
    return {bucket["key"]: bucket["doc_count"] for bucket in found.aggregations["values"]["buckets"]}


def response_times(searcher: Searcher, query: Query, most: int) -> dict[str, Any]:
    """Returns transactions, errors and response times in nanoseconds over time, in at most `most` steps.

    `{"transactions", "errors", "first", "last", "interval", "over_time": [{"time", "transactions", "errors", "p50",
    "p95", "p99"}]}`. A step without answers has None for response times.
    """
    steps = Steps.of(searcher.store, query, most)
    wrong = {bucket["key"]: bucket["doc_count"] for bucket in steps.count(failed(query))}
    over_time = [
        {"time": bucket["key_as_string"], "transactions": bucket["doc_count"], "errors": wrong.get(bucket["key"], 0)}
        | {f"p{percent}": bucket["times"]["values"][str(float(percent))] for percent in PERCENTS}
        for bucket in steps.count(query, {"times": percentiles_of(_DURATION)})
    ]
    totals = {"transactions": steps.total, "errors": sum(wrong.values())}
    return totals | steps.limits() | {"over_time": over_time}


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


def conversations(searcher: Searcher, query: Query, size: int) -> list[dict[str, Any]]:
    """Returns the flows with the most bytes, with all their records.

    `{"flow", "source", "destination", "transport", "protocol", "packets", "packets_back", "bytes", "bytes_back"}`:
    packets and bytes of the client, and those of the server back.
    """
    largest = searcher.store.search(query, _RECORDS * size, sort=[("network.bytes", True)]).hits
    found = {part(hit.source, "flow").get("id"): _flow(hit.source) for hit in reversed(largest)}
    wanted = Or(tuple(Equals("flow.id", each) for each in found if each))
    paths = {f"{name}{back}": f"{end}.{name}" for name in ("packets", "bytes") for back, end in _ENDS.items()}
    sums = {name: {"sum": {"field": path}} for name, path in paths.items()}
    terms = {"flows": {"terms": {"field": "flow.id", "size": max(1, len(found))}, "aggs": sums}}
    buckets = searcher.store.search(And((query, wanted)), 0, aggregations=terms).aggregations["flows"]["buckets"]
    lines = [
        {"flow": bucket["key"]} | found[bucket["key"]] | {name: int(bucket[name]["value"]) for name in sums}
        for bucket in buckets
        if bucket["key"] in found
    ]
    return sorted(lines, key=lambda line: -line["bytes"] - line["bytes_back"])[:size]
