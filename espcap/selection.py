"""Which packets of which captures a query finds, from a store's aggregations alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from espcap.errors import UsageError
from espcap.frames import FrameSet
from espcap.query import And, Equals, Or, Query, Range
from espcap.stores import Store

MOST_VALUES = 65_536
"""Buckets that Elasticsearch gives in one answer."""

_FRAMES_AT_ONCE = 50_000
_FLOWS_AT_ONCE = 500
_FRAME, _CAPTURE, _FLOW = "layers.frame.number", "capture_id", "network.community_id"


@dataclass
class Selection:
    """Packets of one capture."""

    capture_id: str
    names: list[str]
    """What its documents call the file; none for a live capture."""
    document: dict[str, Any]
    """One of its documents."""
    start: int
    """Nanoseconds since 1970; no packet is of an earlier time. -1 where that is not known."""
    frames: FrameSet = field(default_factory=FrameSet)


def select(store: Store, query: Query, whole_flows: bool = False) -> list[Selection]:
    """The captures with packets that match; with `whole_flows` all packets of their conversations too.

    Raises UsageError where they are of more captures or conversations than a store can count.
    """
    found: dict[str, Selection] = {}
    for part in [query, *(_flows(store, query) if whole_flows else ())]:
        for capture_id in _values(store, part, _CAPTURE, "captures"):
            _add_capture(store, And((part, Equals(_CAPTURE, capture_id))), capture_id, found)
    return list(found.values())


def _flows(store: Store, query: Query) -> Iterator[Query]:
    flows = _values(store, query, _FLOW, "conversations")
    for first in range(0, len(flows), _FLOWS_AT_ONCE):
        yield Or(tuple(Equals(_FLOW, flow) for flow in flows[first : first + _FLOWS_AT_ONCE]))


def _values(store: Store, query: Query, path: str, name: str) -> list[Any]:
    terms = {"values": {"terms": {"field": path, "size": MOST_VALUES}}}
    buckets = store.search(query, size=0, aggregations=terms).aggregations["values"]["buckets"]
    if len(buckets) >= MOST_VALUES:
        raise UsageError(f"the packets are of {MOST_VALUES:,} {name} or more", "narrow the query")
    return [bucket["key"] for bucket in buckets]


def _add_capture(store: Store, query: Query, capture_id: str, found: dict[str, Selection]) -> None:
    request = {
        "names": {"terms": {"field": "file_name", "size": 100}},
        "frames": {"stats": {"field": _FRAME}},
        "times": {"stats": {"field": "@timestamp"}},
    }
    answer = store.search(query, size=1, aggregations=request)
    names = [bucket["key"] for bucket in answer.aggregations["names"]["buckets"]]
    times, frames = answer.aggregations["times"], answer.aggregations["frames"]
    start = int(times["min"]) * 1_000_000 if times["count"] == answer.total else -1
    selection = found.setdefault(capture_id, Selection(capture_id, names, answer.hits[0].source, start))
    selection.start = min(selection.start, start)
    for low in range(int(frames["min"]), int(frames["max"]) + 1, _FRAMES_AT_ONCE):
        part = And((query, Range(_FRAME, low, low + _FRAMES_AT_ONCE - 1)))
        for number in _values(store, part, _FRAME, "frames"):
            selection.frames.add(number)
