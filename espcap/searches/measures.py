"""Measures the numbers of a field: their count, limits, mean and percentiles, of all packets and of groups of them."""

from typing import Any

from espcap.base.errors import UsageError
from espcap.fields.field import Kind
from espcap.query import And, Exists, Query
from espcap.searches.searcher import Searcher

COLUMNS = ("count", "minimum", "mean", "p50", "p95", "p99", "maximum")
"""The members of a line."""

PERCENTS = (50, 95, 99)
_COMPRESSION = 1000
"""Elasticsearch computes percentiles of about 15 times as many numbers exactly, and approximates those of more."""


def percentiles_of(path: str) -> dict[str, Any]:
    """Returns the aggregation of the numbers at a path to PERCENTS."""
    return {"percentiles": {"field": path, "percents": list(PERCENTS), "tdigest": {"compression": _COMPRESSION}}}


def check_numbers(name: str, path: str, kind: Kind) -> None:
    """Raises UsageError if the values of a field are not numbers."""
    if kind not in (Kind.INTEGER, Kind.UNSIGNED, Kind.FLOAT):
        hint = (
            f"name a field with numbers, such as frame.len; espcap search --agg {name} counts the values of any field"
        )
        raise UsageError(f"{path} has no numbers: its values are of type {kind}", hint)


def measure(searcher: Searcher, query: Query, field: str, by: str, size: int) -> dict[str, Any]:
    """Returns what the numbers of a field are, and the `size` largest groups of packets by the values of another field.

    `{"field", "by", "packets", "all": LINE, "groups": [{"value", "packets", **LINE}]}`, where a LINE has the members
    COLUMNS. Without `by` there are no groups. Packets without the field do not count. If a packet has several numbers,
    each counts; if it has several values of `by`, it is in several groups.

    Raises UsageError if a field does not exist, or if the values of `field` are not numbers.
    """
    path, kind = searcher.path(field), searcher.registry.kind(searcher.path(field))
    check_numbers(field, path, kind)
    numbers = {"stats": {"stats": {"field": path}}, "percentiles": percentiles_of(path)}
    groups = {"groups": {"terms": {"field": searcher.path(by), "size": size}, "aggs": numbers}} if by else {}
    answer = searcher.store.search(And((query, Exists(path))), size=0, aggregations=numbers | groups)
    buckets = answer.aggregations["groups"]["buckets"] if by else []
    return {
        "field": field,
        "by": by or None,
        "packets": answer.total,
        "all": _line(answer.aggregations, kind),
        "groups": [_named(bucket) | _line(bucket, kind) for bucket in buckets],
    }


def _named(bucket: dict[str, Any]) -> dict[str, Any]:
    """Returns the value of a group, for booleans and times as text, and the number of its packets."""
    return {"value": bucket.get("key_as_string", bucket["key"]), "packets": bucket["doc_count"]}


def _line(found: dict[str, Any], kind: Kind) -> dict[str, Any]:
    stats, percentiles = found["stats"], found["percentiles"]["values"]
    limits = [stats["min"], stats["max"]]
    if kind is not Kind.FLOAT and stats["count"]:
        limits = [int(limit) for limit in limits]
    middle = [stats["avg"], *(percentiles[str(float(percent))] for percent in PERCENTS)]
    return dict(zip(COLUMNS, [stats["count"], limits[0], *middle, limits[1]], strict=True))
