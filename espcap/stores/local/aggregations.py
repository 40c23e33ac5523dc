"""Aggregations over the files of the local index, as in Elasticsearch: buckets, sums, statistics and percentiles."""

import heapq
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np

from espcap.base.arrays import Array
from espcap.base.errors import UsageError
from espcap.fields.field import Kind
from espcap.query.values import milliseconds_text
from espcap.stores.local import terms
from espcap.stores.local.conditions import View
from espcap.stores.local.distributions import Measure, by_code, exact_sum
from espcap.stores.local.segment import Values

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MILLISECOND = 1_000_000
_MOST_BUCKETS = 65_536
_PARAMETERS = {
    "terms": {"field", "size"},
    "date_histogram": {"field", "fixed_interval", "min_doc_count"},
    "sum": {"field"},
    "stats": {"field"},
    "percentiles": {"field", "percents", "tdigest"},
}
_MEASURES = {"sum", "stats", "percentiles"}
_WITHIN = {"terms": _MEASURES, "date_histogram": _MEASURES}
"""What can be computed for each bucket."""
_NUMBERS = (Kind.INTEGER, Kind.UNSIGNED, Kind.FLOAT)


class Gatherer(Protocol):
    """One aggregation, to which one file after the other is added."""

    def add(self, view: View, mask: Array) -> None:
        """Adds the packets of a file for which `mask` is true."""

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
    allowed = _WITHIN.get(operation, set())
    simple = len(body) == 1 or all(len(each) == 1 and each.keys() <= allowed for each in inner.values())
    if not (known and simple):
        supported = "; ".join(f"{name} ({', '.join(sorted(keys))})" for name, keys in _PARAMETERS.items())
        raise UsageError(f"aggregation {name!r} is not supported: {body}", f"supported are {supported}")
    path = parameters["field"]
    sums = {each: _number_path(inner[each]["sum"]["field"], kind) for each in inner if "sum" in inner[each]}
    buckets = _Buckets(sums, {each: _measure(inner[each], kind) for each in inner if each not in sums})
    if operation == "terms":
        return _Terms(path, kind(path), parameters.get("size", 10), buckets)
    if operation == "date_histogram":
        return _DateHistogram(path, parameters["fixed_interval"], parameters.get("min_doc_count", 0), buckets)
    if operation == "percentiles":
        return _Percentiles(_measure(body, kind))
    return _Stats(_number_path(path, kind), only_sum=operation == "sum")


def _measure(body: dict[str, Any], kind: Callable[[str], Kind]) -> Measure:
    [(operation, parameters)] = body.items()
    path = _number_path(parameters["field"], kind)
    return Measure(path, tuple(parameters["percents"]) if operation == "percentiles" else None)


def _number_path(path: str, kind: Callable[[str], Kind]) -> str:
    """Returns the path, which must be a number or @timestamp. Raises UsageError."""
    if path != "@timestamp" and kind(path) not in _NUMBERS:
        raise UsageError(f"{path}: only numbers can be added, and this field is of type {kind(path)}")
    return path


def _selected(view: View, path: str, mask: Array) -> tuple[Array, Array, Values] | None:
    """Returns rows and values of a path, without the packets that the mask excludes; None if there are none.

    Each value of a packet is there once for terms; the caller removes repeated ones.
    """
    if (values := view.values(path)) is None:
        return None
    if values.rows is None:
        rows = np.flatnonzero(mask)
        return rows, values.values[rows], values
    keep = mask[values.rows]
    return values.rows[keep], values.values[keep], values


