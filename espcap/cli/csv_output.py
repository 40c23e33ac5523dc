"""CSV for spreadsheets."""

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

from espcap.base.spreadsheets import safe_cell
from espcap.base.text import printable


def write_csv(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes the names of the columns and all rows. An apostrophe comes before texts that could be formulas."""
    writer = csv.writer(file, lineterminator="\n")
    for row in [columns, *rows]:
        writer.writerow([printable(safe_cell(cell)) for cell in row])
