"""Reads packets that espcap's plugin for tshark prints as columns; native/columns.h describes the format.

No packet and no value is touched: columns are views of the output.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from espcap.base.arrays import Array, Texts
from espcap.base.errors import EspcapError
from espcap.fields.field import Kind

VERSION = 2
"""The version of the format, as in native/columns.h."""

_KINDS = (Kind.INTEGER, Kind.UNSIGNED, Kind.FLOAT, Kind.BOOLEAN, Kind.TIME, Kind.IP, Kind.BYTES, Kind.STRING)
_BATCH = np.dtype(
    [("size", "<u8")]
    + [(name, "<u4") for name in ("rows", "contexts", "context_bytes", "shapes", "shape_bytes", "line_bytes")]
    + [(name, "<u4") for name in ("columns", "version", "message_bytes", "reserved")]
)
_COLUMN = np.dtype(
    [(name, "<u4") for name in ("id", "count", "texts", "text_bytes", "name_bytes")]
    + [(name, "u1") for name in ("form", "kind", "has_rows", "reserved")]
)
_TYPES = (np.dtype("<i8"), np.dtype("<f8"), np.dtype("?"), np.dtype("<u4"))
_TEXTS = 3
"""The form of a column of texts."""


class ColumnName(NamedTuple):
    """The layer and the key of a column; the layer is empty for a member outside `layers`."""

    layer: str
    key: str


@dataclass(slots=True)
class RawColumn:
    """All values of a field in a batch, in the order of the packets."""

    name: ColumnName
    kind: Kind
    rows: Array | None
    """For each value its packet, from 0, as uint32; None if each packet has exactly one value."""
    values: Array
    """The values: int64 (for times nanoseconds since 1970), float64, bool, or uint32 numbers of texts."""
    texts: Texts | None
    """The distinct texts; None for other values."""


@dataclass(slots=True)
class RawBatch:
    """Some packets as columns."""

    length: int
    """Number of packets."""
    context_codes: Array
    """For each packet the number of its context."""
    contexts: list[bytes]
    """JSON of everything that packets with the same context share; see native/espcap_tap.c."""
    shape_codes: Array
    """For each packet the number of its shape."""
    shapes: list[list[ColumnName]]
    """The names of all values of a packet in the order of the tree."""
    columns: list[RawColumn]
    lines: list[bytes]
    """Lines of further packets, which do not fit columns, as `TapReader` reads them."""
    messages: list[bytes] = field(default_factory=list)
    """JSON of the messages of all packets, see `espcap.dissection.messages`; empty if they are not wanted."""


class ColumnReader:
    """Reads batches from the output of one tshark."""

    def __init__(self) -> None:
        self._names: dict[int, ColumnName] = {}

    def batches(self, blocks: Iterable[bytes]) -> Iterator[RawBatch | None]:
        """Yields each whole batch, and None for each empty block, which shows that time has passed.

        Drops an unfinished last batch.
        """
        waiting: list[bytes] = []
        size, wanted = 0, _BATCH.itemsize
        for block in blocks:
            if not block:
                yield None
                continue
            waiting.append(block)
            size += len(block)
            while size >= wanted:
                whole = b"".join(waiting)
                wanted = _BATCH.itemsize + int.from_bytes(whole[:8], "little")
                if size < wanted:
                    waiting = [whole]
                    break
                yield self._batch(memoryview(whole)[:wanted])
                waiting, size, wanted = [whole[wanted:]], size - wanted, _BATCH.itemsize

    def _batch(self, content: memoryview) -> RawBatch:
        head = np.frombuffer(content, _BATCH, 1)[0]
        if head["version"] != VERSION:
            raise EspcapError(f"the native reader prints columns of version {head['version']}", "run make native again")
        rows = int(head["rows"])
        parts = _Parts(content[_BATCH.itemsize :])
        context_codes, shape_codes = parts.array("<u4", rows), parts.array("<u4", rows)
        contexts = parts.texts(int(head["contexts"]), int(head["context_bytes"]))
        shapes = parts.texts(int(head["shapes"]), int(head["shape_bytes"]))
        lines, messages = (
            bytes(parts.take(int(head[name]))).split(b"\n")[:-1] for name in ("line_bytes", "message_bytes")
        )
        columns = [self._column(parts) for _ in range(int(head["columns"]))]
        with_values = [column for column in columns if len(column.values)]
        named_shapes = [*map(self._shape, _split(shapes))]
        return RawBatch(rows, context_codes, _split(contexts), shape_codes, named_shapes, with_values, lines, messages)

    def _shape(self, identifiers: bytes) -> list[ColumnName]:
        return [self._names[each] for each in np.frombuffer(identifiers, "<u4").tolist()]

    def _column(self, parts: "_Parts") -> RawColumn:
        head = parts.array(_COLUMN, 1)[0]
        count, form = int(head["count"]), int(head["form"])
        if name_bytes := int(head["name_bytes"]):
            layer, _, key = bytes(parts.take(name_bytes)).partition(b"\0")
            self._names[int(head["id"])] = ColumnName(layer.decode(), key.decode())
        rows = parts.array("<u4", count) if head["has_rows"] else None
        values = parts.array(_TYPES[form], count)
        texts = parts.texts(int(head["texts"]), int(head["text_bytes"])) if form == _TEXTS else None
        return RawColumn(self._names[int(head["id"])], _KINDS[int(head["kind"])], rows, values, texts)


class _Parts:
    """Takes the parts of a batch one after the other."""

    def __init__(self, content: memoryview) -> None:
        self._content = content
        self._position = 0

    def take(self, size: int) -> memoryview:
        """Returns the next part, without the zeros after it. Raises EspcapError if it is not complete."""
        start = self._position
        self._position += size + -size % 8
        if self._position > len(self._content):
            raise EspcapError("the native reader's output is damaged", "run make native again")
        return self._content[start : start + size]

    def array(self, dtype: Any, count: int) -> Array:
        """Returns the next part as an array."""
        dtype = np.dtype(dtype)
        return np.frombuffer(self.take(count * dtype.itemsize), dtype, count)

    def texts(self, count: int, size: int) -> Texts:
        """Returns the next two parts as texts."""
        return Texts(self.array("<u4", count), self.take(size))


def _split(texts: Texts) -> list[bytes]:
    whole, start, found = bytes(texts.content), 0, []
    for end in texts.ends.tolist():
        found.append(whole[start:end])
        start = end
    return found