def _numbers(view: View, path: str, mask: Array) -> tuple[Array, Array]:
    """Returns rows and numbers of a path, integers or floats as they are stored; times are milliseconds, as floats."""
    found = _selected(view, path, mask)
    if found is None:
        return np.zeros(0, "i8"), np.zeros(0)
    rows, numbers, _ = found
    return rows, (numbers // _MILLISECOND).astype("f8") if path == "@timestamp" else numbers


class _Buckets:
    """The counts, sums and measures of buckets, by key."""

    def __init__(self, sums: dict[str, str], measures: dict[str, Measure]) -> None:
        self._sums = sums
        self._measures = measures
        self.counts: Counter[Any] = Counter()
        self._parts: dict[str, dict[Any, list[float]]] = {name: {} for name in sums}
        self._numbers: dict[str, dict[Any, list[Array]]] = {each.path: {} for each in self._measures.values()}

    def add(self, view: View, mask: Array, rows: Array, codes: Array, keys: Callable[[Array], list[Any]]) -> None:
        """Adds packets: `codes` has the bucket of each of the `rows`, from 0, and `keys` the keys of some codes."""
        counts = np.bincount(codes)
        some = np.flatnonzero(counts)
        found = keys(some)
        for key, count in zip(found, counts[some].tolist(), strict=True):
            self.counts[key] += count
        for name, path in self._sums.items():
            totals = _totals(view, path, mask)
            added = np.bincount(codes, totals[rows], len(counts))[some]
            for key, number in zip(found, added.tolist(), strict=True):
                self._parts[name].setdefault(key, []).append(number)
        names = dict(zip(some.tolist(), found, strict=True))
        for path, by_key in self._numbers.items():
            for code, numbers in by_code(rows, codes, *_numbers(view, path, mask)):
                by_key.setdefault(names[code], []).append(numbers)

    def values(self, key: Any) -> dict[str, Any]:
        """Returns the count, sums and measures of a key, as members of a bucket of the answer."""
        sums = {name: {"value": exact_sum(self._parts[name].get(key, ()))} for name in self._sums}
        measures = {name: each.of(self._numbers[each.path].get(key, [])) for name, each in self._measures.items()}
        return {"doc_count": self.counts[key]} | sums | measures


def _totals(view: View, path: str, mask: Array) -> Array:
    """Returns for each packet the sum of its numbers at a path."""
    rows, numbers = _numbers(view, path, mask)
    return np.bincount(rows, numbers, view.length)


class _Terms:
    """The most frequent values of a path."""

    def __init__(self, path: str, kind: Kind, size: int, buckets: _Buckets) -> None:
        self._path = path
        self._kind = kind
        self._size = size
        self._buckets = buckets

    def add(self, view: View, mask: Array) -> None:
        if (found := _selected(view, self._path, mask)) is None:
            return
        rows, values, source = found
        if source.words is None:
            distinct, codes = np.unique(self._numbers(values), return_inverse=True)
        else:
            distinct, codes = None, values
        if source.has_several:
            rows, codes = self._once(rows, codes, source)
        self._buckets.add(view, mask, rows, codes, partial(self._names, source, distinct))

    def _names(self, source: Values, distinct: Array | None, some: Array) -> list[Any]:
        """Returns the keys of some codes."""
        if distinct is not None:
            names: list[Any] = distinct[some].tolist()
            return names
        assert source.words is not None
        return [self._name(text) for text in source.words.take(some).to_pylist()]

    def _numbers(self, values: Array) -> Array:
        return values // _MILLISECOND if self._kind is Kind.TIME else terms.ordinals(self._kind, values)

    def _name(self, text: str) -> Any:
        return terms.packed(text) if self._kind is Kind.IP else text

    def _once(self, rows: Array, codes: Array, source: Values) -> tuple[Array, Array]:
        """Returns each value of a packet once."""
        if source.words is not None:
            encoded = source.words.dictionary_encode().indices.to_numpy()  # some words can be equal
            _, first = np.unique(encoded, return_index=True)
            codes = first[encoded][codes]
        width = int(codes.max(initial=0)) + 1
        pairs = np.unique(rows.astype("i8") * width + codes)
        return pairs // width, pairs % width

    def result(self) -> dict[str, Any]:
        counts = self._buckets.counts
        best = heapq.nsmallest(self._size, counts.items(), key=lambda item: (-item[1], item[0]))
        return {"buckets": [self._key(found) | self._buckets.values(found) for found, _ in best]}

    def _key(self, found: Any) -> dict[str, Any]:
        if self._kind is Kind.BOOLEAN:
            return {"key": found, "key_as_string": str(found == 1).lower()}
        if self._kind is Kind.TIME:
            return {"key": found, "key_as_string": milliseconds_text(found)}
        if self._kind is Kind.IP:
            return {"key": terms.address_text(found)}
        return {"key": terms.number_of(self._kind, found) if isinstance(found, int) else found}


class _DateHistogram:
    """The number of packets in each interval of time."""

    def __init__(self, path: str, interval: str, least: int, buckets: _Buckets) -> None:
        match = re.fullmatch(r"([1-9]\d*)(ms|s|m|h|d)", interval)
        if path != "@timestamp" or not match:
            hint = "use @timestamp and an interval such as 10s, 5m, 1h or 1d"
            raise UsageError(f"date_histogram of {path} by {interval!r} is not supported", hint)
        self._step = int(match[1]) * _UNITS[match[2]]
        self._least = least
        self._buckets = buckets

    def add(self, view: View, mask: Array) -> None:
        if (found := _selected(view, "@timestamp", mask)) is None or not len(found[0]):
            return
        rows, times, _ = found
        places = times // (_MILLISECOND * self._step)
        distinct, codes = np.unique(places, return_inverse=True)
        self._buckets.add(view, mask, rows, codes, lambda some: (distinct[some] * self._step).tolist())
        if len(self._buckets.counts) > _MOST_BUCKETS:
            raise _too_many()

    def result(self) -> dict[str, Any]:
        counts = self._buckets.counts
        keys: Sequence[int] = sorted(counts)
        if keys and self._least == 0:
            keys = range(keys[0], keys[-1] + 1, self._step)
            if len(keys) > _MOST_BUCKETS:
                raise _too_many()
        found = [key for key in keys if counts[key] >= self._least]
        return {
            "buckets": [
                {"key_as_string": milliseconds_text(key), "key": key} | self._buckets.values(key) for key in found
            ]
        }


def _too_many() -> UsageError:
    return UsageError(f"date_histogram: more than {_MOST_BUCKETS} buckets", "use a greater fixed_interval")


class _Stats:
    """Count, least, greatest, average and sum of the numbers of a path; or only the sum."""

    def __init__(self, path: str, only_sum: bool) -> None:
        self._path = path
        self._only_sum = only_sum
        self._count = 0
        self._sums: list[float] = []
        self._limits: list[float] = []

    def add(self, view: View, mask: Array) -> None:
        _, numbers = _numbers(view, self._path, mask)
        if len(numbers):
            self._count += len(numbers)
            with np.errstate(over="ignore"):  # a sum that is too large is infinite
                self._sums.append(float(numbers.sum(dtype="f8")))
            self._limits += [numbers.min().item(), numbers.max().item()]

    def result(self) -> dict[str, Any]:
        count, total = self._count, exact_sum(self._sums)
        if self._only_sum:
            return {"value": total}
        least, greatest = min(self._limits, default=None), max(self._limits, default=None)
        return {"count": count, "min": least, "max": greatest, "avg": total / count if count else None, "sum": total}


class _Percentiles:
    """Percentiles of the numbers of a path."""

    def __init__(self, measure: Measure) -> None:
        self._measure = measure
        self._parts: list[Array] = []

    def add(self, view: View, mask: Array) -> None:
        self._parts.append(_numbers(view, self._measure.path, mask)[1])

    def result(self) -> dict[str, Any]:
        return self._measure.of(self._parts)
