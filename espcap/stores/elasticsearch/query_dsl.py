"""Translates queries to Elasticsearch's query DSL, and its answers to the `SearchResult` of all stores."""

from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from typing import Any

from espcap.base.frames import FrameSet
from espcap.fields.field import Kind
from espcap.fields.registry import Registry
from espcap.query import (
    And,
    Condition,
    Equals,
    Everything,
    Exists,
    Frames,
    Matches,
    Not,
    Or,
    Query,
    Range,
    Unsearchable,
    Wildcard,
    Words,
)
from espcap.query.values import Time, Value
from espcap.query.words import TEXT_PATHS, expression_of_words, whole_words_error, words
from espcap.stores import Hit, SearchResult
from espcap.stores.elasticsearch.template import LARGEST_LONG, SECONDS_PATHS, WORDS

_UNMAPPED = {
    Kind.INTEGER: "long",
    Kind.UNSIGNED: "long",
    Kind.FLOAT: "double",
    Kind.BOOLEAN: "boolean",
    Kind.TIME: "date_nanos",
    Kind.IP: "ip",
}
_TERMS_AT_ONCE = 65_536
"""Largest number of values in a list (index.max_terms_count)."""
_FEW_FRAMES = 2_000
"""Largest number of frames of a capture that are searched for by identifier."""
_LARGEST_UNSIGNED = 2**64 - 1
_TIE_BREAK: list[Any] = [
    "_index",
    {"layers.frame.number": {"order": "asc", "missing": "_last", "unmapped_type": "long"}},
    {"capture_id": {"order": "asc", "missing": "_last", "unmapped_type": "keyword"}},
]
_METRIC = ("value", "count", "min", "max", "avg", "sum", "values")
_BUCKET = ("key", "key_as_string", "doc_count")
_COUNTED_PER_DAY = 10_000
"""Values that each day's shard counts for `terms`: with Elasticsearch's default (25 for 10) the sums can be wrong."""


def search_body(query: Query, sort: Sequence[tuple[str, bool]], registry: Registry) -> dict[str, Any]:
    """Returns the body of a search request. Equal documents are sorted by day, frame number and capture."""
    return {
        "query": translate(query, registry),
        "sort": [_sort(path, descending, registry) for path, descending in sort] + _TIE_BREAK,
        "track_total_hits": True,
    }


def _sort(path: str, descending: bool, registry: Registry) -> dict[str, Any]:
    unmapped = _UNMAPPED.get(registry.kind(path), "keyword")
    return {path: {"order": "desc" if descending else "asc", "missing": "_last", "unmapped_type": unmapped}}


def translate(query: Query, registry: Registry) -> dict[str, Any]:
    """Returns the query in Elasticsearch's query DSL. Conditions are filters, so that no scores are computed."""
    match query:
        case And(parts):
            return {"bool": {"filter": [translate(part, registry) for part in parts]}}
        case Or(parts):
            return _any_of([translate(part, registry) for part in parts])
        case Not(part):
            return {"bool": {"must_not": [translate(part, registry)]}}
        case Everything():
            return {"match_all": {}}
        case Frames(captures):
            return _any_of(list(_frames(captures)))
    return _condition(query, registry)


def _condition(query: Condition, registry: Registry) -> dict[str, Any]:
    if query.path in TEXT_PATHS:
        return _text_condition(query)
    match query:
        case Equals(path, value):
            return _equals(path, value)
        case Range():
            return _range(query, registry)
        case Exists(path):
            return _exists(path)
        case Unsearchable(path):
            return _any_of(_ignored(path))
    return _pattern(query)


def _pattern(query: Wildcard | Matches | Words) -> dict[str, Any]:
    path = _text_path(query.path)
    if isinstance(query, Wildcard):
        return {"wildcard": {path: {"value": query.pattern}}}
    pattern = query.pattern if isinstance(query, Matches) else expression_of_words(query.text)
    return {"regexp": {path: {"value": pattern, "flags": "NONE"}}}


def _text_condition(query: Condition) -> dict[str, Any]:
    match query:
        case Equals(_, str() as text) | Words(_, text):
            return {"match_phrase": {WORDS: {"query": " ".join(words(text))}}}
        case Exists():
            return {"exists": {"field": WORDS}}
    raise whole_words_error(query.path)


def _any_of(clauses: list[dict[str, Any]]) -> dict[str, Any]:
    return {"bool": {"should": clauses, "minimum_should_match": 1}}


def _frames(captures: Iterable[tuple[str, FrameSet]]) -> Iterator[dict[str, Any]]:
    """Yields conditions for frames of captures.

    Captures with few frames share one condition, with their identifiers, as the number of conditions is limited.
    """
    identifiers = []
    for capture_id, frames in captures:
        if len(frames) <= _FEW_FRAMES:
            identifiers += [f"{capture_id}-{frame}" for frame in frames]
            continue
        numbers = iter(frames)
        while some := list(islice(numbers, _TERMS_AT_ONCE)):
            conditions = [{"term": {"capture_id": capture_id}}, {"terms": {"layers.frame.number": some}}]
            yield {"bool": {"filter": conditions}}
    yield {"ids": {"values": identifiers}}


