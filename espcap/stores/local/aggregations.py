"""Aggregations over the days of the local index, as in Elasticsearch: terms, date_histogram, sum and stats."""

import heapq
import re
from collections import Counter
from collections.abc import Callable, Sequence
from math import fsum
from typing import Any, Protocol

import tantivy

from espcap.base.errors import UsageError
from espcap.fields.field import Kind
from espcap.query.values import milliseconds_text
from espcap.stores import MOST_BUCKETS
from espcap.stores.local import values as local_values
from espcap.stores.local.day import MILLISECONDS, NUMBERS, Day, both

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PARAMETERS = {
    "terms": {"field", "size"},
    "date_histogram": {"field", "fixed_interval", "min_doc_count"},
    "sum": {"field"},
    "stats": {"field"},
}
_FEW = 100
"""Largest number of buckets of an answer for which only the most frequent values are counted first."""
_WITH_SUMS = ("terms", "date_histogram")


class Gatherer(Protocol):
    """One aggregation, to which one day after the other is added."""

    def add(self, day: Day, query: tantivy.Query) -> None:
        """Adds the matching documents of a day."""

    def result(self) -> dict[str, Any]:
        """Returns the answer in the shape of Elasticsearch's."""


def gather(request: dict[str, Any], kind: Callable[[str], Kind]) -> dict[str, Gatherer]:
    """Returns a gatherer for each name of a request in Elasticsearch's form.

    Raises UsageError if an aggregation is not supported.
    """
    return {name: _gatherer(name, body, kind) for name, body in request.items()}


def _gatherer(name: str, body: dict[str, Any], kind: Callable[[str], Kind]) -> Gatherer:
    operation = next((key for key in body if key != "aggs"), "")
    parameters = body.get(operation, {})
    inner = body.get("aggs", {})
    known = operation in _PARAMETERS and parameters.keys() <= _PARAMETERS[operation]
    simple = len(body) == 1 or (operation in _WITH_SUMS and all(list(each) == ["sum"] for each in inner.values()))
    if not (known and simple):
        supported = "; ".join(f"{name} ({', '.join(sorted(keys))})" for name, keys in _PARAMETERS.items())
        raise UsageError(f"aggregation {name!r} is not supported: {body}", f"supported are {supported}")
    path = parameters["field"]
    sums = {each: {"sum": {"field": _number_field(inner[each]["sum"]["field"], kind)}} for each in inner}
    if operation == "terms":
        return _Terms(path, kind(path), parameters.get("size", 10), sums)
    if operation == "date_histogram":
        return _DateHistogram(path, parameters["fixed_interval"], parameters.get("min_doc_count", 0), sums)
    return _Stats(_number_field(path, kind), only_sum=operation == "sum")


class _Buckets:
    """The counts and sums of buckets, by key."""

    def __init__(self, sums: dict[str, Any]) -> None:
        self.sums = sums
        self.counts: Counter[Any] = Counter()
        self._parts: dict[tuple[Any, str], list[float]] = {}

    def add(self, key: Any, bucket: dict[str, Any]) -> None:
        """Adds a bucket of tantivy's answer to the counts and sums of a key."""
        self.counts[key] += bucket["doc_count"]
        self.add_sums(key, bucket)

    def add_sums(self, key: Any, bucket: dict[str, Any]) -> None:
        """Adds only the sums of a bucket."""
        for name in self.sums:
            self._parts.setdefault((key, name), []).append(bucket[name]["value"] or 0.0)

    def values(self, key: Any) -> dict[str, Any]:
        """Returns the count and the sums of a key, as members of a bucket of the answer."""
        sums = {name: {"value": fsum(self._parts.get((key, name), ()))} for name in self.sums}
        return {"doc_count": self.counts[key]} | sums


