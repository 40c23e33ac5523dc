"""What a query string, a display filter and two times ask for together, and what they may not find."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from espcap.errors import UsageError
from espcap.fields import Registry
from espcap.query import And, Everything, Query, Range
from espcap.query.left_out import payload_fields
from espcap.query.unknown import unknown_paths
from espcap.query.values import Time

if TYPE_CHECKING:
    from espcap.query.display_filter.literals import NameLookup

_PAYLOAD = "documents have values of more than 64 bytes only with --payload, and indices at most 2,730 bytes"


def read_filter(text: str, registry: Registry, named_values: "NameLookup") -> Query:
    """A display filter's query; its grammar is loaded only where there is one."""
    if not text.strip():
        return Everything()
    from espcap.query.display_filter import parse as parse_filter

    return parse_filter(text, registry, named_values)


def read_times(since: str, until: str) -> Query:
    """Packets from one time on and before another; empty text is no bound. Raises UsageError."""
    low, high = read_moment(since), read_moment(until)
    return Everything() if low is None and high is None else Range("@timestamp", low, high, True, False)


def read_moment(text: str) -> Time | None:
    """A time in the words of a user, UTC unless it says otherwise; None for empty text. Raises UsageError."""
    if not text.strip():
        return None
    from dateutil import parser

    try:
        moment = parser.parse(text, default=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0))
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no time", "write it as 2015-07-30T05:22:12, 30 July 2015 or 05:22") from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    nanoseconds = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1) * 1000
    if not 0 <= nanoseconds < 2**63:
        raise UsageError(f"{text!r} is no time of a packet", "take one between 1970 and 2262")
    return Time(nanoseconds)


def together(*parts: Query) -> Query:
    """All of them at once."""
    return And(tuple(part for part in parts if part != Everything()))


def doubts(query: Query, registry: Registry) -> Iterator[str]:
    """What a query may not find, or finds in spite of it."""
    for path in payload_fields(query, registry.kind):
        yield f"{path}: {_PAYLOAD}"
    for path, others in unknown_paths(query, registry).items():
        suggestion = f"; did you mean {' or '.join(others)}?" if others else ""
        yield f"{path}: no such field is known{suggestion}"