def _text_path(path: str) -> str:
    """Returns the path under which the text of a path is indexed."""
    return f"{path}.exact" if path in SECONDS_PATHS else path


def _exists(path: str) -> dict[str, Any]:
    """Returns the condition that a path has a value, also one that is not indexed: too long, or not of its type."""
    return _any_of([{"exists": {"field": path}}, *_ignored(path)])


def _ignored(path: str) -> list[dict[str, Any]]:
    return [{"term": {"_ignored": path}}, {"prefix": {"_ignored": f"{path}."}}]


def _equals(path: str, value: Value) -> dict[str, Any]:
    if isinstance(value, int) and value > LARGEST_LONG:
        return {"term": {f"{path}.exact": str(value)}}
    return {"term": {_text_path(path): _json(value)}}


def _json(value: Value) -> bool | int | float | str:
    return str(value) if isinstance(value, Time | IPv4Address | IPv6Address) else value


def _range(query: Range, registry: Registry) -> dict[str, Any]:
    if registry.kind(query.path) is Kind.UNSIGNED:
        return _unsigned_range(query)
    return {"range": {_text_path(query.path): _ends(query)}}


def _ends(query: Range) -> dict[str, Any]:
    ends = {}
    if query.low is not None:
        ends["gte" if query.include_low else "gt"] = _json(query.low)
    if query.high is not None:
        ends["lte" if query.include_high else "lt"] = _json(query.high)
    return ends


def _unsigned_range(query: Range) -> dict[str, Any]:
    """Returns the condition for a range of unsigned 64-bit numbers.

    Numbers that do not fit a long are indexed only as text. Texts of equal length sort as their numbers do.
    """
    low = 0 if query.low is None else int(query.low) + (not query.include_low)
    high = _LARGEST_UNSIGNED if query.high is None else int(query.high) - (not query.include_high)
    clauses: list[dict[str, Any]] = []
    if low <= LARGEST_LONG:
        clauses.append({"range": {query.path: {"gte": low, "lte": max(-1, min(high, LARGEST_LONG))}}})
    for digits, least, greatest in ((19, LARGEST_LONG + 1, 10**19 - 1), (20, 10**19, _LARGEST_UNSIGNED)):
        if max(low, least) <= min(high, greatest):
            text = {"gte": str(max(low, least)), "lte": str(min(high, greatest))}
            path = f"{query.path}.exact"
            clauses.append({"bool": {"filter": [{"range": {path: text}}, {"regexp": {path: f"[0-9]{{{digits}}}"}}]}})
    return _any_of(clauses) if clauses else {"match_none": {}}


def search_result(answer: dict[str, Any], asked: dict[str, Any]) -> SearchResult:
    """Returns the answer to a search as a SearchResult, without members that only Elasticsearch has.

    `asked` are the aggregations of the request. A hit may lack its source, in an index that another program has made.
    """
    hits = [Hit(hit["_index"], hit["_id"], hit.get("_source", {})) for hit in answer["hits"]["hits"]]
    given = answer.get("aggregations", {})
    aggregations = {name: _plain(given[name]) if name in given else _nothing(body) for name, body in asked.items()}
    return SearchResult(answer["hits"]["total"]["value"], hits, aggregations)


def _nothing(body: dict[str, Any]) -> dict[str, Any]:
    """Returns the result of an aggregation over no documents. Elasticsearch returns no result if no index exists."""
    if "stats" in body:
        return {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
    if "percentiles" in body:
        return {"values": {str(float(each)): None for each in body["percentiles"]["percents"]}}
    return {"value": 0.0} if "sum" in body else {"buckets": []}


def aggregation_body(aggregations: dict[str, Any]) -> dict[str, Any]:
    """Returns the aggregations with a `shard_size` for `terms` that makes the counts exact."""
    return {name: body | _exact(body) for name, body in aggregations.items()}


def _exact(body: dict[str, Any]) -> dict[str, Any]:
    terms = body.get("terms")
    return {"terms": terms | {"shard_size": max(_COUNTED_PER_DAY, terms.get("size", 10))}} if terms else {}


def _plain(aggregation: dict[str, Any]) -> dict[str, Any]:
    if "buckets" in aggregation:
        return {"buckets": [_bucket(bucket) for bucket in aggregation["buckets"]]}
    return {name: aggregation[name] for name in _METRIC if name in aggregation}


def _bucket(bucket: dict[str, Any]) -> dict[str, Any]:
    sums = {name: _plain(value) for name, value in bucket.items() if isinstance(value, dict)}
    return {name: bucket[name] for name in _BUCKET if name in bucket} | sums
