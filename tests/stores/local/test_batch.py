"""Columns as the tables that are written."""

import numpy as np
import pyarrow as pa
import pytest

from espcap.documents.columns import Column, texts_of
from espcap.fields.field import Kind
from espcap.stores.local.batch import table_of


def texts(path: str, rows: list[int] | None, *values: str) -> Column:
    distinct = list(dict.fromkeys(values))
    codes = np.array([distinct.index(value) for value in values], "u4")
    return Column(path, Kind.STRING, None if rows is None else np.array(rows, "u4"), codes, texts_of(distinct))


def numbers(path: str, kind: Kind, rows: list[int] | None, values: list[object], dtype: str) -> Column:
    return Column(path, kind, None if rows is None else np.array(rows, "u4"), np.array(values, dtype))


@pytest.mark.parametrize(
    ("kind", "dtype", "values", "type_"),
    [
        (Kind.INTEGER, "i8", [-(2**63), 2**63 - 1], pa.int64()),
        (Kind.UNSIGNED, "u8", [0, 2**64 - 1], pa.uint64()),
        (Kind.FLOAT, "f8", [-0.5, float("inf")], pa.float64()),
        (Kind.BOOLEAN, "?", [True, False], pa.bool_()),
    ],
)
def test_numbers(kind: Kind, dtype: str, values: list[object], type_: pa.DataType) -> None:
    """A packet without a value has null, which is not 0, False or the empty text."""
    table = table_of(
        [numbers("a", kind, [0, 2], values, dtype), numbers("b", kind, None, [*values, values[0]], dtype)], 3
    )
    assert table.column("a").type == type_
    assert table.column("a").to_pylist() == [values[0], None, values[1]]
    assert table.column("b").to_pylist() == [*values, values[0]]


def test_times() -> None:
    column = table_of([numbers("t", Kind.TIME, None, [1, 10**18 + 1], "i8")], 2).column("t")
    assert column.type == pa.timestamp("ns", "UTC")
    assert column.cast(pa.int64()).to_pylist() == [1, 10**18 + 1]


def test_texts() -> None:
    table = table_of([texts("a", [1], ""), texts("b", None, "x", "y", "x")], 3)
    assert table.column("a").to_pylist() == [None, "", None]
    assert table.column("b").to_pylist() == ["x", "y", "x"]


def test_several_values() -> None:
    """The first is in the column, all of packets with several in the list."""
    table = table_of([texts("a", [0, 1, 1, 3, 3], "x", "y", "x", "z", "z")], 5)
    assert table.column("a").to_pylist() == ["x", "y", None, "z", None]
    assert table.column("a[]").to_pylist() == [None, ["y", "x"], None, ["z", "z"], None]


def test_paths_that_are_always_lists() -> None:
    table = table_of([texts("protocols", None, "eth", "ip"), texts("payload_fields", [1], "tcp.payload")], 2)
    assert table.to_pydict() == {"protocols": [["eth"], ["ip"]], "payload_fields": [None, ["tcp.payload"]]}


def test_more_packets_than_a_block() -> None:
    rows = [0, 5000, 5000, 9999]
    table = table_of([texts("a", rows, "x", "y", "z", "x")], 10_000)
    found = table.column("a").to_pylist()
    assert {row: value for row, value in enumerate(found) if value is not None} == {0: "x", 5000: "y", 9999: "x"}
    assert [each for each in table.column("a[]").to_pylist() if each] == [["y", "z"]]
