"""Finds which packets of which captures match a query, with aggregations and without reading documents."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from espcap.base.errors import UsageError
from espcap.base.frames import FrameSet
from espcap.fields.registry import Registry
from espcap.query import And, Equals, Or, Query, Range
from espcap.searches.searcher import Searcher
from espcap.stores import MOST_BUCKETS, Store

_FRAMES_AT_ONCE = 50_000
"""The most frame numbers to request in one response."""
_VALUES_AT_ONCE = 500
"""The most conversations, or frames, in one query."""
_FRAME, _CAPTURE, _FLOW = "layers.frame.number", "capture_id", "network.community_id"
_PROTOCOLS = "protocols"
_WITHOUT_PORTS = frozenset(["ip", "ipv6", "6lowpan", "wlan"])
"""Protocols that fragment packets. Only one fragment of a packet has ports and so belongs to a conversation."""
PIECES = ("fragment", "segment")
"""The ends of names of fields that contain the frames from which a packet was reassembled."""


@dataclass
class Selection:
    """Packets of one capture."""

    capture_id: str
    names: list[str]
    """Names of the file in its documents; empty for a live capture."""
    document: dict[str, Any]
    """One of its documents."""
    start: int
    """Time in nanoseconds since 1970. No selected packet is earlier. -1 if it is not known."""
    frames: FrameSet = field(default_factory=FrameSet)


def select_packets(searcher: Searcher, query: Query, whole_flows: bool) -> list[Selection]:
    """Returns the packets that match, for each capture, or all packets of their conversations.

    Raises UsageError if there are more captures or conversations than a store can count.
    """
    return (
        select_conversations(searcher.store, query, searcher.registry) if whole_flows else select(searcher.store, query)
    )


def select(store: Store, query: Query) -> list[Selection]:
    """Returns the packets that match, for each capture.

    Raises UsageError if there are more captures than a store can count.
    """
    found: dict[str, Selection] = {}
    _add(store, query, found)
    return list(found.values())


def select_conversations(store: Store, query: Query, registry: Registry) -> list[Selection]:
    """Returns all packets of the conversations of packets that match, and their fragments, for each capture.

    Raises UsageError if there are more captures or conversations than a store can count.
    """
    found: dict[str, Selection] = {}
    _add(store, query, found)
    parts = [query]
    for selection in list(found.values()):
        parts += _reassembled(store, selection, registry)
    flows = dict.fromkeys(flow for part in parts for flow in _values(store, part, _FLOW, "conversations"))
    parts[1:] = [*parts[1:], *_any_of(_FLOW, list(flows))]
    for part in parts[1:]:
        _add(store, part, found)
    for selection in list(found.values()):
        for part in parts:
            for piece in list(_pieces(store, part, selection, registry)):
                _add(store, piece, found)
    return list(found.values())


def select_with_pieces(store: Store, query: Query, registry: Registry) -> list[Selection]:
    """Returns the packets that match, those from which they were reassembled, and so on, for each capture.

    A packet in which a message begins can also have the end of the one before, which is then needed to dissect it.
    """
    found: dict[str, Selection] = {}
    _add(store, query, found)
    for selection in list(found.values()):
        parts = [query]
        while parts:
            parts = [piece for part in parts for piece in _pieces(store, part, selection, registry)]
            for part in parts:
                _add(store, part, found)
    return list(found.values())


def _reassembled(store: Store, selection: Selection, registry: Registry) -> Iterator[Query]:
    """Yields queries for packets that were reassembled from packets of the selection."""
    capture = Equals(_CAPTURE, selection.capture_id)
    for path in _piece_paths(store, capture, registry):
        if path.split(".")[1] in _WITHOUT_PORTS:
            numbers = [number for number in _numbers(store, capture, path) if number in selection.frames]
            yield from (And((capture, part)) for part in _any_of(path, numbers))


def _pieces(store: Store, query: Query, selection: Selection, registry: Registry) -> Iterator[Query]:
    """Yields queries for packets, not selected yet, from which packets of a query in one capture were reassembled."""
    capture = Equals(_CAPTURE, selection.capture_id)
    query = And((query, capture))
    for path in _piece_paths(store, query, registry):
        numbers = [number for number in _numbers(store, query, path) if number not in selection.frames]
        yield from (And((part, capture)) for part in _any_of(_FRAME, numbers))


def _piece_paths(store: Store, query: Query, registry: Registry) -> list[str]:
    """Returns the paths at which packets of a query can contain the frames from which they were reassembled."""
    names = [name for layer in _values(store, query, _PROTOCOLS, _PROTOCOLS) for name in registry.names_below(layer)]
    fields = [registry.field(name) for name in names if name.endswith(PIECES)]
    return [each.path for each in fields if each and each.type == "FT_FRAMENUM"]


def _any_of(path: str, values: list[Any]) -> Iterator[Query]:
    for first in range(0, len(values), _VALUES_AT_ONCE):
        yield Or(tuple(Equals(path, value) for value in values[first : first + _VALUES_AT_ONCE]))


def _values(store: Store, query: Query, path: str, name: str) -> list[Any]:
    terms = {"values": {"terms": {"field": path, "size": MOST_BUCKETS}}}
    buckets = store.search(query, size=0, aggregations=terms).aggregations["values"]["buckets"]
    if len(buckets) >= MOST_BUCKETS:
        raise UsageError(f"the packets belong to {MOST_BUCKETS:,} {name} or more", "narrow the query")
    return [bucket["key"] for bucket in buckets]


def _add(store: Store, query: Query, found: dict[str, Selection]) -> None:
    for capture_id in _values(store, query, _CAPTURE, "captures"):
        _add_capture(store, And((query, Equals(_CAPTURE, capture_id))), str(capture_id), found)


def _add_capture(store: Store, query: Query, capture_id: str, found: dict[str, Selection]) -> None:
    request = {"names": {"terms": {"field": "file_name", "size": 100}}, "times": {"stats": {"field": "@timestamp"}}}
    answer = store.search(query, size=1, aggregations=request)
    names = [bucket["key"] for bucket in answer.aggregations["names"]["buckets"]]
    times = answer.aggregations["times"]
    start = int(times["min"]) * 1_000_000 if times["count"] == answer.total else -1
    selection = found.setdefault(capture_id, Selection(capture_id, names, answer.hits[0].source, start))
    selection.start = min(selection.start, start)
    for number in _numbers(store, query, _FRAME):
        selection.frames.add(number)


def _numbers(store: Store, query: Query, path: str) -> Iterator[int]:
    """Yields all values of an integer field, each once. Halves the range if it has too many values for one response."""
    waiting: list[tuple[int, int] | None] = [None]
    while waiting:
        span = waiting.pop()
        part = And((query, Range(path, *span))) if span else query
        stats = store.search(part, size=0, aggregations={"all": {"stats": {"field": path}}}).aggregations["all"]
        if not stats["count"]:
            continue
        low, high = int(stats["min"]), int(stats["max"])
        if span:  # other values of a packet can be outside
            low, high = max(low, span[0]), min(high, span[1])
        if min(stats["count"], high - low + 1) <= _FRAMES_AT_ONCE:
            numbers = _values(store, part, path, "frames")
            yield from (number for number in numbers if low <= number <= high)
        else:
            middle = (low + high) // 2
            waiting += [(middle + 1, high), (low, middle)]
