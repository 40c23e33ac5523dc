"""CSV for spreadsheets."""

import csv
from collections.abc import Iterable, Sequence
from typing import TextIO

from espcap.base.text import printable

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""The first characters with which spreadsheets take a cell for a formula (OWASP, CSV injection)."""


def write_csv(file: TextIO, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Writes the names of the columns and all rows. An apostrophe comes before texts that could be formulas."""
    writer = csv.writer(file, lineterminator="\n")
    for row in [columns, *rows]:
        writer.writerow([printable(_safe(cell)) for cell in row])


def _safe(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) and not _is_number(cell) else cell


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
