"""Tables of packets from the columns of files, without building documents."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from espcap.base.arrays import Array
from espcap.documents.columns import FRAME
from espcap.fields.field import Kind
from espcap.stores.local import terms
from espcap.stores.local.documents import documents
from espcap.stores.local.layout import CAPTURE, TIME, TYPES, is_text
from espcap.stores.local.segment import Segment, Values
from espcap.stores.tables import column, is_single

_PACKETS_AT_ONCE = 65_536
_ABSENT = np.iinfo("i8").max


@dataclass
class Selected:
    """Packets of one file."""

    index: str
    segment: Segment
    rows: Array
    """Numbers of the packets, from 0."""


def tables(files: Sequence[Selected], paths: Sequence[str], kind: Callable[[str], Kind]) -> Iterator[pa.Table]:
    """Yields the packets in the order of time, index, frame number and capture; those without a time come last."""
    for places, rows in _parts(files, _PACKETS_AT_ONCE):
        yield _table(files, places, rows, paths, kind)


def pages(files: Sequence[Selected], size: int) -> Iterator[list[dict[str, Any]]]:
    """Yields the documents of the packets in the order of `tables`, `size` at a time."""
    for places, rows in _parts(files, size):
        yield _page(files, places, rows)


def _parts(files: Sequence[Selected], size: int) -> Iterator[tuple[Array, Array]]:
    """Yields the packets in order, `size` at a time: the file of each packet, and its number there."""
    if not files:
        return
    places = np.repeat(np.arange(len(files), dtype="u4"), [len(each.rows) for each in files])
    rows = np.concatenate([each.rows for each in files]).astype("u4")
    order = _order(files)
    for start in range(0, len(order), size):
        part = order[start : start + size]
        yield places[part], rows[part]


def _page(files: Sequence[Selected], places: Array, rows: Array) -> list[dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for place in np.unique(places).tolist():
        positions = np.flatnonzero(places == place).tolist()
        sources = documents(files[place].segment, rows[positions].tolist())
        found |= dict(zip(positions, sources, strict=True))
    return [found[position] for position in range(len(rows))]


def _order(files: Sequence[Selected]) -> Array:
    names = {name: number for number, name in enumerate(sorted({each.index for each in files}))}
    indices = np.concatenate([np.full(len(each.rows), names[each.index], "u4") for each in files])
    times = np.concatenate([_numbers(each, TIME) for each in files])
    frames = np.concatenate([_numbers(each, FRAME) for each in files])
    return np.lexsort((_captures(files), frames, indices, times))


def _captures(files: Sequence[Selected]) -> Array:
    """Returns for each packet the place of its capture in the order of their names."""
    named = [each.segment.values(CAPTURE) for each in files]
    words = [each.words.to_pylist() if each and each.words is not None else [] for each in named]
    places = {name: place for place, name in enumerate(sorted(set().union(*words)))}
    found = []
    for file, values, names in zip(files, named, words, strict=True):
        ranks = np.zeros(file.segment.length, "u4")
        if values is not None and names:
            ranks[values.row_numbers()] = np.array([places[name] for name in names], "u4")[values.values]
        found.append(ranks[file.rows])
    return np.concatenate(found)


def _numbers(file: Selected, path: str) -> Array:
    """Returns the number of each packet at a path where it has at most one."""
    numbers = np.full(file.segment.length, _ABSENT)
    if values := file.segment.values(path):
        numbers[values.row_numbers()] = values.values
    return numbers[file.rows]


def _table(
    files: Sequence[Selected], places: Array, rows: Array, paths: Sequence[str], kind: Callable[[str], Kind]
) -> pa.Table:
    """Returns packets of several files. `places` has the file of each packet, `rows` its number there."""
    grouped = np.argsort(places, kind="stable")
    parts = []
    for place in np.unique(places).tolist():
        wanted = rows[places == place]
        segment = files[place].segment
        parts.append(pa.table([_column(segment, path, kind(path), wanted) for path in paths], list(paths)))
    back = np.empty(len(grouped), "i8")
    back[grouped] = np.arange(len(grouped))
    return pa.concat_tables(parts).take(pa.array(back)).combine_chunks()


def _column(segment: Segment, path: str, kind: Kind, wanted: Array) -> pa.Array:
    values, others = segment.values(path), segment.others()
    if values is not None and (values.words is None) is is_text(kind):
        values = terms.converted(values, kind)  # the field had another type when the file was written
    found = _typed(path, kind, values, segment.length, wanted)
    better = [(place, row) for place, row in enumerate(wanted.tolist()) if path in others.get(row, ())]
    if not better:
        return found
    lists = column(path, kind, [_listed(others[row][path]) for _, row in better])
    source = np.arange(len(wanted))
    source[[place for place, _ in better]] = len(wanted) + np.arange(len(better))
    return pa.concat_arrays([found, lists]).take(pa.array(source))


def _typed(path: str, kind: Kind, values: Values | None, length: int, wanted: Array) -> pa.Array:
    """Returns the values that have columns of their own."""
    if values is None:
        return column(path, kind, [[]] * len(wanted))
    rows = values.row_numbers()
    order = np.argsort(rows, kind="stable")
    counts = np.bincount(rows, minlength=length)
    ends = np.concatenate(([0], np.cumsum(counts)))
    each = counts[wanted]
    offsets = np.concatenate(([0], np.cumsum(each)))
    chosen = order[np.repeat(ends[wanted] - offsets[:-1], each) + np.arange(offsets[-1])]
    found = _arrow(values, kind, chosen)
    if not is_single(path):
        return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), found)
    return found.take(pa.array(offsets[:-1], pa.int64(), mask=each == 0))


def _arrow(values: Values, kind: Kind, chosen: Array) -> pa.Array:
    if values.words is not None:
        return values.words.take(pa.array(values.values[chosen])).cast(TYPES[kind])
    numbers = values.values[chosen]
    if kind is Kind.TIME:
        return pa.array(numbers.astype("i8"), pa.int64()).cast(TYPES[kind])
    return pa.array(numbers).cast(TYPES[kind])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
