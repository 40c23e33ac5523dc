"""Statistics and percentiles of numbers, as in Elasticsearch: of all packets, and of the packets of each bucket."""

from collections.abc import Iterable, Iterator
from itertools import chain
from math import fsum
from typing import Any, NamedTuple

import numpy as np

from espcap.base.arrays import Array


class Measure(NamedTuple):
    """What is computed from the numbers of a path."""

    path: str
    percents: tuple[float, ...] | None
    """Percentiles; None for statistics."""

    def of(self, parts: list[Array]) -> dict[str, Any]:
        """Returns the result in the shape of Elasticsearch's. `parts` are all numbers, in any order."""
        if self.percents is None:
            return _statistics([each for each in parts if len(each)])
        numbers = np.concatenate([each.astype("f8") for each in parts]) if parts else np.zeros(0)
        return _percentiles(numbers, self.percents)


def exact_sum(numbers: Iterable[float]) -> float:
    """Returns the sum, which does not depend on the order of the numbers; infinite if it is too large."""
    listed = list(numbers)
    try:
        return fsum(listed)
    except OverflowError:
        return float(sum(listed))


def _statistics(parts: list[Array]) -> dict[str, Any]:
    """Returns the statistics of numbers; no part is empty. The limits of integers are integers, which are exact."""
    count, total = sum(map(len, parts)), exact_sum(chain.from_iterable(each.tolist() for each in parts))
    if not count:
        return {"count": 0, "min": None, "max": None, "avg": None, "sum": 0.0}
    limits = {"min": min(each.min().item() for each in parts), "max": max(each.max().item() for each in parts)}
    return {"count": count, **limits, "avg": total / count, "sum": total}


def _percentiles(numbers: Array, percents: tuple[float, ...]) -> dict[str, Any]:
    """Interpolates between the two nearest numbers, as Elasticsearch does while it keeps all numbers."""
    found = np.percentile(numbers, percents).tolist() if len(numbers) else [None] * len(percents)
    return {"values": {str(float(percent)): value for percent, value in zip(percents, found, strict=True)}}


def by_code(rows: Array, codes: Array, number_rows: Array, numbers: Array) -> Iterator[tuple[int, Array]]:
    """Yields for each code the numbers of its packets.

    `rows` and `codes` are pairs of a packet and a code, each pair once; `number_rows` has the packet of each number.
    """
    order = np.argsort(number_rows, kind="stable")
    sorted_rows = number_rows[order]
    starts, ends = (np.searchsorted(sorted_rows, rows, side) for side in ("left", "right"))
    counts = ends - starts
    before = np.cumsum(counts) - counts
    places = np.repeat(starts - before, counts) + np.arange(counts.sum())
    code_of_number = np.repeat(codes.astype("i8"), counts)
    by_number = np.argsort(code_of_number, kind="stable")
    found = numbers[order][places][by_number]
    distinct, firsts = np.unique(code_of_number[by_number], return_index=True)
    yield from zip(distinct.tolist(), np.split(found, firsts[1:]) if len(distinct) else [], strict=True)
