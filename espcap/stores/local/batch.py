"""Makes Arrow tables of columns."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

import numpy as np
import pyarrow as pa

from espcap.base.arrays import Array, Texts
from espcap.documents.columns import LISTS, Column
from espcap.stores.local.layout import DICTIONARY, SEVERAL, TYPES

_BLOCK = 8192
"""Number of packets that are put in columns together."""


def table_of(columns: Iterable[Column], length: int) -> pa.Table:
    """Returns the columns of `length` packets as the table that is written to a file."""
    arrays: dict[str, pa.Array | pa.ChunkedArray] = {}
    for column in columns:
        arrays |= _arrays(column, length)
    return pa.table(arrays)


def joined(tables: Sequence[pa.Table]) -> pa.Table:
    """Joins tables of batches. Each column then has one dictionary."""
    if len(tables) == 1:
        return tables[0]
    return pa.concat_tables(tables, promote_options="default").unify_dictionaries()


def _arrays(column: Column, length: int) -> dict[str, pa.Array | pa.ChunkedArray]:
    encoder, rows = _Encoder(column), column.rows
    if column.path in LISTS:
        rows = np.arange(length, dtype="u4") if rows is None else rows
        return {column.path: _lists(encoder, encoder.values, rows, length)}
    if rows is None:
        return {column.path: encoder.array(encoder.values)}
    is_same = rows[1:] == rows[:-1]
    if not is_same.any():
        return {column.path: _spread(encoder, encoder.values, rows, length)}
    is_first = np.concatenate(([True], ~is_same))
    is_one_of_several = np.concatenate(([False], is_same)) | np.concatenate((is_same, [False]))
    return {
        column.path: _spread(encoder, encoder.values[is_first], rows[is_first], length),
        f"{column.path}{SEVERAL}": _lists(encoder, encoder.values[is_one_of_several], rows[is_one_of_several], length),
    }


class _Encoder:
    """Makes Arrow arrays of values of a column."""

    def __init__(self, column: Column) -> None:
        self.values = column.values
        self._words = None
        self._type = TYPES[column.kind]
        if column.texts is not None:
            self._words, self.values = _used(_words(column.texts), column.values)
            self._type = DICTIONARY

    def array(self, values: Array) -> pa.Array:
        """Returns an array of values."""
        return self._array(len(values), None, values)

    def spread(self, values: Array, rows: Array, length: int) -> pa.Array:
        """Returns an array with the values at these positions, and nulls at all others."""
        all_values, is_valid = np.zeros(length, values.dtype), np.zeros(length, bool)
        all_values[rows], is_valid[rows] = values, True
        return self._array(length, _bits(is_valid), all_values)

    def _array(self, length: int, is_valid: pa.Buffer | None, values: Array) -> pa.Array:
        buffers = [is_valid, _bits(values) if values.dtype == bool else pa.py_buffer(values)]
        if self._words is not None:
            return pa.DictionaryArray.from_buffers(DICTIONARY, length, buffers, self._words)
        return pa.Array.from_buffers(self._type, length, buffers)

    def nulls(self, length: int) -> pa.Array:
        """Returns at most _BLOCK nulls, which take no memory."""
        if self._words is not None:  # all chunks of a column need the same dictionary
            numbers = pa.Array.from_buffers(pa.int32(), length, [_zeros(), _zeros()], length)
            return pa.DictionaryArray.from_arrays(numbers, self._words)
        return pa.Array.from_buffers(self._type, length, [_zeros(), _zeros()], length)


def _words(texts: Texts) -> pa.Array:
    offsets = np.zeros(len(texts.ends) + 1, "i4")
    offsets[1:] = texts.ends
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(texts.content)]
    return pa.Array.from_buffers(pa.string(), len(texts.ends), buffers)


def _used(words: pa.Array, codes: Array) -> tuple[pa.Array, Array]:
    """Leaves out words that no packet has, because a file would get all of them. Returns the words and their codes."""
    if len(words) > len(codes):
        used, codes = np.unique(codes, return_inverse=True)
        words = words.take(pa.array(used))
    return words, codes.astype("i4", copy=False)


def _spread(encoder: _Encoder, values: Array, rows: Array, length: int) -> pa.ChunkedArray:
    """Returns an array with the values at these positions, and nulls at all others."""
    if len(rows) == length:
        return pa.chunked_array([encoder.array(values)])
    return _in_blocks(_dense, encoder, values, rows, length)


def _lists(encoder: _Encoder, values: Array, rows: Array, length: int) -> pa.ChunkedArray:
    """Returns an array with lists of the values of each packet; null for packets without values."""
    return _in_blocks(_dense_lists, encoder, values, rows, length)


def _in_blocks(
    dense: Callable[[_Encoder, Array, Array, int], pa.Array], encoder: _Encoder, values: Array, rows: Array, length: int
) -> pa.ChunkedArray:
    """Makes an array block by block, so that blocks of packets without values share the memory of their nulls."""
    starts = range(0, length, _BLOCK)
    cuts = [*np.searchsorted(rows, starts).tolist(), len(rows)]
    return pa.chunked_array(
        dense(encoder, values[first:last], rows[first:last] - np.uint32(start), min(_BLOCK, length - start))
        for start, first, last in zip(starts, cuts, cuts[1:], strict=False)
    )


def _dense(encoder: _Encoder, values: Array, rows: Array, length: int) -> pa.Array:
    if not len(rows):
        return encoder.nulls(length)
    return encoder.spread(values, rows, length)


def _dense_lists(encoder: _Encoder, values: Array, rows: Array, length: int) -> pa.Array:
    array = encoder.array(values)
    if not len(rows):
        return pa.ListArray.from_buffers(pa.list_(array.type), length, [_zeros(), _zeros()], length, children=[array])
    counts = np.bincount(rows, minlength=length)
    offsets = np.zeros(length + 1, "i4")
    np.cumsum(counts, out=offsets[1:])
    buffers = [_bits(counts > 0), pa.py_buffer(offsets)]
    return pa.ListArray.from_buffers(pa.list_(array.type), length, buffers, children=[array])


def _bits(values: Array) -> pa.Buffer:
    """Returns one bit for each boolean, as Arrow has them."""
    return pa.py_buffer(np.packbits(values, bitorder="little"))


@cache
def _zeros() -> pa.Buffer:
    """Memory for the values, and for the bits that say which of them are not null, of a block of nulls."""
    return pa.py_buffer(bytes(8 * (_BLOCK + 1)))
