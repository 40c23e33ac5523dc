"""Tables as CSV and Parquet: cells that are safe in spreadsheets, and lists only if they are needed."""

import csv
import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from espcap.sinks.tables import joined, write_csv, write_parquet


def cells(table: pa.Table) -> list[list[str]]:
    """The cells that are written, without the line of names."""
    file = io.BytesIO()
    write_csv([table], file)
    return list(csv.reader(io.StringIO(file.getvalue().decode(), newline="")))[1:]


@pytest.mark.parametrize("text", ["=1+1", "+cmd", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1"])
def test_formulas_begin_with_a_quote(text: str) -> None:
    assert cells(pa.table({"info": [text]})) == [[f"'{text}"]]


@pytest.mark.parametrize("text", ["-5", "+1.5e3", "a=b", "10.0.0.1", "", 'say "x", then\ny'])
def test_other_texts_do_not(text: str) -> None:
    assert cells(pa.table({"info": [text], "frame": [1]})) == [[text, "1"]]


def test_several_values_are_in_one_cell() -> None:
    table = pa.table({"a": [["x", "y"], ["=x", "y"], [], ["-1"]], "n": [[-1, 2], [2**63 - 1], [], [0]]})

    assert cells(table) == [["x,y", "-1,2"], ["'=x,y", "9223372036854775807"], ["", ""], ["-1", "0"]]


def test_unsigned_numbers_and_nanoseconds_are_exact() -> None:
    times = pa.array([1, None], pa.timestamp("ns", "UTC"))
    table = pa.table({"time": times, "number": pa.array([2**64 - 1, 0], pa.uint64())})

    assert cells(table) == [["1970-01-01T00:00:00.000000001Z", "18446744073709551615"], ["", "0"]]


def test_columns_are_lists_only_if_a_packet_has_several_values() -> None:
    first, second = pa.table({"a": [["x"], []], "b": [[1], [2]]}), pa.table({"a": [["y"]], "b": [[3, 4]]})
    file = io.BytesIO()

    assert write_parquet([first, second], file, None) == 3

    expected = {"a": ["x", None, "y"], "b": [[1], [2], [3, 4]]}
    assert pq.read_table(io.BytesIO(file.getvalue())).to_pydict() == expected
    found = joined([first, second])
    assert found is not None
    assert found.to_pydict() == expected
