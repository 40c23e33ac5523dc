"""Builds the documents of many packets at once, as columns: for each path of a document all values.

The documents are those that `DocumentBuilder` builds from the records of the same packets.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
import orjson

from espcap.base.arrays import Array, Texts
from espcap.base.times import DAY
from espcap.dissection import Record
from espcap.dissection.columns import ColumnName, RawBatch, RawColumn
from espcap.documents.packets import DocumentBuilder, leaves_outside
from espcap.fields.field import PATHS, Kind

LISTS = ("protocols", "payload_fields")
"""Paths outside `layers` whose values are always lists."""
FRAME = "frame"
"""The column with the frame number, which together with `capture_id` is the identifier."""
KEYS = "keys"
"""The column with the order of the keys in a document, as JSON; see `keys_text`."""
_NUMBER, _LENGTH, _TIME = "layers.frame.number", "layers.frame.len", "layers.frame.time"
_REMEMBERED = 10_000


@dataclass(slots=True)
class Column:
    """All values of a path, in the order of the packets."""

    path: str
    kind: Kind
    rows: Array | None
    """For each value its packet, from 0, as uint32; None if each packet has exactly one value."""
    values: Array
    """The values: int64, uint64, float64 or bool; nanoseconds since 1970 for times; for texts numbers of `texts`."""
    texts: Texts | None = None
    """The distinct texts; None for other values."""


@dataclass(slots=True)
class PacketColumns:
    """Documents of packets of one capture and one day."""

    index: str
    """The name of the index of the day."""
    capture_id: str
    settings_id: str
    frames: Array
    """The frame numbers, ascending."""
    nanoseconds: Array
    """The times of the packets in nanoseconds since 1970."""
    columns: list[Column]

    @property
    def size(self) -> int:
        """The memory that the columns take, in bytes."""
        return sum(
            column.values.nbytes
            + (0 if column.rows is None else column.rows.nbytes)
            + (len(column.texts.content) if column.texts else 0)
            for column in self.columns
        )

    def only(self, wanted: Array) -> "PacketColumns":
        """Returns some of the packets. `wanted` says for each packet whether it is one of them."""
        columns = [*select(self.columns, wanted)]
        return replace(self, frames=self.frames[wanted], nanoseconds=self.nanoseconds[wanted], columns=columns)


Keys = tuple[tuple[str, tuple[str, ...]], ...]
"""For each layer its name and the names of its values, in the order of a document."""


def keys_text(layers: Keys, unparsed: Keys = ()) -> str:
    """Returns the order of the keys in a document as JSON: a list of `layers` and, if it is not empty, `unparsed`."""
    return orjson.dumps([dict(layers), *([dict(unparsed)] if unparsed else [])]).decode()


class _Context(NamedTuple):
    """Everything outside the values that packets with the same context share."""

    members: dict[str, Any]
    """Values of paths outside `layers`."""
    envelopes: dict[str, Any]
    """For each layer without a role in the stack the layer below it, or a list of them."""


class ColumnBuilder:
    """Builds the documents of one capture."""

    def __init__(self, builder: DocumentBuilder) -> None:
        """`builder` builds the documents of the same capture from records."""
        self._builder = builder
        self._contexts: dict[bytes, _Context] = {}
        self._keys: dict[tuple[tuple[ColumnName, ...], tuple[str, ...]], str] = {}

    def build(self, batch: RawBatch) -> Iterator[PacketColumns]:
        """Yields the documents of a batch for each day."""
        columns = [*map(_inside, batch.columns)]
        by_path = {column.path: column for column in columns}
        times, frames = by_path["@timestamp"].values, by_path[_NUMBER].values
        columns = [column for column in columns if not _follows(column, times)]
        contexts = [self._context(text) for text in batch.contexts]
        columns += _shared_columns([each.members for each in contexts], batch.context_codes, "")
        columns += _shared_columns([each.envelopes for each in contexts], batch.context_codes, "layers.{}.envelope")
        columns += [replace(by_path[_LENGTH], path=path) for path in ("source.bytes", "network.bytes")]
        columns.append(self._order(batch, contexts))
        columns.append(Column(FRAME, Kind.INTEGER, None, frames))
        yield from self._by_day(columns, times, frames)

    def _context(self, text: bytes) -> _Context:
        known = self._contexts.get(text)
        if known is None:
            if len(self._contexts) >= _REMEMBERED:
                self._contexts.clear()
            known = self._contexts[text] = self._read_context(text)
        return known

    def _read_context(self, text: bytes) -> _Context:
        found = orjson.loads(text)
        tree = found["tree"].split(":")
        inner = found["inner"].split(":") if found.get("inner") else []
        record = Record("", found["layers"], tree, community_id=found.get("community_id", ""), inner=inner)
        record.protocol_column = found.get("protocol_column", "")
        record.payload_fields = found.get("payload_fields", [])
        members, envelopes = self._builder.shared(record)
        return _Context(dict(leaves_outside(members)), envelopes)

    def _order(self, batch: RawBatch, contexts: list[_Context]) -> Column:
        """Returns the column KEYS."""
        pairs = batch.shape_codes.astype("u8") << np.uint64(32) | batch.context_codes
        distinct, codes = np.unique(pairs, return_inverse=True)
        texts: dict[str, int] = {}
        numbers = []
        for pair in distinct.tolist():
            shape, context = batch.shapes[pair >> 32], contexts[pair & 0xFFFFFFFF]
            numbers.append(texts.setdefault(self._keys_of(shape, context.envelopes), len(texts)))
        return Column(KEYS, Kind.STRING, None, np.array(numbers, "u4")[codes], texts_of(texts))

    def _keys_of(self, shape: list[ColumnName], envelopes: dict[str, Any]) -> str:
        key = tuple(shape), tuple(envelopes)
        if key not in self._keys:
            if len(self._keys) >= _REMEMBERED:
                self._keys.clear()
            self._keys[key] = keys_text(_ordered(shape, envelopes))
        return self._keys[key]

    def _by_day(self, columns: list[Column], times: Array, frames: Array) -> Iterator[PacketColumns]:
        days = times // DAY
        capture, settings = self._builder.origin.capture_id, self._builder.origin.settings_id
        distinct, counts = np.unique(days, return_counts=True)
        if len(distinct) == 1:
            parts = [(frames, times, columns)]
        else:
            order = np.argsort(days, kind="stable")
            bounds = np.concatenate(([0], np.cumsum(counts)))
            split = np.split(frames[order], bounds[1:-1]), np.split(times[order], bounds[1:-1])
            parts = [*zip(*split, _split(columns, order, bounds), strict=True)]
        for day, part in zip(distinct.tolist(), parts, strict=True):
            yield PacketColumns(self._builder.index_of(day * DAY), capture, settings, *part)


def _split(columns: Iterable[Column], order: Array, bounds: Array) -> list[list[Column]]:
    """Returns the columns of each group of packets.

    `order` has the packets of the first group, then those of the second, and so on. `bounds` has the place in `order`
    at which each group starts, and at last their number. Each column is sorted only once, because there can be hundreds
    of groups and columns.
    """
    groups: list[list[Column]] = [[] for _ in bounds[1:]]
    places = np.empty(len(order), "u4")
    places[order] = np.arange(len(order), dtype="u4")
    for column in columns:
        rows = places if column.rows is None else places[column.rows]
        sorting = np.argsort(rows, kind="stable")
        rows, values = rows[sorting], column.values[sorting]
        cuts = np.searchsorted(rows, bounds)
        for group in np.flatnonzero(np.diff(cuts)).tolist():
            first, last = cuts[group], cuts[group + 1]
            inside = None if column.rows is None else rows[first:last] - np.uint32(bounds[group])
            part = Column(column.path, column.kind, inside, values[first:last], column.texts)
            groups[group].append(part)
    return groups


def select(columns: Iterable[Column], wanted: Array) -> Iterator[Column]:
    """Yields the values of some packets. `wanted` says for each packet whether it is one of them."""
    places = np.cumsum(wanted, dtype="u4") - np.uint32(1)
    for column in columns:
        if column.rows is None:
            yield replace(column, values=column.values[wanted])
        elif (keep := wanted[column.rows]).any():
            yield replace(column, rows=places[column.rows[keep]], values=column.values[keep])


def texts_of(texts: Iterable[str]) -> Texts:
    """Returns texts in the form of a column."""
    encoded = [text.encode() for text in texts]
    return Texts(np.cumsum([len(text) for text in encoded], dtype="u4"), memoryview(b"".join(encoded)))


def _inside(raw: RawColumn) -> Column:
    layer, key = raw.name
    values = raw.values.view("u8") if raw.kind is Kind.UNSIGNED else raw.values
    return Column(f"layers.{layer}.{key}" if layer else key, raw.kind, raw.rows, values, raw.texts)


def _follows(column: Column, times: Array) -> bool:
    """Returns whether the values of a column follow from other columns."""
    return column.path == _NUMBER or (
        column.path == _TIME and column.rows is None and np.array_equal(column.values, times)
    )


def _shared_columns(contexts: list[dict[str, Any]], codes: Array, name: str) -> Iterator[Column]:
    """Yields columns of values that packets with the same context share. `name` makes a path of a name."""
    for key in dict.fromkeys(key for each in contexts for key in each):
        path = name.format(key) if name else key
        if path != "network.bytes":
            yield _shared_column(path, [each.get(key) for each in contexts], codes)


def _shared_column(path: str, found: list[Any], codes: Array) -> Column:
    kind = PATHS.get(path, Kind.STRING)
    lists = [each if isinstance(each, list) else [] if each is None else [each] for each in found]
    distinct = {value: number for number, value in enumerate(dict.fromkeys(value for each in lists for value in each))}
    width = max(map(len, lists))
    table = np.full((len(lists), width), -1, "i8")
    for row, each in enumerate(lists):
        table[row, : len(each)] = [distinct[value] for value in each]
    chosen = table[codes]
    rows, places = np.nonzero(chosen >= 0)
    numbers = chosen[rows, places]
    all_rows = None if width == 1 and len(rows) == len(codes) else rows.astype("u4")
    if kind is Kind.INTEGER:
        return Column(path, kind, all_rows, np.array(list(distinct), "i8")[numbers])
    return Column(path, kind, all_rows, numbers.astype("u4"), texts_of(distinct))


def _ordered(shape: list[ColumnName], envelopes: dict[str, Any]) -> Keys:
    layers: dict[str, list[str]] = {}
    for layer, key in shape:
        layers.setdefault(layer, []).append(key)
    for layer in envelopes:
        layers.setdefault(layer, []).insert(0, "envelope")
    return tuple((layer, tuple(keys)) for layer, keys in layers.items())
