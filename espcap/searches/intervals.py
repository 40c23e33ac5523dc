"""Finds groups of documents, such as connections to the same server, whose times are at regular intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

from espcap.base.errors import UsageError
from espcap.base.members import values_at
from espcap.base.times import SECOND, epoch_text, parse_epoch
from espcap.query import And, Exists, Query
from espcap.searches.paging import TIME, page
from espcap.searches.searcher import Searcher

FIGURES = ("count", "interval.mean", "interval.deviation")
"""Columns of a group: the number of its documents, and the mean of the seconds between two and their deviation."""

_LEAST = 5
"""The least number of documents of a group: fewer intervals are equal by chance."""
_MOST_VARIATION = 0.25
"""The largest standard deviation of the intervals of a group, in parts of their mean."""
_MOST_DOCUMENTS = 200_000
_PAGE = 2000


@dataclass(slots=True)
class _Group:
    """The times of documents so far, which are added in their order."""

    last: int
    """The time of the last one in nanoseconds since 1970."""
    count: int = 1
    mean: float = 0
    squares: float = 0
    """The sum of the squares of differences from the mean, as Welford computes it."""

    def add(self, time: int) -> None:
        interval = (time - self.last) / SECOND
        difference = interval - self.mean
        self.mean += difference / self.count
        self.squares += difference * (interval - self.mean)
        self.last = time
        self.count += 1

    @property
    def deviation(self) -> float:
        """The standard deviation of the intervals in seconds."""
        return sqrt(self.squares / (self.count - 1))

    @property
    def is_regular(self) -> bool:
        return self.count >= _LEAST and self.deviation <= _MOST_VARIATION * self.mean and self.mean > 0


def regular_groups(searcher: Searcher, query: Query, paths: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the groups with regular intervals, the most regular first: their values at `paths`, and FIGURES.

    Documents with the same values at all paths are a group. Raises UsageError if too many documents match.
    """
    query = And((query, *map(Exists, (TIME, *paths))))
    groups: dict[tuple[Any, ...], _Group] = {}
    for source in _in_order(searcher, query):
        key = tuple(next(iter(values_at(source, path)), None) for path in paths)
        time = parse_epoch(epoch_text(str(source[TIME])))
        if time is None:
            continue
        if key in groups:
            groups[key].add(time)
        else:
            groups[key] = _Group(time)
    found = [(key, group) for key, group in groups.items() if group.is_regular]
    found.sort(key=lambda each: each[1].deviation / each[1].mean)
    return [dict(zip(paths, key, strict=True)) | _figures(group) for key, group in found]


def _figures(group: _Group) -> dict[str, Any]:
    return dict(zip(FIGURES, (group.count, round(group.mean, 6), round(group.deviation, 6)), strict=True))


def _in_order(searcher: Searcher, query: Query) -> Iterator[dict[str, Any]]:
    """Yields the documents that match, the earliest first."""
    after = None
    while True:
        found = page(searcher, query, (TIME, False), after, _PAGE)
        if found.total > _MOST_DOCUMENTS:
            name = searcher.of.name
            raise UsageError(f"more than {_MOST_DOCUMENTS:,} {name} match", "narrow the times with --since and --until")
        yield from (hit.source for hit in found.hits)
        after = found.next
        if after is None:
            return