class _Terms:
    """The most frequent values of a path."""

    def __init__(self, path: str, kind: Kind, size: int, sums: dict[str, Any]) -> None:
        self._path = path
        self._kind = kind
        self._is_number = kind in local_values.NUMBERS
        self._size = size
        self._buckets = _Buckets(sums)
        self._days: list[tuple[Day, tantivy.Query]] = []

    def add(self, day: Day, query: tantivy.Query) -> None:
        self._days.append((day, query))

    def result(self) -> dict[str, Any]:
        if self._size > _FEW or self._is_number or not self._gather_likely():
            self._gather_all()
        return {"buckets": [self._key(found) | self._buckets.values(found) for found in self._best()]}

    def _best(self) -> list[Any]:
        order = heapq.nsmallest(self._size, self._buckets.counts.items(), key=lambda item: (-item[1], item[0]))
        return [found for found, _ in order]

    def _gather_likely(self) -> bool:
        """Counts only the values that are probably the most frequent.

        Returns False if another value may be as frequent as one of the answer.
        """
        likely: set[Any] = set()
        left_out = 0
        for day, query in self._days:
            found, most = day.likely_values(query, self._path, 10 * self._size)
            likely.update(found)
            left_out += most
        self._gather(likely, count=True)
        counts = [self._buckets.counts[found] for found in self._best()]
        if not left_out or (len(counts) == self._size and counts[-1] > left_out):
            return True
        self._buckets = _Buckets(self._buckets.sums)
        return False

    def _gather_all(self) -> None:
        """Counts all values. Sums only those of the answer, because sums of all values take several times as long."""
        for day, query in self._days:
            for bucket in day.value_buckets(query, self._path):
                self._buckets.counts[self._found(bucket)] += bucket["doc_count"]
        if self._buckets.sums:
            self._gather(set(self._best()), count=False)

    def _gather(self, wanted: set[Any], count: bool) -> None:
        for day, query in self._days:
            some = query if self._is_number else both(query, day.any_text(self._path, wanted))
            for bucket in day.value_buckets(some, self._path, sums=self._buckets.sums):
                found = self._found(bucket)
                if found in wanted:
                    self._buckets.counts[found] += bucket["doc_count"] if count else 0
                    self._buckets.add_sums(found, bucket)

    def _found(self, bucket: dict[str, Any]) -> Any:
        """Returns the value of a bucket; times are in milliseconds."""
        found = bucket["key"]
        return int(found) // 1_000_000 if self._kind is Kind.TIME else found

    def _key(self, found: Any) -> dict[str, Any]:
        if self._kind is Kind.BOOLEAN:
            return {"key": found, "key_as_string": str(found == 1).lower()}
        if self._kind is Kind.TIME:
            return {"key": found, "key_as_string": milliseconds_text(found)}
        return {"key": local_values.decode(self._kind, found)}


class _DateHistogram:
    """The number of documents in each interval of time."""

    def __init__(self, path: str, interval: str, least: int, sums: dict[str, Any]) -> None:
        match = re.fullmatch(r"([1-9]\d*)(ms|s|m|h|d)", interval)
        if path != "@timestamp" or not match:
            hint = "use @timestamp and an interval such as 10s, 5m, 1h or 1d"
            raise UsageError(f"date_histogram of {path} by {interval!r} is not supported", hint)
        self._step = int(match[1]) * _UNITS[match[2]]
        self._least = least
        self._buckets = _Buckets(sums)

    def add(self, day: Day, query: tantivy.Query) -> None:
        request: dict[str, Any] = {
            "histogram": {"field": MILLISECONDS, "interval": self._step, "min_doc_count": 1},
            **({"aggs": self._buckets.sums} if self._buckets.sums else {}),
        }
        try:
            buckets = day.searcher.aggregate(query, {"steps": request})["steps"]["buckets"]
        except ValueError as error:
            raise _too_many() from error
        for bucket in buckets:
            self._buckets.add(int(bucket["key"]), bucket)
        if len(self._buckets.counts) > MOST_BUCKETS:
            raise _too_many()

    def result(self) -> dict[str, Any]:
        counts = self._buckets.counts
        keys: Sequence[int] = sorted(counts)
        if keys and self._least == 0:
            keys = range(keys[0], keys[-1] + 1, self._step)
            if len(keys) > MOST_BUCKETS:
                raise _too_many()
        found = [key for key in keys if counts[key] >= self._least]
        return {
            "buckets": [
                {"key_as_string": milliseconds_text(key), "key": key} | self._buckets.values(key) for key in found
            ]
        }


def _too_many() -> UsageError:
    return UsageError(f"date_histogram: more than {MOST_BUCKETS} buckets", "use a greater fixed_interval")


def _number_field(path: str, kind: Callable[[str], Kind]) -> str:
    """Returns the column with the numbers of a path, which must be an integer or @timestamp. Raises UsageError."""
    if path == "@timestamp":
        return MILLISECONDS
    if kind(path) is not Kind.INTEGER:
        raise UsageError(f"{path}: only integers can be added, and this field is of type {kind(path)}")
    return f"{NUMBERS}.{path}"


class _Stats:
    """Count, least, greatest, average and sum of the numbers of a path; or only the sum."""

    def __init__(self, field: str, only_sum: bool) -> None:
        self._field = field
        self._only_sum = only_sum
        self._found: list[dict[str, Any]] = []

    def add(self, day: Day, query: tantivy.Query) -> None:
        found = day.searcher.aggregate(query, {"stats": {"stats": {"field": self._field}}})["stats"]
        self._found += [found] if found["count"] else []

    def result(self) -> dict[str, Any]:
        count, total = sum(int(day["count"]) for day in self._found), fsum(day["sum"] for day in self._found)
        if self._only_sum:
            return {"value": total}
        least = min((day["min"] for day in self._found), default=None)
        greatest = max((day["max"] for day in self._found), default=None)
        return {"count": count, "min": least, "max": greatest, "avg": total / count if count else None, "sum": total}
