"""CSV that spreadsheets do not take for formulas."""

import csv
from io import StringIO

import pytest

from espcap.cli.csv_output import write_csv


def written(*rows: list[str]) -> str:
    file = StringIO()
    write_csv(file, ["name", "number"], rows)
    return file.getvalue()


@pytest.mark.parametrize("cell", ["=1+1", "+A1", "-A1", "@SUM(A1)", "-1+2", "--5"])
def test_formulas_become_texts(cell: str) -> None:
    assert written([cell, "1"]) == f"name,number\n'{cell},1\n"


@pytest.mark.parametrize("cell", ["-1", "+2.5", "-1e-09", "1e+20", "text", "a=b", "", "'"])
def test_numbers_and_other_texts_stay(cell: str) -> None:
    assert written([cell, "1"]) == f"name,number\n{cell},1\n"


def test_cells_are_read_again() -> None:
    rows = [["a,b", '"quoted"'], ["ü", "two words"]]
    assert list(csv.reader(StringIO(written(*rows)))) == [["name", "number"], *rows]


@pytest.mark.parametrize("control", ["\t", "\r", "\n", "\x1b"])
def test_no_control_characters(control: str) -> None:
    assert control not in written([f"{control}=1+1", "1"]).removesuffix("\n").partition("\n")[2]
