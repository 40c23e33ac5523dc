"""Which packets of which captures a query finds, from a store's aggregations alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from espcap.base.errors import UsageError
from espcap.base.frames import FrameSet
from espcap.fields.registry import Registry
from espcap.query import And, Equals, Or, Query, Range
from espcap.searches.searcher import Searcher
from espcap.stores import Store

MOST_VALUES = 65_536
"""Buckets that Elasticsearch gives in one answer."""

_FRAMES_AT_ONCE = 50_000
_VALUES_AT_ONCE = 500
"""Conversations, or frames, that one query names."""
_FRAME, _CAPTURE, _FLOW = "layers.frame.number", "capture_id", "network.community_id"
_PROTOCOLS = "protocols"
_WITHOUT_PORTS = frozenset(["ip", "ipv6", "6lowpan", "wlan"])
"""Protocols that fragment packets: only one of the fragments has ports, and so belongs to a conversation."""
_PIECES = ("fragment", "segment")
"""How the fields end that name the frames which a packet was put together from."""


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


def selected(searcher: Searcher, query: Query, whole_flows: bool) -> list[Selection]:
    """The captures with packets that match, or with those of whole conversations. Raises as these."""
    return (
        select_conversations(searcher.store, query, searcher.registry) if whole_flows else select(searcher.store, query)
    )


def select(store: Store, query: Query) -> list[Selection]:
    """The captures with packets that match. Raises UsageError if they are of more captures than a store can count."""
    found: dict[str, Selection] = {}
    _add(store, query, found)
    return list(found.values())


def select_conversations(store: Store, query: Query, registry: Registry) -> list[Selection]:
    """The captures with packets that match, all packets of their conversations, and what those were put together from.

    Raises UsageError where they are of more captures or conversations than a store can count.
    """
    found: dict[str, Selection] = {}
    _add(store, query, found)
    parts = [query]
    for selection in list(found.values()):
        parts += _put_together(store, selection, registry)
    flows = dict.fromkeys(flow for part in parts for flow in _values(store, part, _FLOW, "conversations"))
    parts[1:] = [*parts[1:], *_any_of(_FLOW, list(flows))]
    for part in parts[1:]:
        _add(store, part, found)
    for selection in list(found.values()):
        for part in parts:
            _add_pieces(store, And((part, Equals(_CAPTURE, selection.capture_id))), selection, registry, found)
    return list(found.values())


def _put_together(store: Store, selection: Selection, registry: Registry) -> Iterator[Query]:
    """The packets of which packets of the selection are fragments."""
    capture = Equals(_CAPTURE, selection.capture_id)
    for path in _piece_paths(store, capture, registry):
        if path.split(".")[1] in _WITHOUT_PORTS:
            numbers = [number for number in _numbers(store, capture, path) if number in selection.frames]
            yield from (And((capture, part)) for part in _any_of(path, numbers))


def _add_pieces(
    store: Store, query: Query, selection: Selection, registry: Registry, found: dict[str, Selection]
) -> None:
    """The packets that those of a query in a capture were put together from."""
    for path in _piece_paths(store, query, registry):
        numbers = [number for number in _numbers(store, query, path) if number not in selection.frames]
        for part in _any_of(_FRAME, numbers):
            _add(store, And((part, Equals(_CAPTURE, selection.capture_id))), found)


def _piece_paths(store: Store, query: Query, registry: Registry) -> list[str]:
    """The paths that packets of a query can have of the frames that they were put together from."""
    names = [name for layer in _values(store, query, _PROTOCOLS, _PROTOCOLS) for name in registry.names_below(layer)]
    fields = [registry.field(name) for name in names if name.endswith(_PIECES)]
    return [each.path for each in fields if each and each.type == "FT_FRAMENUM"]


def _any_of(path: str, values: list[Any]) -> Iterator[Query]:
    for first in range(0, len(values), _VALUES_AT_ONCE):
        yield Or(tuple(Equals(path, value) for value in values[first : first + _VALUES_AT_ONCE]))


def _values(store: Store, query: Query, path: str, name: str) -> list[Any]:
    terms = {"values": {"terms": {"field": path, "size": MOST_VALUES}}}
    buckets = store.search(query, size=0, aggregations=terms).aggregations["values"]["buckets"]
    if len(buckets) >= MOST_VALUES:
        raise UsageError(f"the packets are of {MOST_VALUES:,} {name} or more", "narrow the query")
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
    """All values of a whole number, each once: of halves where there are too many for one answer."""
    waiting: list[tuple[int, int] | None] = [None]
    while waiting:
        span = waiting.pop()
        part = And((query, Range(path, *span))) if span else query
        stats = store.search(part, size=0, aggregations={"all": {"stats": {"field": path}}}).aggregations["all"]
        if not stats["count"]:
            continue
        low, high = int(stats["min"]), int(stats["max"])
        low, high = (max(low, span[0]), min(high, span[1])) if span else (low, high)  # others of a packet's values
        if min(stats["count"], high - low + 1) <= _FRAMES_AT_ONCE:
            numbers = _values(store, part, path, "frames")
            yield from (number for number in numbers if low <= number <= high)
        else:
            middle = (low + high) // 2
            waiting += [(middle + 1, high), (low, middle)]
