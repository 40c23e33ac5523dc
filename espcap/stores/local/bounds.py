"""Finds the times that the packets of a query can have, so that files with other times stay closed."""

from espcap.base.times import LATEST
from espcap.query import And, Equals, Or, Query, Range
from espcap.query.values import Time

Bounds = tuple[int, int]
"""The earliest and the latest time, in nanoseconds since 1970."""
EVER: Bounds = (0, LATEST)


def time_bounds(query: Query) -> Bounds:
    """Returns the bounds of the times of all packets for which a query is true. Packets without a time have none."""
    match query:
        case Equals("@timestamp", Time() as moment):
            return moment, moment
        case Range("@timestamp", low, high, include_low, include_high):
            first = low + (not include_low) if isinstance(low, Time) else EVER[0]
            last = high - (not include_high) if isinstance(high, Time) else EVER[1]
            return first, last
        case And(parts):
            bounds = [EVER, *map(time_bounds, parts)]
            return max(low for low, _ in bounds), min(high for _, high in bounds)
        case Or((_, *_) as parts):
            bounds = [*map(time_bounds, parts)]
            return min(low for low, _ in bounds), max(high for _, high in bounds)
    return EVER
