"""Makes Arrow tables of columns."""

from collections.abc import Callable, Iterable
from functools import cache

import numpy as np
import pyarrow as pa

from espcap.base.arrays import Array, Texts
from espcap.documents.columns import LISTS, Column
from espcap.fields.field import Kind
from espcap.stores.local.layout import SEVERAL, TYPES

_BLOCK = 4096
"""Number of packets that are put in columns together."""


def table_of(columns: Iterable[Column], length: int) -> pa.Table:
    """Returns the columns of `length` packets as the table that is written to a file."""
    arrays: dict[str, pa.Array | pa.ChunkedArray] = {}
    for column in columns:
        arrays |= _arrays(column, length)
    return pa.table(arrays)


def _arrays(column: Column, length: int) -> dict[str, pa.Array | pa.ChunkedArray]:
    values, rows = _values(column), column.rows
    if column.path in LISTS:
        return {column.path: _lists(values, _all_rows(rows, length), length)}
    if rows is None:
        return {column.path: values}
    is_first = np.ones(len(rows), bool)
    is_first[1:] = rows[1:] != rows[:-1]
    if is_first.all():
        return {column.path: _spread(values, rows, length)}
    is_one_of_several = ~is_first
    is_one_of_several[:-1] |= ~is_first[1:]
    several = np.flatnonzero(is_one_of_several)
    return {
        column.path: _spread(values.take(pa.array(np.flatnonzero(is_first))), rows[is_first], length),
        f"{column.path}{SEVERAL}": _lists(values.take(pa.array(several)), rows[several], length),
    }


def _all_rows(rows: Array | None, length: int) -> Array:
    return np.arange(length, dtype="u4") if rows is None else rows


def _values(column: Column) -> pa.Array:
    if column.texts is not None:
        return pa.DictionaryArray.from_arrays(pa.array(column.values.view("i4")), _words(column.texts))
    if column.kind is Kind.TIME:
        return pa.array(column.values).cast(TYPES[Kind.TIME])
    return pa.array(column.values)


def _spread(values: pa.Array, rows: Array, length: int) -> pa.ChunkedArray:
    """Returns an array with the values at these positions, and nulls at all others."""
    if len(rows) == length:
        return pa.chunked_array([values])
    return _in_blocks(values, rows, length, _dense)


def _lists(values: pa.Array, rows: Array, length: int) -> pa.ChunkedArray:
    """Returns an array with lists of the values of each packet; null for packets without values."""
    return _in_blocks(values, rows, length, _dense_lists)


def _in_blocks(
    values: pa.Array, rows: Array, length: int, dense: Callable[[pa.Array, Array, int], pa.Array]
) -> pa.ChunkedArray:
    """Makes an array block by block, so that blocks of packets without values share the memory of their nulls."""
    chunks = []
    for start in range(0, length, _BLOCK):
        size = min(_BLOCK, length - start)
        first, last = np.searchsorted(rows, (start, start + size)).tolist()
        chunks.append(dense(values.slice(first, last - first), rows[first:last] - start, size))
    return pa.chunked_array(chunks)


def _dense(values: pa.Array, rows: Array, length: int) -> pa.Array:
    if not len(rows):
        return _nulls(values, length)
    places = np.zeros(length, "i4")
    places[rows] = np.arange(len(rows), dtype="i4")
    absent = np.ones(length, bool)
    absent[rows] = False
    return values.take(pa.array(places, mask=absent))


def _dense_lists(values: pa.Array, rows: Array, length: int) -> pa.Array:
    if not len(rows):
        return pa.ListArray.from_buffers(pa.list_(values.type), length, [_zeros(), _zeros()], length, children=[values])
    counts = np.bincount(rows, minlength=length)
    offsets = np.zeros(length + 1, "i4")
    np.cumsum(counts, out=offsets[1:])
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(counts == 0))


def _nulls(values: pa.Array, length: int) -> pa.Array:
    if isinstance(values, pa.DictionaryArray):  # all chunks of a column need the same dictionary
        numbers = pa.Array.from_buffers(pa.int32(), length, [_zeros(), _zeros()], length)
        return pa.DictionaryArray.from_arrays(numbers, values.dictionary)
    return pa.Array.from_buffers(values.type, length, [_zeros(), _zeros()], length)


@cache
def _zeros() -> pa.Buffer:
    """Memory for the values, and for the bits that say which of them are not null, of a block of nulls."""
    return pa.py_buffer(bytes(8 * (_BLOCK + 1)))


def _words(texts: Texts) -> pa.Array:
    offsets = np.zeros(len(texts.ends) + 1, "i4")
    offsets[1:] = texts.ends
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(texts.content)]
    return pa.Array.from_buffers(pa.string(), len(texts.ends), buffers)
