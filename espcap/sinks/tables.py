"""Writes Arrow tables of packets as Parquet and CSV. All are read once, and only one is in memory."""

import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from espcap.base.spreadsheets import FORMULA, NUMBER

_RFC_3339 = "%Y-%m-%dT%H:%M:%SZ"


def write_parquet(tables: Iterable[pa.Table], file: BinaryIO, folder: str | None) -> int:
    """Writes a Parquet file and returns the number of packets. Columns are lists only if a packet has several values.

    The packets are first in a temporary file in `folder`, because that is known only at the end.
    """
    with tempfile.TemporaryFile(dir=folder) as scratch:
        several = _write_lists(tables, scratch)
        if several is None:
            return 0
        lists = pq.ParquetFile(scratch)
        parts = (lists.read_row_group(number) for number in range(lists.num_row_groups))
        _write(map(lambda part: simplified(part, several), parts), file)
        return int(lists.metadata.num_rows)


def _write_lists(tables: Iterable[pa.Table], file: BinaryIO) -> set[str] | None:
    """Writes the tables unchanged. Returns the columns that are lists of several values; None if there is no table."""
    several: set[str] = set()
    return several if _write(_noting_several(tables, several), file) else None


def _noting_several(tables: Iterable[pa.Table], several: set[str]) -> Iterator[pa.Table]:
    for table in tables:
        several |= having_several(table)
        yield table


def _write(tables: Iterable[pa.Table], file: BinaryIO) -> bool:
    writer = None
    try:
        for table in tables:
            writer = writer or pq.ParquetWriter(file, table.schema, compression="zstd")
            writer.write_table(table)
    finally:
        if writer:
            writer.close()
    return writer is not None


def write_csv(tables: Iterable[pa.Table], file: BinaryIO) -> int:
    """Writes CSV with a line of names, and returns the number of packets.

    Several values are separated by commas. Texts that a spreadsheet would run as formulas begin with a quote.
    """
    packets = 0
    for table in tables:
        cells = pa.table([_cells(column) for column in table.columns], table.column_names)
        pa.csv.write_csv(cells, file, pa.csv.WriteOptions(include_header=not packets))
        packets += table.num_rows
    return packets


def joined(tables: Iterable[pa.Table]) -> pa.Table | None:
    """Returns all packets as one table; None if there is no table. Columns are lists only if one has several values."""
    parts = list(tables)
    if not parts:
        return None
    table = pa.concat_tables(parts)
    return simplified(table, having_several(table))


def having_several(table: pa.Table) -> set[str]:
    """Returns the names of the columns in which a packet has several values."""
    lists = [name for name in table.column_names if pa.types.is_list(table.schema.field(name).type)]
    return {name for name in lists if (pc.max(pc.list_value_length(table[name])).as_py() or 0) > 1}


def simplified(table: pa.Table, several: set[str]) -> pa.Table:
    """Returns the table with the only value instead of lists, except in the columns `several`; null if it is empty."""
    for place, name in enumerate(table.column_names):
        if pa.types.is_list(table.schema.field(name).type):
            column = table[name]
            has_any = pc.greater(pc.list_value_length(column), 0)
            column = pc.if_else(has_any, column, None) if name in several else _only(column)
            table = table.set_column(place, name, column)
    return table


def _only(column: pa.ChunkedArray) -> pa.ChunkedArray:
    chunks = [_only_of(chunk) for chunk in column.chunks]
    return pa.chunked_array(chunks, column.type.value_type)


def _only_of(lists: pa.ListArray) -> pa.Array:
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    ends = lengths.cumsum()
    return lists.flatten().take(pa.array(ends - lengths, pa.int64(), mask=lengths == 0))


def _cells(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns the texts of a column; null for packets without a value."""
    return pa.chunked_array([_cells_of(chunk) for chunk in column.chunks], pa.string())


def _cells_of(column: pa.Array) -> pa.Array:
    if not pa.types.is_list(column.type):
        return _safe(_texts(column), column.type)
    lengths = pc.list_value_length(column)
    texts = pa.ListArray.from_arrays(_offsets(lengths), _texts(column.flatten()))
    cells = pc.if_else(pc.greater(lengths, 0), pc.binary_join(texts, ","), None)
    return _safe(cells, column.type.value_type)


def _offsets(lengths: pa.Array) -> pa.Array:
    ends = pc.cumulative_sum(pc.fill_null(lengths, 0))
    return pa.concat_arrays([pa.array([0], ends.type), ends]).cast(pa.int32())


def _texts(values: pa.Array) -> pa.Array:
    if pa.types.is_timestamp(values.type):
        return pc.strftime(values.cast(pa.timestamp("ns")), _RFC_3339)
    return values.cast(pa.string())


def _safe(cells: pa.Array, kind: Any) -> pa.Array:
    if not pa.types.is_string(kind):
        return cells
    formula = pc.and_(pc.match_substring_regex(cells, FORMULA), pc.invert(pc.match_substring_regex(cells, NUMBER)))
    return pc.if_else(formula, pc.binary_join_element_wise("'", cells, ""), cells)
